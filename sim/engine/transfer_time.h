// How long bytes take at a rate: the one rounding rule that every executor uses.
#pragma once

#include <algorithm>

#include "sim/core/sim_time.h"

namespace plumbline {

/// The nearest whole picosecond, but at least one: a flow that takes no time could neither meet
/// another flow nor be ordered against it.
/// REQUIRES: bytes > 0, bytes_per_second > 0
inline SimTime transfer_time(double bytes, double bytes_per_second) {
  return std::max<SimTime>(1, to_sim_time(Seconds(bytes / bytes_per_second)));
}

}  // namespace plumbline
