// What operations cost when a schedule is looked at by itself: one number per kind, or one per
// stage, in any unit of time.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "schedules/schedule.h"

namespace plumbline {

/// Durations per chunk.  A vector, where it is not empty, has one entry per global stage and
/// replaces the number beside it.
struct UnitCosts {
  double forward = 1.0;
  double input_grad = 1.0;
  double weight_grad = 1.0;
  double comm = 0.0;              ///< latency of a dependency between two ranks; no occupancy
  std::optional<double> overlap;  ///< of an overlapped pair; F + B when it is not given
  std::vector<double> forward_by_stage;
  std::vector<double> input_grad_by_stage;
  std::vector<double> weight_grad_by_stage;
  /// [num_stages - 1] between a stage and the next, either way, where both are on different ranks.
  std::vector<double> comm_by_stage;

  /// Between two neighbouring stages on different ranks.
  double comm_between(int one, int other) const {
    return comm_by_stage.empty() ? comm : comm_by_stage[std::min(one, other)];
  }
  double forward_of(int stage) const {
    return forward_by_stage.empty() ? forward : forward_by_stage[stage];
  }
  double input_grad_of(int stage) const {
    return input_grad_by_stage.empty() ? input_grad : input_grad_by_stage[stage];
  }
  double weight_grad_of(int stage) const {
    return weight_grad_by_stage.empty() ? weight_grad : weight_grad_by_stage[stage];
  }
  /// A full backward is atomic and costs both gradients.
  double of(OpKind kind, int stage) const {
    switch (kind) {
      case OpKind::kForward:
        return forward_of(stage);
      case OpKind::kBackward:
        return input_grad_of(stage) + weight_grad_of(stage);
      case OpKind::kInputGrad:
        return input_grad_of(stage);
      case OpKind::kWeightGrad:
        return weight_grad_of(stage);
    }
    return 0.0;
  }

  friend bool operator==(const UnitCosts&, const UnitCosts&) = default;
};

}  // namespace plumbline
