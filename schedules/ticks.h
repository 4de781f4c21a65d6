// Costs in whole ticks, so that a greedy rule's ties are real ties.
#pragma once

#include <cstdint>
#include <vector>

#include "schedules/costs.h"

namespace plumbline {

struct TickCosts {
  std::vector<std::int64_t> forward, input_grad, weight_grad;  ///< [stages]
  std::int64_t comm = 0;

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

/// Exact for costs of up to six decimals; others are rounded to a millionth of the largest.
TickCosts to_ticks(const UnitCosts& costs, int stages);

}  // namespace plumbline
