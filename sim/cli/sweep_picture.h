// A sweep's points as the lines of a chart, and its front as a CSV.
#pragma once

#include <string>
#include <vector>

#include "sim/cli/sweep_axes.h"
#include "sim/cli/sweep_front.h"
#include "sim/cli/sweep_summary.h"

namespace plumbline {

/// @throws InputError at --svg when more than two axes have more than one value, or none has
void check_picture(const SweepProduct& product);

/// Along the last axis that has several values; the other one, if there is one, makes the lines.
/// @throws InputError at --svg when there are too many points for a picture
std::string sweep_picture(const SweepProduct& product, const SweepSummary& summary,
                          const std::string& title);

/// The swept paths, then iteration_time_s, tokens_per_s, tokens_per_s_per_gpu, bubble_fraction,
/// peak_memory_bytes and the cost column; a row per point of the front, in the product's order.
std::string front_csv(const std::vector<SweepAxis>& axes, const ParetoFront& front);

}  // namespace plumbline
