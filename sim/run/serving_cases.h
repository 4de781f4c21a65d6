// Measured closed loops of one served model: `measured.cases` of a scenario.
//
// The CSV has a row per case and the columns tensor, expert, prompt_tokens, output_tokens, users,
// ttft_s, tpot_s. Everything else is the scenario's; each case is predicted in its steady state
// (sim/serving/closed_loop.h), on as many GPUs as its plan has.
#pragma once

#include <vector>

#include "sim/scenario/scenario.h"
#include "sim/serving/closed_loop.h"

namespace plumbline {

struct ServingCase {
  int line = 0;  ///< of the CSV, from 1
  int tensor = 1, expert = 1;
  ClosedLoopLoad load;
  double ttft_s = 0, tpot_s = 0;  ///< measured
  bool fits = true;
  ClosedLoopTimes predicted;  ///< when it fits
  double e2e_s() const { return ttft_s + static_cast<double>(load.output_tokens - 1) * tpot_s; }
};

/// @throws InputError when the file cannot be read or a case has no price
std::vector<ServingCase> serving_cases(const Scenario& scenario);

}  // namespace plumbline
