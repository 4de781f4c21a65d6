// Time inside the engine: whole picoseconds, so that addition is associative, ties are real
// ties and two executors agree exactly.  The range is 106 days.
#pragma once

#include <cstdint>

#include "sim/core/units.h"

namespace plumbline {

using SimTime = std::int64_t;  ///< picoseconds since the start of the simulated step

/// Rounds to the nearest picosecond.
/// @throws std::out_of_range when the time is not finite, negative or beyond 106 days
constexpr SimTime to_sim_time(Seconds time);

/// What `to_sim_time` throws; not for calling.
[[noreturn]] void reject_sim_time(Seconds time);

constexpr SimTime to_sim_time(Seconds time) {
  const double picoseconds = time.base() * 1e12;
  // The negated comparison also catches NaN.
  if (!(picoseconds >= 0.0 && picoseconds < 9.2e18)) reject_sim_time(time);
  // Spelled out because llround is a library call; the subtraction is exact.
  const SimTime whole = static_cast<SimTime>(picoseconds);
  return whole + (picoseconds - static_cast<double>(whole) >= 0.5 ? 1 : 0);
}

constexpr Seconds to_seconds(SimTime time) { return Seconds(static_cast<double>(time) * 1e-12); }

}  // namespace plumbline
