#pragma once

#include <optional>

#include "schedules/schedule.h"
#include "schedules/ticks.h"

namespace plumbline {

/// The order of zero-bubble's greedy scheduler for one chunk per rank with at most `limit`
/// activations alive (each until its W): the best of its eight variants by the longest rank span.
/// REQUIRES: shape.chunks == 1, limit >= 1.  nullopt when no variant fits in the limit.
///
/// Source: sail-sg/zero-bubble-pipeline-parallelism, scheduler/zb.py.
std::optional<Schedule> zb_greedy(const PipelineShape& shape, int limit, const TickCosts& costs);

}  // namespace plumbline
