#pragma once

#include <cstdint>
#include <optional>

#include "schedules/schedule.h"
#include "schedules/ticks.h"

namespace plumbline {

/// What a rank may hold, in any whole unit.
struct GreedyMemory {
  std::int64_t limit = 1;
  std::int64_t activation = 1;        ///< from F to I
  std::int64_t after_input_grad = 1;  ///< of it, what W still needs: from I to W

  /// At most `live` activations, each whole until its W.
  static GreedyMemory live(int live) { return {.limit = live}; }
};

/// The order of zero-bubble's greedy scheduler for one chunk per rank: the best of its eight
/// variants by the longest rank span.
/// REQUIRES: shape.chunks == 1, 0 <= after_input_grad <= activation <= limit.  nullopt when no
/// variant fits in the limit.
///
/// Source: sail-sg/zero-bubble-pipeline-parallelism, scheduler/zb.py.
std::optional<Schedule> zb_greedy(const PipelineShape& shape, const GreedyMemory& memory,
                                  const TickCosts& costs);

inline std::optional<Schedule> zb_greedy(const PipelineShape& shape, int live,
                                         const TickCosts& costs) {
  return zb_greedy(shape, GreedyMemory::live(live), costs);
}

}  // namespace plumbline
