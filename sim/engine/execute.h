// One entry to both executors.
#pragma once

#include "sim/engine/speed_profile.h"
#include "sim/engine/task_graph.h"
#include "sim/engine/timeline.h"

namespace plumbline {

/// Runs the graph from time 0 with the cheapest executor that gives the exact answer: the static
/// pass where nothing has to be arbitrated, otherwise the event loop. Which one it was, and why, is
/// in the result.
/// @throws std::runtime_error when tasks can never finish because what they need stays down
Execution execute(const TaskGraph& graph, const SpeedProfiles& profiles = {});

}  // namespace plumbline
