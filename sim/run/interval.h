// How far a prediction may be off: the run priced again under draws of what its prices leave open.
//
// Only prices change, so a draw does not replay the schedule. The critical path says how much of
// the iteration was priced by products, attention, memory, links and host; a draw multiplies each
// part by its own factor and adds them up. That is exact while the path stays the path, and never
// too long; tests/unit/run/interval_test.cpp holds it against full re-runs.
#pragma once

#include <array>
#include <cstdint>

#include "sim/cost/stage_costs.h"
#include "sim/kernels/price_errors.h"
#include "sim/measure/result.h"

namespace plumbline {

/// Probability with which the measurement should lie inside.
inline constexpr double kIntervalProbability = 0.9;

/// What kernels do not explain, by what is known to be missing from the model.
struct PredictionKind {
  bool mixture_of_experts = false;       ///< nobody prints how evenly the router spread the tokens
  double share_outside_calibration = 0;  ///< of the busy time
};

struct IntervalInput {
  PathComposition path;  ///< seconds; sums to the iteration time
  PriceErrors errors;
  KernelMix products, attention;  ///< over how many kernels their own errors average out
  PredictionKind kind;
  std::uint64_t seed = 1;
};

/// The standard deviation of ln(measured / predicted) that draws over prices cannot explain:
/// stragglers, host time, software releases, routing. Estimated on published runs, leaving out one
/// source of runs at a time (docs/accuracy.md says how and what each left-out source gave).
double model_form_error(const PredictionKind& kind);

/// The 5th and the 95th percentile of 200 draws; the same seed gives the same bits.
std::array<double, 2> iteration_time_interval(const IntervalInput& input);

}  // namespace plumbline
