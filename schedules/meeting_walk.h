// Orders that repeat: simulated annealing over where micro-batches meet.
//
// With one chunk per rank, forward k on its way down meets the input gradients of the micro-batches
// before it on their way up, each between two stages (see crossing_layers.h).  Those places are the
// order, but for weight gradients, which fill gaps.  Where memory decides, an order of many
// micro-batches is a pattern that repeats with the limit on live activations, a beginning and an
// end: a change of the pattern shortens all of its repetitions at once, which changes to single
// operations cannot.
#pragma once

#include <cstdint>
#include <vector>

#include "schedules/job_shop.h"

namespace plumbline {

/// How weight gradients fill the time that forwards and input gradients leave.
enum class WeightGrads {
  kFluid,  ///< in parts of any size: what bounds and windows assume, too
  kWhole,  ///< where one fits, or must run for the limit's sake
};

struct MeetingWalk {
  /// [stages][micro-batches] how many input gradients of its stage run before F(s, k)
  std::vector<int> before;
  std::vector<std::vector<int>> rows;  ///< of all operations; empty for `kFluid`
  Ticks makespan = 0;
  double work = 0.0;
};

/// Walks from the order `from`, first over patterns, when there are micro-batches enough to repeat
/// them, then over the beginning and the end.
/// REQUIRES: one chunk per rank, a limit of at least 2
MeetingWalk walk_meetings(const JobShop& shop, const ShopOrder& from, WeightGrads weight_grads,
                          double budget, std::uint64_t seed);

}  // namespace plumbline
