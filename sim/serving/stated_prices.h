// Prices of a pipeline whose stage times are known: stated in the scenario, not priced.
#pragma once

#include <memory>

#include "sim/plan/serving_options.h"
#include "sim/serving/step.h"

namespace plumbline {

/// Every step takes stage_times_ms[stage] on a stage, whatever it runs; activations and tokens
/// travel in no time (stage times measured end to end hold what follows them). The engine's process
/// takes what it always takes. REQUIRES: stage_times_ms is not empty; the software is known
std::unique_ptr<StepPrices> make_stated_prices(const ServingOptions& options);

}  // namespace plumbline
