// Where several executors apply they agree to the picosecond, over random graphs full of ties.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "random_graph.h"
#include "sim/engine/event_loop.h"
#include "sim/engine/execute.h"
#include "sim/engine/static_pass.h"

namespace plumbline {
namespace {

constexpr std::uint64_t kNumGraphs = 500;

void expect_same(const Timeline& a, const Timeline& b, std::uint64_t seed) {
  EXPECT_EQ(a.start, b.start) << "seed " << seed;
  EXPECT_EQ(a.finish, b.finish) << "seed " << seed;
}

// The tie rule taken literally: of all tasks whose predecessors are timed, the one with the least
// (ready, id) gets its resource next.
Timeline first_come_first_served(const GraphSpec& spec) {
  const std::size_t n = spec.tasks.size();
  Timeline t{std::vector<SimTime>(n, 0), std::vector<SimTime>(n, 0)};
  std::vector<int> pending(n, 0);
  for (const auto& edge : spec.edges) ++pending[edge.to];
  std::vector<SimTime> free_at(spec.num_resources, 0);
  std::set<std::pair<SimTime, TaskId>> ready;
  for (TaskId id = 0; id < n; ++id) {
    if (pending[id] == 0) ready.insert({0, id});
  }
  while (!ready.empty()) {
    const TaskId id = ready.begin()->second;
    ready.erase(ready.begin());
    const auto& task = spec.tasks[id];
    if (task.resource != kNoResource) {
      t.start[id] = std::max(t.start[id], free_at[task.resource]);
      free_at[task.resource] = t.start[id] + task.work;
    }
    t.finish[id] = t.start[id] + task.work;
    for (const auto& edge : spec.edges) {
      if (edge.from != id) continue;
      t.start[edge.to] = std::max(t.start[edge.to], t.finish[id] + edge.delay);
      if (--pending[edge.to] == 0) ready.insert({t.start[edge.to], edge.to});
    }
  }
  return t;
}

class KeepsTimelines : public Driver {
 public:
  void on_finished(RunId run, SimTime, EventLoop& loop) override { timeline = loop.timeline(run); }
  Timeline timeline;
};

// With a driver every exclusive resource has a real queue and nothing is timed ahead.
Timeline run_with_driver(const TaskGraph& graph) {
  KeepsTimelines driver;
  EventLoop loop({}, &driver);
  loop.submit(std::make_shared<const TaskGraph>(graph), 0);
  loop.run();
  return driver.timeline;
}

TEST(Executors, AgreeWhereEveryResourceIsAChain) {
  for (std::uint64_t seed = 0; seed < kNumGraphs; ++seed) {
    const TaskGraph graph = random_graph(seed, {.chain_resources = true}).build();
    Timeline swept;
    ASSERT_FALSE(static_pass(graph, swept).has_value()) << "seed " << seed;
    expect_same(swept, event_loop(graph), seed);
    expect_same(swept, run_with_driver(graph), seed);
  }
}

TEST(Executors, TakeTheOrderOnAResourceForEdges) {
  for (std::uint64_t seed = 0; seed < kNumGraphs; ++seed) {
    const TaskGraph with_edges = random_graph(seed, {.chain_resources = true}).build();
    GraphSpec spec = random_graph(seed, {});
    for (GraphSpec::Task& task : spec.tasks) task.follows = task.resource != kNoResource;
    const TaskGraph graph = spec.build();
    ASSERT_LT(graph.num_edges(), with_edges.num_edges());
    const Timeline expected = event_loop(with_edges);
    Timeline swept;
    ASSERT_FALSE(static_pass(graph, swept).has_value()) << "seed " << seed;
    expect_same(expected, swept, seed);
    expect_same(expected, event_loop(graph), seed);
    expect_same(expected, run_with_driver(graph), seed);
  }
}

TEST(Executors, ServeQueuesByReadyTimeThenByTheLowerId) {
  for (std::uint64_t seed = 0; seed < kNumGraphs; ++seed) {
    const GraphSpec spec = random_graph(seed, {.num_resources = 3});
    const Timeline expected = first_come_first_served(spec);
    expect_same(expected, event_loop(spec.build()), seed);
    expect_same(expected, run_with_driver(spec.build()), seed);
  }
}

TEST(Executors, AgreeOnSharedLinksWithAndWithoutADriver) {
  for (std::uint64_t seed = 0; seed < kNumGraphs; ++seed) {
    const TaskGraph graph =
        random_graph(seed, {.num_resources = 3, .num_links = 4, .most_work = 40}).build();
    expect_same(event_loop(graph), run_with_driver(graph), seed);
  }
}

// The sweep proves its answer as it goes: with few tasks and many resources it often can.
TEST(Executors, AgreeWheneverTheSweepFindsNoConflict) {
  int proved = 0;
  for (std::uint64_t seed = 0; seed < 4 * kNumGraphs; ++seed) {
    const TaskGraph graph =
        random_graph(seed, {.num_tasks = 16, .num_resources = 8, .num_links = 8}).build();
    Timeline swept;
    if (static_pass(graph, swept)) continue;
    ++proved;
    expect_same(swept, event_loop(graph), seed);
    expect_same(swept, run_with_driver(graph), seed);
  }
  EXPECT_GT(proved, 50);
}

TEST(Executors, DoNotDependOnTheOrderInWhichEdgesWereAdded) {
  for (std::uint64_t seed = 0; seed < kNumGraphs; ++seed) {
    GraphSpec spec = random_graph(seed, {.num_resources = 3, .num_links = 3, .most_work = 40});
    const Execution as_added = execute(spec.build());
    std::stable_sort(spec.edges.begin(), spec.edges.end(),
                     [](const auto& a, const auto& b) { return a.from < b.from; });
    expect_same(as_added.timeline, execute(spec.build()).timeline, seed);
    std::reverse(spec.edges.begin(), spec.edges.end());
    expect_same(as_added.timeline, execute(spec.build()).timeline, seed);
  }
}

}  // namespace
}  // namespace plumbline
