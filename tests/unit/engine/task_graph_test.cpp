#include "sim/engine/task_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <tuple>
#include <vector>

#include "sim/engine/successors.h"

namespace plumbline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(TaskGraph, SortsEdgesIntoRowsAndKeepsTheirOrderWithinARow) {
  TaskGraphBuilder builder;
  for (int t = 0; t < 4; ++t) builder.add_task(kNoResource, 10);
  builder.add_edge(2, 3, 7);
  builder.add_edge(0, 2);
  builder.add_edge(1, 2, 5);
  builder.add_edge(0, 1);
  const TaskGraph graph = std::move(builder).build();
  EXPECT_THAT(graph.first_edge(), ElementsAre(0, 0, 1, 3, 4));
  EXPECT_THAT(graph.edge_source(), ElementsAre(0, 0, 1, 2));
  EXPECT_THAT(graph.edge_delay(), ElementsAre(0, 0, 5, 7));
  EXPECT_TRUE(graph.has_edge_delays());
}

TEST(TaskGraph, TakesEdgesThatFollowTheirTargetAsTheyAre) {
  TaskGraphBuilder builder;
  builder.add_task(kNoResource, 10);
  builder.add_task(kNoResource, 10);
  builder.add_edge(0, 1);
  builder.add_task(kNoResource, 10);
  builder.add_edge(1, 2);
  builder.add_edge(0, 2);
  const TaskGraph graph = std::move(builder).build();
  EXPECT_THAT(graph.first_edge(), ElementsAre(0, 0, 1, 3));
  EXPECT_THAT(graph.edge_source(), ElementsAre(0, 1, 0));
  EXPECT_FALSE(graph.has_edge_delays());
}

TEST(TaskGraph, KeepsItsEdgesWhenTheyLeaveTheOrderOfTasksLate) {
  constexpr TaskId kTasks = 3000;  // several blocks of the builder
  TaskGraphBuilder builder;
  for (TaskId t = 0; t < kTasks; ++t) {
    builder.add_task(kNoResource, t);
    if (t > 0) builder.add_edge(t - 1, t, t % 2);
  }
  builder.add_edge(3, 7, 11);
  const TaskGraph graph = std::move(builder).build();
  ASSERT_EQ(graph.num_tasks(), kTasks);
  ASSERT_EQ(graph.num_edges(), kTasks);
  std::size_t seen = 0;
  for_each_edge(graph, [&](TaskId from, TaskId to, SimTime delay) {
    ++seen;
    if (from == 3 && to == 7) {
      EXPECT_EQ(delay, 11);
      return;
    }
    EXPECT_EQ(from + 1, to);
    EXPECT_EQ(delay, to % 2);
  });
  EXPECT_EQ(seen, kTasks);
}

TEST(TaskGraph, CountsTheOrderOnAResourceAsEdges) {
  TaskGraphBuilder builder;
  const ResourceId a = builder.add_resource(), b = builder.add_resource();
  builder.add_next_task(a, 1);  // 0: the first waits for nobody
  builder.add_next_task(b, 1);  // 1
  builder.add_next_task(a, 1);  // 2: after 0
  builder.add_edge(1, 2, 4);
  builder.add_task(a, 1);       // 3: takes its turn, no edge
  builder.add_next_task(a, 1);  // 4: after 3
  const TaskGraph graph = std::move(builder).build();
  std::vector<std::tuple<TaskId, TaskId, SimTime>> edges;
  for_each_edge(
      graph, [&](TaskId from, TaskId to, SimTime delay) { edges.emplace_back(from, to, delay); });
  using Edge = std::tuple<TaskId, TaskId, SimTime>;
  EXPECT_THAT(edges, ElementsAre(Edge(0, 2, 0), Edge(1, 2, 4), Edge(3, 4, 0)));
  const Successors rows = successors(graph);
  EXPECT_THAT(rows.first, ElementsAre(0, 1, 2, 2, 3, 3));
  EXPECT_THAT(rows.target, ElementsAre(2, 2, 4));
  EXPECT_THAT(rows.delay, ElementsAre(0, 4, 0));
  EXPECT_EQ(graph.resource(4), a);
  EXPECT_TRUE(graph.follows(4) && !graph.follows(3));
}

TEST(TaskGraph, TellsTasksDelaysAndFlowsApart) {
  TaskGraphBuilder builder;
  const ResourceId resource = builder.add_resource();
  const LinkId links[] = {builder.add_link(10.0), builder.add_link(20.0)};
  builder.add_route(std::span(links, 1));
  const RouteId both = builder.add_route(links);
  builder.add_task(resource, 3);
  builder.add_task(kNoResource, 4);
  builder.add_flow(both, 500);
  const TaskGraph graph = std::move(builder).build();
  EXPECT_FALSE(graph.is_flow(0) || graph.no_resource(0));
  EXPECT_TRUE(graph.no_resource(1) && !graph.is_flow(1));
  EXPECT_TRUE(graph.is_flow(2) && !graph.no_resource(2));
  EXPECT_THAT(graph.work(), ElementsAre(3, 4, 500));
  EXPECT_THAT(graph.route(graph.route_of(2)), ElementsAre(0, 1));
  EXPECT_EQ(graph.link_bytes_per_second(1), 20.0);
}

TEST(TaskGraph, OfNothingHasNoTasks) {
  const TaskGraph graph = TaskGraphBuilder().build();
  EXPECT_EQ(graph.num_tasks(), 0u);
  EXPECT_THAT(graph.first_edge(), ElementsAre(0));
}

TaskGraph two_tasks_and_an_edge(TaskId from, TaskId to) {
  TaskGraphBuilder builder;
  builder.add_task(kNoResource, 1);
  builder.add_task(kNoResource, 1);
  builder.add_edge(from, to);
  return std::move(builder).build();
}

TEST(TaskGraphBuilder, NamesBothEndsOfABadEdge) {
  EXPECT_THAT([] { two_tasks_and_an_edge(1, 0); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("edge 1 -> 0 does not lead from a lower to a higher id")));
  EXPECT_THAT([] { two_tasks_and_an_edge(1, 1); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("edge 1 -> 1")));
  EXPECT_THAT([] { two_tasks_and_an_edge(0, 2); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("edge 0 -> 2 names a task that does not exist; there are 2")));
}

TEST(TaskGraphBuilder, RefusesWhatHasNoMeaning) {
  TaskGraphBuilder builder;
  EXPECT_THROW(builder.add_task(0, 1), std::invalid_argument) << "no such resource";
  EXPECT_THROW(builder.add_task(kNoResource, -1), std::invalid_argument);
  EXPECT_THROW(builder.add_flow(0, 1), std::invalid_argument) << "no such route";
  EXPECT_THROW(builder.add_link(0.0), std::invalid_argument);
  EXPECT_THROW(builder.add_link(std::numeric_limits<double>::quiet_NaN()), std::invalid_argument);
  const LinkId link = builder.add_link(1.0);
  const LinkId twice[] = {link, link};
  const LinkId unknown[] = {link + 1};
  EXPECT_THROW(builder.add_route({}), std::invalid_argument);
  EXPECT_THROW(builder.add_route(twice), std::invalid_argument);
  EXPECT_THROW(builder.add_route(unknown), std::invalid_argument);
  const RouteId route = builder.add_route(std::span(&link, 1));
  EXPECT_THROW(builder.add_flow(route, -1), std::invalid_argument);
  EXPECT_THROW(builder.add_edge(0, 1, -1), std::invalid_argument);
}

}  // namespace
}  // namespace plumbline
