#include "sim/engine/event_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>

namespace plumbline {
namespace {

using testing::ElementsAre;

TEST(EventLoop, ServesFirstComeFirstServedAndTiesByTheLowerId) {
  TaskGraphBuilder builder;
  const ResourceId engine = builder.add_resource();
  builder.add_task(kNoResource, 2);
  builder.add_task(kNoResource, 1);
  const TaskId late = builder.add_task(engine, 10);   // ready at 2
  const TaskId early = builder.add_task(engine, 10);  // ready at 1, although its id is higher
  const TaskId tie_low = builder.add_task(engine, 10);
  const TaskId tie_high = builder.add_task(engine, 10);  // both ready at 2
  builder.add_edge(0, late);
  builder.add_edge(1, early);
  builder.add_edge(0, tie_high);
  builder.add_edge(0, tie_low);
  const Timeline t = event_loop(std::move(builder).build());
  EXPECT_EQ(t.start[early], 1);
  EXPECT_EQ(t.start[late], 11);
  EXPECT_EQ(t.start[tie_low], 21);
  EXPECT_EQ(t.start[tie_high], 31);
}

// Two hops of 1 and 0.5 bytes/ps.  a over both alone would take 200; b joins on the second hop at
// 100 with 25 bytes.  Until 100 a has sent 50; then both have 0.25, b is through at 200 and a,
// with 25 left, at 250.
TEST(EventLoop, SharesLinksMaxMinFairlyAlongRoutes) {
  TaskGraphBuilder builder;
  const LinkId hops[] = {builder.add_link(1e12), builder.add_link(0.5e12)};
  const RouteId both = builder.add_route(hops);
  const RouteId second = builder.add_route(std::span(hops + 1, 1));
  builder.add_task(kNoResource, 100);
  builder.add_flow(both, 100);
  builder.add_flow(second, 25);
  builder.add_edge(0, 2);
  const Timeline t = event_loop(std::move(builder).build());
  EXPECT_THAT(t.start, ElementsAre(0, 0, 100));
  EXPECT_THAT(t.finish, ElementsAre(100, 250, 200));
}

TEST(EventLoop, TakesNoTimeForAFlowOfNoBytes) {
  TaskGraphBuilder builder;
  const LinkId link = builder.add_link(1e12);
  const RouteId route = builder.add_route(std::span(&link, 1));
  builder.add_flow(route, 50);
  builder.add_flow(route, 0);
  EXPECT_THAT(event_loop(std::move(builder).build()).finish, ElementsAre(50, 0));
}

// The link is down from 10 to 30: 10 bytes before, 20 after.
TEST(EventLoop, FollowsTheSpeedOfALink) {
  TaskGraphBuilder builder;
  const LinkId link = builder.add_link(1e12);
  builder.add_flow(builder.add_route(std::span(&link, 1)), 30);
  SpeedProfiles profiles;
  profiles.links.push_back(SpeedProfile({{10, 0.0}, {30, 1.0}}));
  EXPECT_THAT(event_loop(std::move(builder).build(), profiles).finish, ElementsAre(50));
}

// At half speed from the start: 10 takes 20, so the next in the queue starts at 20.
TEST(EventLoop, FollowsTheSpeedOfAResourceForEveryTaskOfItsQueue) {
  TaskGraphBuilder builder;
  const ResourceId slow = builder.add_resource();
  builder.add_task(slow, 10);
  builder.add_task(slow, 10);
  SpeedProfiles profiles;
  profiles.resources.push_back(SpeedProfile({{0, 0.5}, {30, 1.0}}));
  const Timeline t = event_loop(std::move(builder).build(), profiles);
  EXPECT_THAT(t.start, ElementsAre(0, 20));
  EXPECT_THAT(t.finish, ElementsAre(20, 35));
}

TEST(EventLoop, ReportsTasksThatCanNeverFinish) {
  SpeedProfiles down;
  down.resources.push_back(SpeedProfile({{0, 0.0}}));
  down.links.push_back(SpeedProfile({{5, 0.0}}));
  TaskGraphBuilder on_resource;
  on_resource.add_task(on_resource.add_resource(), 1);
  EXPECT_THROW(event_loop(std::move(on_resource).build(), down), std::runtime_error);
  TaskGraphBuilder on_link;
  const LinkId link = on_link.add_link(1e12);
  on_link.add_flow(on_link.add_route(std::span(&link, 1)), 10);
  EXPECT_THROW(event_loop(std::move(on_link).build(), down), std::runtime_error);
}

std::shared_ptr<const TaskGraph> one_task(SimTime work) {
  TaskGraphBuilder builder;
  builder.add_task(builder.add_resource(), work);
  return std::make_shared<const TaskGraph>(std::move(builder).build());
}

TEST(EventLoop, QueuesTheRunsOfOneLoopOnTheSameResources) {
  EventLoop loop;
  const RunId first = loop.submit(one_task(10), 5);
  const RunId second = loop.submit(one_task(10), 0);
  const RunId third = loop.submit(one_task(10), 5);
  loop.run();
  EXPECT_THAT(loop.timeline(second).start, ElementsAre(0));
  EXPECT_THAT(loop.timeline(first).start, ElementsAre(10)) << "the earlier run of a tie";
  EXPECT_THAT(loop.timeline(third).start, ElementsAre(20));
}

TEST(EventLoop, KeepsNothingInCommonWithAnotherLoop) {
  EventLoop a, b;
  const RunId in_a = a.submit(one_task(10), 0);
  a.submit(one_task(10), 0);
  const RunId in_b = b.submit(one_task(7), 0);
  b.run();
  a.run();
  EXPECT_THAT(a.timeline(in_a).finish, ElementsAre(10));
  EXPECT_THAT(b.timeline(in_b).finish, ElementsAre(7));
  EXPECT_EQ(a.now(), 20);
  EXPECT_EQ(b.now(), 7);
}

TEST(EventLoop, RefusesThePastAndLinksThatDisagree) {
  EventLoop loop;
  loop.submit(one_task(10), 0);
  loop.run();
  EXPECT_THROW(loop.submit(one_task(1), 9), std::invalid_argument);
  EXPECT_THROW(loop.set_timer(0, 9), std::invalid_argument);
  EXPECT_THROW(loop.timeline(17), std::invalid_argument);
  for (const double bandwidth : {1e9, 2e9}) {
    TaskGraphBuilder builder;
    builder.add_link(bandwidth);
    const auto graph = std::make_shared<const TaskGraph>(std::move(builder).build());
    if (bandwidth == 1e9) {
      loop.submit(graph, 10);
    } else {
      EXPECT_THROW(loop.submit(graph, 10), std::invalid_argument);
    }
  }
}

}  // namespace
}  // namespace plumbline
