// Laws that hold for every graph, whoever executes it.

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "random_graph.h"
#include "sim/core/rng.h"
#include "sim/engine/execute.h"

namespace plumbline {
namespace {

constexpr std::uint64_t kNumGraphs = 300;
constexpr RandomGraphShape kSmallShared{.num_resources = 3, .num_links = 4, .most_work = 40};

SimTime makespan(const Timeline& t) { return *std::max_element(t.finish.begin(), t.finish.end()); }

// The least time a task can take: a flow has at most its narrowest link for itself.
SimTime least_time(const GraphSpec& spec, const GraphSpec::Task& task) {
  if (!task.is_flow) return task.work;
  double narrowest = 1e300;
  for (const LinkId l : spec.routes[task.resource]) narrowest = std::min(narrowest, spec.links[l]);
  return static_cast<SimTime>(static_cast<double>(task.work) / narrowest * 1e12);
}

TEST(EveryTimeline, RespectsEveryEdgeAndTheLeastTimeOfEveryTask) {
  for (std::uint64_t seed = 0; seed < kNumGraphs; ++seed) {
    const GraphSpec spec = random_graph(seed, kSmallShared);
    const Timeline t = execute(spec.build()).timeline;
    for (const auto& edge : spec.edges) {
      EXPECT_GE(t.start[edge.to], t.finish[edge.from] + edge.delay) << "seed " << seed;
    }
    for (TaskId id = 0; id < spec.tasks.size(); ++id) {
      EXPECT_GE(t.finish[id] - t.start[id], least_time(spec, spec.tasks[id])) << "seed " << seed;
    }
  }
}

TEST(EveryTimeline, RunsOneTaskAtATimeOnAnExclusiveResource) {
  for (std::uint64_t seed = 0; seed < kNumGraphs; ++seed) {
    const GraphSpec spec = random_graph(seed, kSmallShared);
    const Timeline t = execute(spec.build()).timeline;
    for (ResourceId r = 0; r < spec.num_resources; ++r) {
      std::vector<std::pair<SimTime, SimTime>> busy;
      for (TaskId id = 0; id < spec.tasks.size(); ++id) {
        const bool here = !spec.tasks[id].is_flow && spec.tasks[id].resource == r;
        if (here) busy.emplace_back(t.start[id], t.finish[id]);
      }
      std::sort(busy.begin(), busy.end());
      for (std::size_t i = 1; i < busy.size(); ++i) {
        EXPECT_GE(busy[i].first, busy[i - 1].second) << "seed " << seed << ", resource " << r;
      }
    }
  }
}

TEST(Makespan, IsAtLeastTheCriticalPathAndTheBusiestResourceAndLink) {
  for (std::uint64_t seed = 0; seed < kNumGraphs; ++seed) {
    const GraphSpec spec = random_graph(seed, kSmallShared);
    const SimTime total = makespan(execute(spec.build()).timeline);

    GraphSpec unlimited = spec;
    for (auto& task : unlimited.tasks) {
      task = {.work = least_time(spec, task)};
    }
    EXPECT_GE(total, makespan(execute(unlimited.build()).timeline)) << "seed " << seed;

    std::vector<SimTime> busy(spec.num_resources, 0);
    std::vector<double> bytes(spec.links.size(), 0.0);
    double num_flows = 0.0;
    for (const auto& task : spec.tasks) {
      if (task.is_flow) {
        num_flows += 1.0;
        for (const LinkId l : spec.routes[task.resource]) bytes[l] += double(task.work);
      } else if (task.resource != kNoResource) {
        busy[task.resource] += task.work;
      }
    }
    for (const SimTime b : busy) EXPECT_GE(total, b) << "seed " << seed;
    for (LinkId l = 0; l < bytes.size(); ++l) {
      // Each flow's finish may be rounded down by half a picosecond.
      EXPECT_GE(double(total) + num_flows / 2, bytes[l] / spec.links[l] * 1e12) << "seed " << seed;
    }
  }
}

TEST(Makespan, DoesNotGrowWithBandwidthWhereNothingIsShared) {
  for (std::uint64_t seed = 0; seed < kNumGraphs; ++seed) {
    GraphSpec spec = random_graph(seed, {.num_resources = 0, .num_links = 4, .most_work = 40});
    // A link and a route of its own for every flow.
    spec.links.clear();
    spec.routes.clear();
    for (auto& task : spec.tasks) {
      if (!task.is_flow) continue;
      task.resource = static_cast<std::uint32_t>(spec.routes.size());
      spec.routes.push_back({static_cast<LinkId>(spec.links.size())});
      spec.links.push_back(1e12);
    }
    const SimTime before = makespan(execute(spec.build()).timeline);
    const RandomStream stream(seed, "bandwidths");
    for (std::size_t l = 0; l < spec.links.size(); ++l) spec.links[l] *= 1.0 + stream.uniform(l);
    const Execution faster = execute(spec.build());
    EXPECT_EQ(faster.executor, Executor::kStaticPass);
    EXPECT_LE(makespan(faster.timeline), before) << "seed " << seed;
  }
}

// Another topological numbering of the same tasks: nothing is arbitrated, so no tie is broken by
// id.
TEST(Timelines, DoNotDependOnTheNumberingWhereNothingIsShared) {
  for (std::uint64_t seed = 0; seed < kNumGraphs; ++seed) {
    const GraphSpec spec = random_graph(seed, {.num_resources = 4, .chain_resources = true});
    const Timeline original = execute(spec.build()).timeline;

    // By start, then by id, is topological too.
    std::vector<TaskId> order(spec.tasks.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](TaskId a, TaskId b) { return original.start[a] < original.start[b]; });
    std::vector<TaskId> renamed(order.size());
    GraphSpec permuted = spec;
    for (TaskId id = 0; id < order.size(); ++id) {
      renamed[order[id]] = id;
      permuted.tasks[id] = spec.tasks[order[id]];
    }
    for (auto& edge : permuted.edges) edge = {renamed[edge.from], renamed[edge.to], edge.delay};
    const Timeline again = execute(permuted.build()).timeline;
    for (TaskId id = 0; id < order.size(); ++id) {
      EXPECT_EQ(again.start[renamed[id]], original.start[id]) << "seed " << seed;
      EXPECT_EQ(again.finish[renamed[id]], original.finish[id]) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace plumbline
