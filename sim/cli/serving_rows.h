// A serving scenario's `measured:` block beside what was predicted.
#pragma once

#include <vector>

#include "sim/report/validation.h"
#include "sim/run/run_serving.h"
#include "sim/scenario/scenario.h"

namespace plumbline {

/// A row per statistic that was measured: ttft_mean_s, ttft_p50_s, ... tpot_..., e2e_...; the
/// others are iteration_time_s (the time from step to step), tokens_per_s (of outputs) and
/// bubble_fraction.
///
/// Of `measured.requests`, a CSV with a row per request of the trace, in its order, and the columns
/// ttft_s, tpot_s and e2e_s: the same statistics of both, and a row per request and quantity
/// (request_ttft_s, ...).
///
/// REQUIRES: scenario.measured, scenario.serving
/// @throws InputError when the run does not fit in memory, or the CSV cannot be read or has another
///         number of rows than the run
std::vector<ValidationRow> serving_rows(const Scenario& scenario, const ServedRun& run);

/// The rows of `measured.cases`: tpot_s and e2e_s of every case, and ttft_s, which enters no
/// summary (it depends on how the client starts its users, which nobody printed; nor does tpot_s of
/// an engine whose users move in waves). A case that does not fit in memory enters none either and
/// is predicted as 0. REQUIRES: scenario.measured, scenario.serving
std::vector<ValidationRow> case_rows(const Scenario& scenario);

}  // namespace plumbline
