// The chain of tasks, each released by the one before, that ends with the iteration.
#pragma once

#include <vector>

#include "sim/core/sim_time.h"
#include "sim/engine/timeline.h"
#include "sim/lowering/lower_training.h"
#include "sim/measure/rank_times.h"
#include "sim/measure/releases.h"
#include "sim/measure/result.h"

namespace plumbline {

/// Walks back from the task that ends at `window.end` to `window.begin`, over the predecessor that
/// released each task, and sums by what: "F on rank 3", "transfer 3 -> 4", "optimizer on rank 0".
/// The seconds sum to the window's length per iteration; longest first.
std::vector<CriticalStep> critical_path(const LoweredStep& step, const Timeline& timeline,
                                        const Releases& releases, const Window& window);

}  // namespace plumbline
