// A task graph read forwards: whom the end of each task concerns.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/engine/task_graph.h"

namespace plumbline {

/// Every edge of a graph in rows by its source, those that follow from the order on a resource
/// included; a row is in order of targets.
struct Successors {
  std::vector<std::uint32_t> first;  ///< [num_tasks + 1] row t is first[t] .. first[t + 1]
  std::vector<TaskId> target;
  std::vector<SimTime> delay;  ///< empty: every delay is 0
};

/// Linear in tasks and edges.
Successors successors(const TaskGraph& graph);

}  // namespace plumbline
