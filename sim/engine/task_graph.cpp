// Builds the compressed rows.  A lowering adds every edge right after the task that it leads to,
// and so writes them in place.  Otherwise: a counting sort of the edges by their target, stable and
// linear.
//
//   edges as added   2->3  0->2  0->1        first_edge   0 0 1 2 3
//   edges by target  0->1  0->2  2->3        edge_source  0 0 2

#include "sim/engine/task_graph.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "sim/core/large_vector.h"

namespace plumbline {
namespace {

constexpr std::size_t kBlock = 1024;

/// @returns the new size
template <typename T>
std::size_t grow_by_block(std::vector<T>& vector) {
  vector.resize(vector.size() + kBlock);
  return vector.size();
}

[[noreturn]] void reject(const std::string& what) {
  throw std::invalid_argument("task graph: " + what);
}

[[noreturn]] void reject_edge(TaskId from, TaskId to, std::size_t num_tasks) {
  const std::string edge = "the edge " + std::to_string(from) + " -> " + std::to_string(to);
  if (std::max(from, to) >= num_tasks) {
    reject(edge + " names a task that does not exist; there are " + std::to_string(num_tasks));
  }
  reject(edge + " does not lead from a lower to a higher id");
}

}  // namespace

void TaskGraphBuilder::reserve(std::size_t tasks, std::size_t edges) {
  tasks += kBlock;
  edges += kBlock;
  reserve_large(graph_.work_, tasks);
  reserve_large(graph_.code_, tasks);
  reserve_large(graph_.first_edge_, tasks);
  reserve_large(graph_.edge_source_, edges);
}

ResourceId TaskGraphBuilder::add_resource() {
  return static_cast<ResourceId>(graph_.num_resources_++);
}

LinkId TaskGraphBuilder::add_link(double bytes_per_second) {
  if (!(bytes_per_second > 0.0 && std::isfinite(bytes_per_second))) {
    reject("a link cannot carry " + std::to_string(bytes_per_second) + " bytes/s");
  }
  graph_.link_bytes_per_second_.push_back(bytes_per_second);
  return static_cast<LinkId>(graph_.link_bytes_per_second_.size() - 1);
}

RouteId TaskGraphBuilder::add_route(std::span<const LinkId> links) {
  if (links.empty()) reject("a route needs at least one link");
  for (std::size_t i = 0; i < links.size(); ++i) {
    if (links[i] >= graph_.num_links()) {
      reject("a route names link " + std::to_string(links[i]) + ", which does not exist");
    }
    if (std::find(links.begin(), links.begin() + i, links[i]) != links.begin() + i) {
      reject("a route crosses link " + std::to_string(links[i]) + " twice");
    }
  }
  graph_.route_links_.insert(graph_.route_links_.end(), links.begin(), links.end());
  graph_.route_begin_.push_back(static_cast<std::uint32_t>(graph_.route_links_.size()));
  return static_cast<RouteId>(graph_.num_routes() - 1);
}

void TaskGraphBuilder::reject_task(ResourceId resource, SimTime work) const {
  const std::string task = "task " + std::to_string(num_tasks());
  if (work < 0) reject(task + " has negative work (" + std::to_string(work) + ")");
  reject(task + " names resource " + std::to_string(resource) + ", which does not exist");
}

TaskId TaskGraphBuilder::add_flow(RouteId route, std::int64_t bytes) {
  const std::string flow = "flow " + std::to_string(num_tasks());
  if (bytes < 0) reject(flow + " has negative bytes (" + std::to_string(bytes) + ")");
  if (route >= graph_.num_routes()) {
    reject(flow + " names route " + std::to_string(route) + ", which does not exist");
  }
  return append(TaskGraph::kFlowBit | route, bytes);
}

// Blocks are small enough that what `resize` clears is still in the cache when it is written.
void TaskGraphBuilder::make_room_for_tasks() {
  task_room_ = grow_by_block(graph_.work_);
  grow_by_block(graph_.code_);
  grow_by_block(graph_.first_edge_);
}

void TaskGraphBuilder::make_room_for_edges() {
  edge_room_ = grow_by_block(graph_.edge_source_);
  if (has_delays_) grow_by_block(graph_.edge_delay_);
}

// From here on every edge's target is written down.
void TaskGraphBuilder::leave_order(TaskId to) {
  if (edge_target_.empty()) {
    edge_target_.reserve(graph_.edge_source_.capacity());
    for (TaskId task = 0; task < num_tasks_; ++task) {
      const std::size_t end = task + 1 < num_tasks_ ? graph_.first_edge_[task + 1] : num_edges_;
      edge_target_.resize(end, task);
    }
  }
  edge_target_.push_back(to);
}

void TaskGraphBuilder::append_first_delay(SimTime delay) {
  if (delay < 0) reject_delay(delay);
  has_delays_ = true;
  reserve_large(graph_.edge_delay_, graph_.edge_source_.capacity());
  graph_.edge_delay_.resize(edge_room_, 0);
  graph_.edge_delay_[num_edges_] = delay;
}

void TaskGraphBuilder::reject_delay(SimTime delay) const {
  reject("an edge has a negative delay (" + std::to_string(delay) + ")");
}

// Each row's begin, at first_edge_[t + 1] while the edges are placed, serves as the cursor of its
// row and ends as the begin of the next one: exactly the array wanted, so no second one is needed.
void TaskGraphBuilder::sort_edges() {
  const std::size_t num_tasks = graph_.num_tasks();
  const std::size_t num_edges = graph_.num_edges();
  graph_.first_edge_.assign(num_tasks + 2, 0);
  for (std::size_t e = 0; e < num_edges; ++e) {
    const TaskId from = graph_.edge_source_[e];
    const TaskId to = edge_target_[e];
    if (from >= to || to >= num_tasks) reject_edge(from, to, num_tasks);
    ++graph_.first_edge_[to + 2];
  }
  for (std::size_t t = 2; t < num_tasks + 2; ++t) {
    graph_.first_edge_[t] += graph_.first_edge_[t - 1];
  }
  std::vector<TaskId> source;
  std::vector<SimTime> delay;
  reserve_large(source, num_edges);
  source.resize(num_edges);
  if (graph_.has_edge_delays()) {
    reserve_large(delay, num_edges);
    delay.resize(num_edges);
  }
  std::uint32_t* cursor = graph_.first_edge_.data() + 1;
  for (std::size_t e = 0; e < num_edges; ++e) {
    const std::uint32_t place = cursor[edge_target_[e]]++;
    source[place] = graph_.edge_source_[e];
    if (graph_.has_edge_delays()) delay[place] = graph_.edge_delay_[e];
  }
  graph_.first_edge_.pop_back();
  graph_.edge_source_ = std::move(source);
  graph_.edge_delay_ = std::move(delay);
}

TaskGraph TaskGraphBuilder::build() && {
  // Flows, kNoResource and the order on a resource use the upper bits of the 32-bit codes, edges
  // are indexed by 32 bits.
  constexpr std::size_t kMost = std::numeric_limits<std::int32_t>::max();
  if (num_tasks_ > kMost || num_edges_ > 2 * kMost ||
      graph_.num_resources_ > TaskGraph::kFollowsBit || graph_.num_routes() > kMost - 1) {
    throw std::length_error("task graph: more tasks, edges, resources or routes than 32 bits hold");
  }
  graph_.work_.resize(num_tasks_);
  graph_.code_.resize(num_tasks_);
  graph_.edge_source_.resize(num_edges_);
  if (has_delays_) graph_.edge_delay_.resize(num_edges_);
  if (edge_target_.empty()) {
    graph_.first_edge_.resize(num_tasks_);
    graph_.first_edge_.push_back(static_cast<std::uint32_t>(num_edges_));
  } else {
    sort_edges();
  }
  return std::move(graph_);
}

}  // namespace plumbline
