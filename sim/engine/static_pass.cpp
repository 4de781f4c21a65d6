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
    timeline.start.assign(num_tasks, 0);
    timeline.finish.resize(num_tasks);
    const std::int64_t* work = graph_.work().data();
    const std::uint32_t* resource = graph_.resource().data();
    const std::uint32_t* first_edge = graph_.first_edge().data();
    const TaskId* target = graph_.edge_target().data();
    const SimTime* delay = graph_.edge_delay().data();
    SimTime* start = timeline.start.data();
    SimTime* finishes = timeline.finish.data();
    Lane* lanes = resources_.data();

    for (TaskId task = 0; task < num_tasks; ++task) {
      const SimTime ready = start[task];
      SimTime finish = ready + work[task];
      if (resource[task] < TaskGraph::kFlowBit) {
        Lane& lane = lanes[resource[task]];
        if (ready < lane.free_at) [[unlikely]] {  // never on a chain of edges
          if (ready < lane.last_ready) return overtaking(task);
          start[task] = lane.free_at;
          finish = lane.free_at + work[task];
        }
        lane = {ready, finish};
      } else if (resource[task] != kNoResource) {
        if (const auto conflict = send(task, ready, finish)) return conflict;
      }
      finishes[task] = finish;
      for (std::uint32_t e = first_edge[task]; e < first_edge[task + 1]; ++e) {
        SimTime& next = start[target[e]];
        next = std::max(next, kDelays ? finish + delay[e] : finish);
      }
    }
    return std::nullopt;
  }

 private:
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
    const ResourceId resource = graph_.resource()[task];
    TaskId before = task - 1;
    while (graph_.resource()[before] != resource) --before;
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
