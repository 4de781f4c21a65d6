// A serving scenario's `measured:` block beside what was predicted.
#pragma once

#include <vector>

#include "sim/report/validation.h"
#include "sim/scenario/scenario.h"

namespace plumbline {

/// The rows of `measured.cases`: tpot_s and e2e_s of every case, and ttft_s, which enters no
/// summary (it depends on how the client starts its users, which nobody printed; nor does tpot_s of
/// an engine whose users move in waves). A case that does not fit in memory enters none either and
/// is predicted as 0. REQUIRES: scenario.measured, scenario.serving
std::vector<ValidationRow> case_rows(const Scenario& scenario);

}  // namespace plumbline
