// Builds the compressed rows: a counting sort of the edges by their source.
//
//   edges as added   2->3  0->2  0->1        first_edge   0 2 2 3 3
//   edges by source  0->2  0->1  2->3        edge_target  2 1 3
//
// The sort is stable and linear; a lowering with millions of edges spends its time here.

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
  reserve_large(graph_.work_, tasks);
  reserve_large(graph_.resource_, tasks);
  reserve_large(graph_.edge_target_, edges);
  reserve_large(edge_from_, edges);
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

void TaskGraphBuilder::append_delay(SimTime delay) {
  if (delay < 0) reject("an edge has a negative delay (" + std::to_string(delay) + ")");
  if (!graph_.has_edge_delays_) {
    graph_.has_edge_delays_ = true;
    reserve_large(graph_.edge_delay_, edge_from_.capacity());
    graph_.edge_delay_.assign(edge_from_.size() - 1, 0);
  }
  graph_.edge_delay_.push_back(delay);
}

// Leaves the number of edges of task t at first_edge_[t + 2].
void TaskGraphBuilder::count_edges() {
  const std::size_t num_tasks = graph_.num_tasks();
  reserve_large(graph_.first_edge_, num_tasks + 2);
  graph_.first_edge_.assign(num_tasks + 2, 0);
  for (std::size_t e = 0; e < edge_from_.size(); ++e) {
    const TaskId from = edge_from_[e];
    const TaskId to = graph_.edge_target_[e];
    if (from >= to || to >= num_tasks) reject_edge(from, to, num_tasks);
    ++graph_.first_edge_[from + 2];
  }
  for (std::size_t t = 2; t < num_tasks + 2; ++t) {
    graph_.first_edge_[t] += graph_.first_edge_[t - 1];
  }
}

// Each row's begin, at first_edge_[t + 1], serves as the cursor of its row and ends as the begin
// of the next one: exactly the array wanted, so no second one is needed.
void TaskGraphBuilder::sort_edges() {
  std::vector<TaskId> target;
  std::vector<SimTime> delay;
  reserve_large(target, edge_from_.size());
  reserve_large(delay, edge_from_.size());
  target.resize(edge_from_.size());
  delay.resize(edge_from_.size());
  std::uint32_t* cursor = graph_.first_edge_.data() + 1;
  if (graph_.has_edge_delays_) {
    for (std::size_t e = 0; e < edge_from_.size(); ++e) {
      const std::uint32_t place = cursor[edge_from_[e]]++;
      target[place] = graph_.edge_target_[e];
      delay[place] = graph_.edge_delay_[e];
    }
  } else {
    for (std::size_t e = 0; e < edge_from_.size(); ++e) {
      target[cursor[edge_from_[e]]++] = graph_.edge_target_[e];
    }
  }
  graph_.edge_target_ = std::move(target);
  graph_.edge_delay_ = std::move(delay);
}

TaskGraph TaskGraphBuilder::build() && {
  // Flows and kNoResource use the upper half of the 32-bit codes, edges are indexed by 32 bits.
  constexpr std::size_t kMost = std::numeric_limits<std::int32_t>::max();
  if (graph_.num_tasks() > kMost || graph_.num_edges() > 2 * kMost ||
      graph_.num_resources_ > kMost || graph_.num_routes() > kMost - 1) {
    throw std::length_error("task graph: more tasks, edges, resources or routes than 32 bits hold");
  }
  count_edges();
  if (edges_sorted_) {
    graph_.first_edge_.erase(graph_.first_edge_.begin());
    graph_.edge_delay_.resize(graph_.num_edges(), 0);
  } else {
    sort_edges();
    graph_.first_edge_.pop_back();
  }
  edge_from_ = {};
  return std::move(graph_);
}

}  // namespace plumbline
