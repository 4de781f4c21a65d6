// What the critical path was priced by: how the iteration time moves when a class of prices does.
#pragma once

#include "sim/measure/measure_training.h"
#include "sim/measure/rank_times.h"
#include "sim/measure/releases.h"
#include "sim/measure/result.h"

namespace plumbline {

/// Walks the same path as critical_path and splits every task's time by the prices it is made of:
/// an operation as its OpCost is, transfers and collectives by whether they leave the node.
///
/// Scaling a class of prices by a factor near 1 moves the iteration time by that share of it, as
/// long as the path stays the same: a lower bound on the new time, exact to first order.
PathComposition path_composition(const MeasureInput& input, const Releases& releases,
                                 const Window& window);

}  // namespace plumbline
