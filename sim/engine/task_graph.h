// The engine's input: tasks with work, the resources they need, and precedence edges.
//
// A task is one of
//   - work on an *exclusive* resource (a compute stream, a copy engine): picoseconds at full speed;
//     the resource serves one task at a time, first come first served, ties to the lower id;
//   - work on no resource (kNoResource): a pure delay;
//   - a *flow*: bytes over a route of fluid links, which concurrent flows share max-min fairly.
// Task ids are topological: every edge goes from a lower to a higher id, which the builder checks.
// A graph knows nothing of what its tasks mean.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/core/sim_time.h"

namespace plumbline {

using TaskId = std::uint32_t;
using ResourceId = std::uint32_t;  ///< an exclusive resource
using LinkId = std::uint32_t;      ///< a fluid link
using RouteId = std::uint32_t;     ///< an ordered list of fluid links

inline constexpr ResourceId kNoResource = 0xffffffffu;

/// Immutable task graph: for every task its predecessors, in compressed sparse rows.
///
/// An edge from the task before it on its resource, without a delay, has no entry in the rows: a
/// bit of the task stands for it.  Most edges of a pipeline are of that kind.
class TaskGraph {
 public:
  std::size_t num_tasks() const { return work_.size(); }
  /// Entries of the rows: edges that follow from the order on a resource are not counted.
  std::size_t num_edges() const { return edge_source_.size(); }
  std::size_t num_resources() const { return num_resources_; }
  std::size_t num_links() const { return link_bytes_per_second_.size(); }
  bool is_flow(TaskId task) const { return (code_[task] & kFlowBit) != 0 && !no_resource(task); }
  bool no_resource(TaskId task) const { return code_[task] == kNoResource; }
  /// The exclusive resource of a task that is no flow, or kNoResource.
  ResourceId resource(TaskId task) const {
    return no_resource(task) ? kNoResource : code_[task] & ~kFollowsBit;
  }
  /// Whether an edge without a delay leads here from the task before it, by id, on its resource
  /// (if there is one).
  bool follows(TaskId task) const {
    return (code_[task] & (kFlowBit | kFollowsBit)) == kFollowsBit;
  }

  /// [num_tasks] picoseconds for a task, bytes for a flow.
  std::span<const std::int64_t> work() const { return work_; }
  /// [num_tasks] what `resource`, `follows`, `is_flow` and `route_of` take apart.
  std::span<const std::uint32_t> codes() const { return code_; }
  /// [num_tasks + 1] and [num_edges]: the edges into task t are at first_edge[t] ..
  /// first_edge[t + 1], in the order in which they were added.
  std::span<const std::uint32_t> first_edge() const { return first_edge_; }
  std::span<const TaskId> edge_source() const { return edge_source_; }
  /// [num_edges], or empty: every delay is 0.
  std::span<const SimTime> edge_delay() const { return edge_delay_; }
  bool has_edge_delays() const { return !edge_delay_.empty(); }

  /// To run the same tasks and edges at other durations: the one thing of a graph that may change.
  /// REQUIRES: durations >= 0
  std::span<std::int64_t> mutable_work() { return work_; }
  std::span<SimTime> mutable_edge_delay() { return edge_delay_; }

  std::span<const LinkId> route(RouteId route) const {
    return std::span(route_links_)
        .subspan(route_begin_[route], route_begin_[route + 1] - route_begin_[route]);
  }
  std::size_t num_routes() const { return route_begin_.size() - 1; }
  RouteId route_of(TaskId flow) const { return code_[flow] & ~kFlowBit; }
  double link_bytes_per_second(LinkId link) const { return link_bytes_per_second_[link]; }

  static constexpr std::uint32_t kFlowBit = 0x80000000u;     ///< the rest is a route
  static constexpr std::uint32_t kFollowsBit = 0x40000000u;  ///< of a task on a resource

