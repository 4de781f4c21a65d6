#pragma once

#include <optional>

#include "schedules/schedule.h"
#include "schedules/ticks.h"

namespace plumbline {

/// The order of zero-bubble's greedy scheduler for two chunks in a V with at most `limit` chunk
/// activations alive: the best of its four variants by the largest bubble.  It fits the costs it
/// is given, where `zb_v` is the rule for F = I = W.
/// REQUIRES: shape.chunks == 2, limit >= 2.  nullopt when no variant fits in the limit.
///
/// Source: sail-sg/zero-bubble-pipeline-parallelism, scheduler/zbv.py.
std::optional<Schedule> zbv_greedy(const PipelineShape& shape, int limit, const TickCosts& costs);

}  // namespace plumbline
