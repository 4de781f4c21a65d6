// Costs in whole ticks, so that a greedy rule's ties are real ties.
#pragma once

#include <cstdint>
#include <vector>

#include "schedules/costs.h"

namespace plumbline {

struct TickCosts {
  std::vector<std::int64_t> forward, input_grad, weight_grad;  ///< [stages]
  std::int64_t comm = 0;                                       ///< the longest, where they differ
  std::vector<std::int64_t> comm_by_stage;  ///< [stages - 1] as in UnitCosts, or empty

  std::int64_t comm_between(int one, int other) const {
    return comm_by_stage.empty() ? comm : comm_by_stage[one < other ? one : other];
  }
  std::int64_t of(OpKind kind, int stage) const {
    switch (kind) {
      case OpKind::kForward:
        return forward[stage];
      case OpKind::kBackward:
        return input_grad[stage] + weight_grad[stage];
      case OpKind::kInputGrad:
        return input_grad[stage];
      case OpKind::kWeightGrad:
        return weight_grad[stage];
    }
    return 0;
  }
};

/// Costs in ticks with the number of ticks in a unit.
struct ScaledCosts {
  TickCosts ticks;
  double ticks_per_unit = 1.0;
};

/// Exact for costs of up to six decimals; others are rounded down to a millionth of the largest, so
/// that a lower bound in these ticks is one in the unit of the costs.
ScaledCosts to_ticks_below(const UnitCosts& costs, int stages);

/// Exact for costs of up to six decimals; others are rounded to a millionth of the largest.
TickCosts to_ticks(const UnitCosts& costs, int stages);

/// The largest number of ticks that all costs are multiples of, at least 1.
std::int64_t common_divisor(const TickCosts& costs);

/// All costs divided by a common divisor.
TickCosts divided(const TickCosts& costs, std::int64_t divisor);

}  // namespace plumbline
