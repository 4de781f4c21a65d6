#include "sim/engine/execute.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plumbline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Execute, SweepsWhereNothingHasToBeArbitrated) {
  TaskGraphBuilder builder;
  builder.add_task(builder.add_resource(), 5);
  const Execution execution = execute(std::move(builder).build());
  EXPECT_EQ(execution.executor, Executor::kStaticPass);
  EXPECT_THAT(execution.reason, HasSubstr("fixed order"));
  EXPECT_THAT(execution.timeline.finish, ElementsAre(5));
}

// Two flows of 100 bytes at a byte per picosecond: each has half the link.
TEST(Execute, LoopsWhereFlowsMeetAndSaysWhich) {
  TaskGraphBuilder builder;
  const LinkId link = builder.add_link(1e12);
  const RouteId route = builder.add_route(std::span(&link, 1));
  builder.add_flow(route, 100);
  builder.add_flow(route, 100);
  const Execution execution = execute(std::move(builder).build());
  EXPECT_EQ(execution.executor, Executor::kEventLoop);
  EXPECT_EQ(execution.reason, "flows 0 and 1 meet on link 0");
  EXPECT_THAT(execution.timeline.finish, ElementsAre(200, 200));
}

TEST(Execute, LoopsWhereSpeedsChange) {
  TaskGraphBuilder builder;
  builder.add_task(builder.add_resource(), 10);
  SpeedProfiles slow;
  slow.resources.push_back(SpeedProfile({{4, 0.5}}));
  const Execution execution = execute(std::move(builder).build(), slow);
  EXPECT_EQ(execution.executor, Executor::kEventLoop);
  EXPECT_EQ(execution.reason, "speeds change over time");
  EXPECT_THAT(execution.timeline.finish, ElementsAre(16));
}

TEST(Execute, AcceptsAGraphWithoutTasks) {
  EXPECT_TRUE(execute(TaskGraphBuilder().build()).timeline.start.empty());
}

}  // namespace
}  // namespace plumbline
