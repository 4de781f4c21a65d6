// The shortest makespan of a tiny pipeline, by looking at every order.
#pragma once

#include <cstdint>

#include "schedules/schedule.h"
#include "schedules/ticks.h"

namespace plumbline::testing {

/// F, I and W of every stage of `placed`, at most `limit` live activations per rank (from the start
/// of F to the end of W).  Shares no code with the search: states are sets of operations done, by
/// count, and of two ways to one state the one that is later everywhere is dropped.
std::int64_t shortest_makespan(const Schedule& placed, const TickCosts& costs, int limit);

}  // namespace plumbline::testing
