// The engine's input: tasks with work, the resources they need, and precedence edges.
//
// A task is one of
//   - work on an *exclusive* resource (a compute stream, a copy engine): picoseconds at full speed;
//     the resource serves one task at a time, first come first served, ties to the lower id;
//   - work on no resource (kNoResource): a pure delay;
//   - a *flow*: bytes over a route of fluid links, which concurrent flows share max-min fairly.
// Task ids are topological: every edge goes from a lower to a higher id, which the builder checks.
// The graph is immutable and knows nothing of what its tasks mean.
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

/// Immutable task graph in compressed sparse rows.
class TaskGraph {
 public:
  std::size_t num_tasks() const { return work_.size(); }
  std::size_t num_edges() const { return edge_target_.size(); }
  std::size_t num_resources() const { return num_resources_; }
  std::size_t num_links() const { return link_bytes_per_second_.size(); }
  bool is_flow(TaskId task) const {
    return (resource_[task] & kFlowBit) != 0 && !no_resource(task);
  }
  bool no_resource(TaskId task) const { return resource_[task] == kNoResource; }

  /// [num_tasks] picoseconds for a task, bytes for a flow.
  std::span<const std::int64_t> work() const { return work_; }
  /// [num_tasks] the exclusive resource, kNoResource, or kFlowBit | route.
  std::span<const std::uint32_t> resource() const { return resource_; }
  /// [num_tasks + 1] and [num_edges]: the targets and delays of task t's edges are at
  /// first_edge[t] .. first_edge[t + 1].
  std::span<const std::uint32_t> first_edge() const { return first_edge_; }
  std::span<const TaskId> edge_target() const { return edge_target_; }
  std::span<const SimTime> edge_delay() const { return edge_delay_; }
  /// False when every delay is 0, so that a sweep need not read them.
  bool has_edge_delays() const { return has_edge_delays_; }

  /// To run the same tasks and edges at other durations: the one thing of a graph that may change.
  /// REQUIRES: durations >= 0, and delays of 0 where has_edge_delays() is false
  std::span<std::int64_t> mutable_work() { return work_; }
  std::span<SimTime> mutable_edge_delay() { return edge_delay_; }

  std::span<const LinkId> route(RouteId route) const {
    return std::span(route_links_)
        .subspan(route_begin_[route], route_begin_[route + 1] - route_begin_[route]);
  }
  std::size_t num_routes() const { return route_begin_.size() - 1; }
  RouteId route_of(TaskId flow) const { return resource_[flow] & ~kFlowBit; }
  double link_bytes_per_second(LinkId link) const { return link_bytes_per_second_[link]; }

  static constexpr std::uint32_t kFlowBit = 0x80000000u;

 private:
  friend class TaskGraphBuilder;
  std::vector<std::int64_t> work_;
  std::vector<std::uint32_t> resource_;
  std::vector<std::uint32_t> first_edge_;
  std::vector<TaskId> edge_target_;
  std::vector<SimTime> edge_delay_;
  bool has_edge_delays_ = false;
  std::size_t num_resources_ = 0;
  std::vector<double> link_bytes_per_second_;
  std::vector<std::uint32_t> route_begin_{0};
  std::vector<LinkId> route_links_;
};

/// Collects tasks and edges; `build` sorts the edges into rows in linear time.
///
/// REQUIRES: every edge's `from` < `to` < number of tasks at `build`; an edge that is not is
/// reported by `build` as std::invalid_argument naming both ids.  Edges may come in any order;
/// where they come in ascending order of `from`, `build` neither sorts nor copies them.
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
  /// @throws std::invalid_argument when it is not, here and in add_flow
  TaskId add_task(ResourceId resource, SimTime work) {
    if (work < 0 || (resource >= graph_.num_resources_ && resource != kNoResource)) {
      reject_task(resource, work);
    }
    return append(resource, work);
  }
  TaskId add_flow(RouteId route, std::int64_t bytes);  ///< bytes >= 0

  /// `to` may start no earlier than `delay` (picoseconds, >= 0) after `from` has finished.
  void add_edge(TaskId from, TaskId to, SimTime delay = 0) {
    edges_sorted_ = edges_sorted_ && (edge_from_.empty() || edge_from_.back() <= from);
    edge_from_.push_back(from);
    graph_.edge_target_.push_back(to);
    // Most graphs have no delays; their array is written only once the first one is seen.
    if (delay != 0 || graph_.has_edge_delays_) append_delay(delay);
  }

  std::size_t num_tasks() const { return graph_.work_.size(); }
  TaskGraph build() &&;

 private:
  TaskId append(std::uint32_t resource, std::int64_t work) {
    graph_.resource_.push_back(resource);
    graph_.work_.push_back(work);
    return static_cast<TaskId>(graph_.work_.size() - 1);
  }
  [[noreturn]] void reject_task(ResourceId resource, SimTime work) const;
  void append_delay(SimTime delay);
  void count_edges();
  void sort_edges();

  TaskGraph graph_;  // edge_target_ and edge_delay_ in the order added until `build`
  std::vector<TaskId> edge_from_;
  bool edges_sorted_ = true;
};

}  // namespace plumbline
