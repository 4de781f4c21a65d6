// A scenario's `measured:` block beside the result of its run.
#pragma once

#include <string>
#include <vector>

#include "sim/measure/result.h"
#include "sim/report/validation.h"
#include "sim/scenario/scenario.h"

namespace plumbline {

/// The measured seconds per step: as stated, or out of the first rate that is, in the order
/// tokens_per_s, tokens_per_s_per_gpu, samples_per_s, model_tflops_per_gpu, mfu; nullopt where no
/// time and no rate was measured.
///
/// TFLOP/s and MFU count attention as `measured.flops` says, by models/flops.h.
/// REQUIRES: scenario.measured
std::optional<double> measured_iteration_time(const Scenario& scenario, const Result& result);

/// A row per metric that was measured; lists of memory give a row per pipeline rank.
/// `peak_reserved_gib` is set against the predicted peak of allocated memory: what the caching
/// allocator keeps beyond it is not modelled.
/// REQUIRES: scenario.measured
std::vector<ValidationRow> measured_rows(const Scenario& scenario, const Result& result);

}  // namespace plumbline
