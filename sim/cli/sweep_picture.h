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
/// @param scenario  whose name and objectives the picture shows
/// @throws InputError at --svg when there are too many points for a picture
std::string sweep_picture(const SweepProduct& product, const SweepSummary& summary,
                          const SweepKind& kind, const Scenario& scenario);

/// The swept paths, then iteration_time_s, tokens_per_s, tokens_per_s_per_gpu, bubble_fraction,
/// peak_memory_bytes and the cost column; of what serves output_tokens_per_s, latencies, the share
/// within the objectives, the bubble and the cost. A row per point of the front, in the product's
/// order.
std::string front_csv(const std::vector<SweepAxis>& axes, const ParetoFront& front,
                      const SweepKind& kind);

}  // namespace plumbline
