#pragma once

#include <string_view>
#include <vector>

#include "schedules/costs.h"
#include "schedules/schedule.h"

namespace plumbline {

/// The fastest order found with at most `limit` live activations on every rank, for F, I and W of
/// every stage in `placement` (kLoop with one chunk, kV with two).
///
/// Starts from the published orders that keep the limit, so it is never slower than any of them,
/// improves them by list scheduling forwards and backwards in time, and stops at the lower bound
/// or after a fixed number of operations placed; the same input gives the same order everywhere.
///
/// @throws InputError at "schedule.max_live_activations" when the limit is below the number of
///         chunks, where nothing can run
///
/// Source of the improvement: Tormos and Lova, Annals of OR 102, 2001 (forward-backward passes).
Schedule search_order(std::string_view name, const PipelineShape& shape, Placement placement,
                      int limit, const UnitCosts& costs);

}  // namespace plumbline
