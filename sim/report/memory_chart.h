// Memory as pictures: what fills each rank at its peak, and how it rises and falls.
#pragma once

#include <string>

#include "sim/measure/result.h"

namespace plumbline {

/// A stacked bar per rank by cause, with the usable memory as a line; beyond 64 ranks every n-th.
std::string peak_memory_svg(const TrainingResult& training, int width_px);

/// Memory of up to eight ranks over the step; "" where no rank has `memory_over_time`.
std::string memory_over_time_svg(const TrainingResult& training, int width_px);

}  // namespace plumbline
