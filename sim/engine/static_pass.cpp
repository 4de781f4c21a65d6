// One sweep: a task's start is the latest of its predecessors' finishes (plus delays) and the
// finish of the task before it on its resource.
//
//   A: 0--3   then   B (needs A): 3----7   and   C (needs A, same resource as B): 7-9
//
// Since ids are topological, every start is final when the sweep reaches it.

#include "sim/engine/static_pass.h"

#include <algorithm>
#include <vector>

#include "sim/engine/transfer_time.h"

namespace plumbline {
namespace {

// What the sweep remembers of a resource or a link: the task served last.
struct Lane {
  SimTime last_ready = 0;
  SimTime free_at = 0;
  TaskId last = 0;
};

class Sweep {
 public:
  Sweep(const TaskGraph& graph)
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
    const std::int64_t* work = graph_.work().data();
    const std::uint32_t* resource = graph_.resource().data();
    const std::uint32_t* first_edge = graph_.first_edge().data();
    const TaskId* target = graph_.edge_target().data();
    const SimTime* delay = graph_.edge_delay().data();
    timeline.start.assign(num_tasks, 0);
    timeline.finish.resize(num_tasks);
    SimTime* start = timeline.start.data();

    for (TaskId task = 0; task < num_tasks; ++task) {
      SimTime finish = start[task] + work[task];
      if (resource[task] < TaskGraph::kFlowBit) {
        Lane& lane = resources_[resource[task]];
        const SimTime ready = start[task];
        if (ready < lane.last_ready) return Conflict{lane.last, task, false, resource[task]};
        start[task] = std::max(ready, lane.free_at);
        finish = start[task] + work[task];
        lane = {ready, finish, task};
      } else if (resource[task] != kNoResource) {
        if (const auto conflict = send(task, start[task], finish)) return conflict;
      }
      timeline.finish[task] = finish;
      for (std::uint32_t e = first_edge[task]; e < first_edge[task + 1]; ++e) {
        SimTime& ready = start[target[e]];
        ready = std::max(ready, kDelays ? finish + delay[e] : finish);
      }
    }
    return std::nullopt;
  }

 private:
  std::optional<Conflict> send(TaskId flow, SimTime ready, SimTime& finish) {
    const std::int64_t bytes = graph_.work()[flow];
    finish = ready;
    if (bytes == 0) return std::nullopt;
    const RouteId route = graph_.route_of(flow);
    finish += transfer_time(static_cast<double>(bytes), narrowest_[route]);
    for (const LinkId link : graph_.route(route)) {
      Lane& lane = links_[link];
      if (ready < lane.free_at) return Conflict{lane.last, flow, true, link};
      lane = {ready, finish, flow};
    }
    return std::nullopt;
  }

  const TaskGraph& graph_;
  std::vector<Lane> resources_;
  std::vector<Lane> links_;
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
