// Time inside the engine: whole picoseconds, so that addition is associative, ties are real
// ties and two executors agree exactly.  The range is 106 days.
#pragma once

#include <cstdint>

#include "sim/core/units.h"

namespace plumbline {

using SimTime = std::int64_t;  ///< picoseconds since the start of the simulated step

/// Rounds to the nearest picosecond.
/// @throws std::out_of_range when the time is not finite, negative or beyond 106 days
SimTime to_sim_time(Seconds time);

constexpr Seconds to_seconds(SimTime time) { return Seconds(static_cast<double>(time) * 1e-12); }

}  // namespace plumbline
