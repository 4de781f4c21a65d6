// Where a search starts: the published orders of a placement, and patterns for one chunk per rank.
#pragma once

#include <vector>

#include "schedules/costs.h"
#include "schedules/schedule.h"

namespace plumbline {

/// With every backward as its two gradients, pairs as their parts, and the k-th operation of a
/// stage and kind of micro-batch k: as fast at least, and as much alive.
Schedule with_split_backwards(Schedule schedule);

/// The published orders in this placement whose ranks hold at most `limit` live activations, with
/// every backward split in I and W where it stands; greedy ones made for these costs and for equal
/// ones, with this limit and their own.
std::vector<Schedule> published_orders(const PipelineShape& shape, Placement placement, int limit,
                                       const UnitCosts& costs);

/// How many micro-batches a rank keeps between F and I, and by how many its weight gradients lag.
struct RankPattern {
  std::vector<int> forwards;  ///< [ranks]
  std::vector<int> lag;       ///< [ranks]
};

/// ZB-H1 is forwards P - s and lag s; the others stretch its slope over the limit.
std::vector<RankPattern> rank_patterns(int ranks, int limit);

}  // namespace plumbline
