// How fast any order could be: bounds that hold for every schedule with the same placement and the
// same kinds of operations.
#pragma once

#include <optional>

#include "schedules/costs.h"
#include "schedules/schedule.h"

namespace plumbline {

/// A makespan that no order of the same operations on the same ranks can beat, when at most
/// `max_live` activations live on a rank at once (any number, when it is not given).
///
/// It takes the largest of, per rank: the work there, the earliest time its first operation can
/// start, the wait for the first gradient that no admissible forward fills, and the way that the
/// last gradient still has to go; and the longest chain of operations, where with one chunk per
/// rank and a limit L every L-th micro-batch waits for the one L before it.  Assumes identical
/// micro-batches and latency-only communication.
double makespan_lower_bound(const Schedule& schedule, const UnitCosts& costs,
                            std::optional<int> max_live = std::nullopt);

}  // namespace plumbline
