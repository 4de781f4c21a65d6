// The highest request rate at which a serving scenario still meets its objectives.
#pragma once

#include "sim/run/run_serving.h"

namespace plumbline {

struct MaxRate {
  double rate_per_s = 0;  ///< mean rate of arrivals of the best run; 0 where no rate was found
  double next_per_s = 0;  ///< the lowest rate tried that failed; 0 where none failed
  int tries = 0;
  ServedRun best;  ///< at `rate_per_s`; at the lowest rate tried where none met the objectives
};

/// Bisects over the rate: the scenario's arrivals, closer together or further apart, with the same
/// requests in the same order. A rate is good when `slo.attainment` of the requests meet the
/// objectives. Ends when the bracket is within 1 %.
/// @throws InputError without objectives, or with a closed loop, whose users set the rate
MaxRate find_max_rate(const Scenario& scenario, const ServeOptions& options = {});
MaxRate find_max_rate(PreparedServing prepared, const ServeOptions& options = {});

}  // namespace plumbline
