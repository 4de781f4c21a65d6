// Which exclusive resources need no queue.
#pragma once

#include <vector>

#include "sim/engine/task_graph.h"

namespace plumbline {

/// [num_resources] whether the resource's tasks form a chain: an edge leads from each to the next
/// by id, so that the edges alone fix their order. Linear in tasks and edges.
std::vector<bool> chained_resources(const TaskGraph& graph);

}  // namespace plumbline