 private:
  friend class TaskGraphBuilder;
  std::vector<std::int64_t> work_;
  std::vector<std::uint32_t> code_;
  std::vector<std::uint32_t> first_edge_;
  std::vector<TaskId> edge_source_;
  std::vector<SimTime> edge_delay_;
  std::size_t num_resources_ = 0;
  std::vector<double> link_bytes_per_second_;
  std::vector<std::uint32_t> route_begin_{0};
  std::vector<LinkId> route_links_;
};

/// Calls `visit(from, to, delay)` for every edge, by ascending `to`; the one that follows from the
/// order on a resource comes first.
template <typename Visit>
void for_each_edge(const TaskGraph& graph, Visit&& visit) {
  constexpr TaskId kNone = 0xffffffffu;
  std::vector<TaskId> last(graph.num_resources(), kNone);
  const auto num_tasks = static_cast<TaskId>(graph.num_tasks());
  for (TaskId task = 0; task < num_tasks; ++task) {
    if (graph.codes()[task] < TaskGraph::kFlowBit) {
      TaskId& before = last[graph.resource(task)];
      if (graph.follows(task) && before != kNone) visit(before, task, SimTime{0});
      before = task;
    }
    for (std::uint32_t e = graph.first_edge()[task]; e < graph.first_edge()[task + 1]; ++e) {
      visit(graph.edge_source()[e], task, graph.has_edge_delays() ? graph.edge_delay()[e] : 0);
    }
  }
}

/// Collects tasks and edges; where every edge is added right after the task that it leads to, the
/// rows are complete as they are added, otherwise `build` sorts them in linear time.
///
/// REQUIRES: every edge's `from` < `to` < number of tasks at `build`; an edge that is not is
/// reported by `build` as std::invalid_argument naming both ids.
class TaskGraphBuilder {
 public:
  /// Room for that many, so that nothing is reallocated while tasks are added.
  void reserve(std::size_t tasks, std::size_t edges);

  ResourceId add_resource();
  /// @throws std::invalid_argument unless the bandwidth is finite and > 0
  LinkId add_link(double bytes_per_second);
  /// @throws std::invalid_argument when there is no link, an unknown one, or one twice
  RouteId add_route(std::span<const LinkId> links);

  /// `resource` is an added one or kNoResource; `work` is picoseconds, >= 0.
  /// @throws std::invalid_argument when it is not, here and in the other makers of tasks
  TaskId add_task(ResourceId resource, SimTime work) {
    if (work < 0 || (resource >= graph_.num_resources_ && resource != kNoResource)) {
      reject_task(resource, work);
    }
    return append(resource, work);
  }
  /// A task that waits for the one added last on its resource, if there is one: as if an edge led
  /// to it from there.
  TaskId add_next_task(ResourceId resource, SimTime work) {
    if (work < 0 || resource >= graph_.num_resources_) reject_task(resource, work);
    return append(resource | TaskGraph::kFollowsBit, work);
  }
  TaskId add_flow(RouteId route, std::int64_t bytes);  ///< bytes >= 0

  /// `to` may start no earlier than `delay` (picoseconds, >= 0) after `from` has finished.
  void add_edge(TaskId from, TaskId to, SimTime delay = 0) {
    if (to + 1 != num_tasks_ || from >= to || !edge_target_.empty()) [[unlikely]]
      leave_order(to);
    if (num_edges_ == edge_room_) [[unlikely]]
      make_room_for_edges();
    graph_.edge_source_[num_edges_] = from;
    // Many graphs have no delays; their array is written only once the first one is seen.
    if (has_delays_) {
      if (delay < 0) [[unlikely]]
        reject_delay(delay);
      graph_.edge_delay_[num_edges_] = delay;
    } else if (delay != 0) {
      append_first_delay(delay);
    }
    ++num_edges_;
  }

  std::size_t num_tasks() const { return num_tasks_; }
  TaskGraph build() &&;

 private:
  TaskId append(std::uint32_t code, std::int64_t work) {
    if (num_tasks_ == task_room_) [[unlikely]]
      make_room_for_tasks();
    graph_.first_edge_[num_tasks_] = static_cast<std::uint32_t>(num_edges_);
    graph_.code_[num_tasks_] = code;
    graph_.work_[num_tasks_] = work;
    return static_cast<TaskId>(num_tasks_++);
  }
  void make_room_for_tasks();
  void make_room_for_edges();
  [[noreturn]] void reject_task(ResourceId resource, SimTime work) const;
  [[noreturn]] void reject_delay(SimTime delay) const;
  void leave_order(TaskId to);
  void append_first_delay(SimTime delay);
  void sort_edges();

  TaskGraph graph_;  // its edges in the order added until `build`
  // What is filled of the graph's vectors, and their size: they grow a block at a time, so that
  // adding a task is one comparison and three stores.
  std::size_t num_tasks_ = 0, task_room_ = 0;
  std::size_t num_edges_ = 0, edge_room_ = 0;
  bool has_delays_ = false;
  std::vector<TaskId> edge_target_;  // empty while every edge leads to the latest task
};

}  // namespace plumbline
