#include "sim/engine/static_pass.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace plumbline {
namespace {

using testing::ElementsAre;

// Two stages, two micro-batches, forward 3 and transfer 1:
//   stage 0:  F0 0-3   F1 3-6
//   stage 1:             F0 4-7   F1 7-10
TEST(StaticPass, StartsEachTaskWhenTheLastOfItsPredecessorsAllows) {
  TaskGraphBuilder builder;
  const ResourceId first = builder.add_resource(), second = builder.add_resource();
  const TaskId a0 = builder.add_task(first, 3), a1 = builder.add_task(first, 3);
  const TaskId b0 = builder.add_task(second, 3), b1 = builder.add_task(second, 3);
  builder.add_edge(a0, a1);
  builder.add_edge(b0, b1);
  builder.add_edge(a0, b0, 1);
  builder.add_edge(a1, b1, 1);
  Timeline timeline;
  EXPECT_FALSE(static_pass(std::move(builder).build(), timeline).has_value());
  EXPECT_THAT(timeline.start, ElementsAre(0, 3, 4, 7));
  EXPECT_THAT(timeline.finish, ElementsAre(3, 6, 7, 10));
}

TEST(StaticPass, ServesAQueueWhoseTasksAreReadyInTheirOrder) {
  TaskGraphBuilder builder;
  const ResourceId engine = builder.add_resource();
  builder.add_task(engine, 5);
  builder.add_task(engine, 5);
  Timeline timeline;
  EXPECT_FALSE(static_pass(std::move(builder).build(), timeline).has_value());
  EXPECT_THAT(timeline.start, ElementsAre(0, 5));
}

TEST(StaticPass, StopsWhereALaterTaskIsReadyEarlier) {
  TaskGraphBuilder builder;
  const ResourceId engine = builder.add_resource();
  builder.add_task(kNoResource, 10);
  builder.add_task(engine, 5);
  builder.add_task(engine, 5);
  builder.add_edge(0, 1);
  Timeline timeline;
  const auto conflict = static_pass(std::move(builder).build(), timeline);
  ASSERT_TRUE(conflict.has_value());
  EXPECT_EQ(to_string(*conflict), "tasks 1 and 2 may overtake on resource 0");
}

TEST(StaticPass, GivesAFlowItsNarrowestLinkForItself) {
  TaskGraphBuilder builder;
  const LinkId links[] = {builder.add_link(1e12), builder.add_link(0.25e12)};
  builder.add_flow(builder.add_route(links), 100);
  Timeline timeline;
  EXPECT_FALSE(static_pass(std::move(builder).build(), timeline).has_value());
  EXPECT_THAT(timeline.finish, ElementsAre(400));
}

TEST(StaticPass, StopsWhereTwoFlowsMeetButNotWhereTheyTouch) {
  for (const SimTime delay : {99, 100}) {
    TaskGraphBuilder builder;
    const LinkId link = builder.add_link(1e12);
    const RouteId route = builder.add_route(std::span(&link, 1));
    builder.add_task(kNoResource, 0);
    builder.add_flow(route, 100);
    builder.add_flow(route, 100);
    builder.add_edge(0, 1);
    builder.add_edge(0, 2, delay);
    Timeline timeline;
    const auto conflict = static_pass(std::move(builder).build(), timeline);
    ASSERT_EQ(conflict.has_value(), delay == 99);
    if (conflict) {
      EXPECT_EQ(to_string(*conflict), "flows 1 and 2 meet on link 0");
    }
  }
}

TEST(StaticPass, RefillsATimelineThatWasUsedBefore) {
  TaskGraphBuilder builder;
  builder.add_task(kNoResource, 4);
  Timeline timeline{{7, 8, 9}, {7, 8, 9}};
  static_pass(std::move(builder).build(), timeline);
  EXPECT_THAT(timeline.start, ElementsAre(0));
  EXPECT_THAT(timeline.finish, ElementsAre(4));
}

}  // namespace
}  // namespace plumbline
