// One entry to both executors.
#pragma once

#include "sim/engine/task_graph.h"
#include "sim/engine/timeline.h"

namespace plumbline {

/// Runs the graph from time 0 with the cheapest executor that gives the exact answer: the static
/// pass where every exclusive resource's order is fixed by edges and no two flows can share a
/// link, otherwise the event loop.
Execution execute(const TaskGraph& graph);

}  // namespace plumbline
