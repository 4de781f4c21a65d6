// One sweep: a task's start is the latest of its predecessors' finishes (plus delays) and the
// finish of the task before it on its resource.
//
//   A: 0--3   then   B (needs A): 3----7   and   C (needs A, same resource as B): 7-9
//
// Since ids are topological, every start is final when the sweep reaches it.

#include "sim/engine/static_pass.h"

#include <algorithm>
#include <vector>

#include "sim/core/large_vector.h"
#include "sim/engine/transfer_time.h"

namespace plumbline {
namespace {

// What the sweep remembers of a resource: when the task served last was ready, and finishes.
struct Lane {
  SimTime last_ready = 0;
  SimTime free_at = 0;
};

struct LastFlow {
  SimTime finish = 0;
  TaskId flow = 0;
};

class Sweep {
 public:
  explicit Sweep(const TaskGraph& graph)
      : graph_(graph), resources_(graph.num_resources()), links_(graph.num_links()) {
    for (RouteId route = 0; route < graph.num_routes(); ++route) {
      double narrowest = graph.link_bytes_per_second(graph.route(route)[0]);
      for (const LinkId link : graph.route(route)) {
        narrowest = std::min(narrowest, graph.link_bytes_per_second(link));
      }
      narrowest_.push_back(narrowest);
    }
  }

  template <bool kDelays>
  std::optional<Conflict> run(Timeline& timeline) {
    const std::size_t num_tasks = graph_.num_tasks();
    reserve_large(timeline.start, num_tasks);
    reserve_large(timeline.finish, num_tasks);
    timeline.start.clear();
    timeline.finish.clear();
    // In blocks, so that what `resize` clears is still in the cache when it is written.
    constexpr std::size_t kBlock = 1024;
    for (std::size_t begin = 0; begin < num_tasks; begin += kBlock) {
      const std::size_t end = std::min(begin + kBlock, num_tasks);
      timeline.start.resize(end);
      timeline.finish.resize(end);
      if (const auto conflict =
              run_block<kDelays>(static_cast<TaskId>(begin), static_cast<TaskId>(end), timeline)) {
        return conflict;
      }
    }
    return std::nullopt;
  }

 private:
  template <bool kDelays>
  std::optional<Conflict> run_block(TaskId begin, TaskId end, Timeline& timeline) {
    const std::int64_t* work = graph_.work().data();
    const std::uint32_t* codes = graph_.codes().data();
    const std::uint32_t* first_edge = graph_.first_edge().data();
    const TaskId* source = graph_.edge_source().data();
    const SimTime* delay = graph_.edge_delay().data();
    SimTime* starts = timeline.start.data();
    SimTime* finishes = timeline.finish.data();
    Lane* lanes = resources_.data();

    std::uint32_t edge = first_edge[begin];
    for (TaskId task = begin; task < end; ++task) {
      SimTime start = 0;
      for (const std::uint32_t row_end = first_edge[task + 1]; edge < row_end; ++edge) {
        const SimTime before = finishes[source[edge]];
        start = std::max(start, kDelays ? before + delay[edge] : before);
      }
      const std::uint32_t code = codes[task];
      SimTime finish = start + work[task];
      if (code < TaskGraph::kFlowBit) {
        Lane& lane = lanes[code & ~TaskGraph::kFollowsBit];
        const SimTime ready =
            (code & TaskGraph::kFollowsBit) != 0 ? std::max(start, lane.free_at) : start;
        if (ready < lane.last_ready) [[unlikely]]
          return overtaking(task);
        start = std::max(ready, lane.free_at);
        finish = start + work[task];
        lane = {ready, finish};
      } else if (code != kNoResource) {
        if (const auto conflict = send(task, start, finish)) return conflict;
      }
      starts[task] = start;
      finishes[task] = finish;
    }
    return std::nullopt;
  }

  // Out of line, to leave the registers to the loop over tasks.
  [[gnu::noinline]] std::optional<Conflict> send(TaskId flow, SimTime ready, SimTime& finish) {
    const std::int64_t bytes = graph_.work()[flow];
    finish = ready;
    if (bytes == 0) return std::nullopt;
    const RouteId route = graph_.route_of(flow);
    finish += transfer_time(static_cast<double>(bytes), narrowest_[route]);
    for (const LinkId link : graph_.route(route)) {
      LastFlow& last = links_[link];
      if (ready < last.finish) return Conflict{last.flow, flow, true, link};
      last = {finish, flow};
    }
    return std::nullopt;
  }

  Conflict overtaking(TaskId task) const {
    const ResourceId resource = graph_.resource(task);
    TaskId before = task - 1;
    while (graph_.is_flow(before) || graph_.resource(before) != resource) --before;
    return {before, task, false, resource};
  }

  const TaskGraph& graph_;
  std::vector<Lane> resources_;
  std::vector<LastFlow> links_;
  std::vector<double> narrowest_;  // [num_routes] bytes per second
};

}  // namespace

std::string to_string(const Conflict& conflict) {
  const std::string tasks =
      std::to_string(conflict.earlier) + " and " + std::to_string(conflict.later);
  const std::string where = std::to_string(conflict.where);
  return conflict.on_link ? "flows " + tasks + " meet on link " + where
                          : "tasks " + tasks + " may overtake on resource " + where;
}

std::optional<Conflict> static_pass(const TaskGraph& graph, Timeline& timeline) {
  Sweep sweep(graph);
  return graph.has_edge_delays() ? sweep.run<true>(timeline) : sweep.run<false>(timeline);
}

}  // namespace plumbline
