// Says why a schedule cannot go on.
#pragma once

#include <cstdint>
#include <span>

#include "schedules/schedule.h"
#include "sim/core/diagnostic.h"

namespace plumbline {

/// The problem of a schedule whose ranks have run as far as `positions` and are all blocked or
/// done: the cycle of ranks that wait for each other, or the operation that no rank runs.
///
/// @param positions  [ranks] the operation at which each rank stands (its size: it is done)
Diagnostic explain_deadlock(const Schedule& schedule, std::span<const std::uint32_t> positions);

}  // namespace plumbline
