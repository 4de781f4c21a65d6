// How long the schedule's operations run, in the engine's time.
#pragma once

#include <cstddef>
#include <vector>

#include "schedules/schedule.h"
#include "sim/core/sim_time.h"
#include "sim/cost/stage_costs.h"
#include "sim/lowering/lower_training.h"

namespace plumbline {

/// The price of one operation of a stage.
const OpCost& op_cost(const StageCost& stage, OpKind kind);

/// The price of `op` while `partner` runs beside it as an overlapped pair.  With
/// `pairs_hide_expert_comm` its expert communication is exposed only where it outlasts the
/// partner's other time; otherwise the price is unchanged.
OpCost beside(const OpCost& op, const OpCost& partner, const LoweringOptions& options);

/// Whether `ops[index]` begins an overlapped pair.
inline bool begins_pair(const std::vector<Op>& ops, std::size_t index) {
  return ops[index].overlaps_next && index + 1 < ops.size();
}

/// Durations by (stage, kind), rounded once.
class OpTimes {
 public:
  OpTimes(const std::vector<StageCost>& stages, const LoweringOptions& options);

  SimTime of(const Op& op) const { return times_[slot(op)]; }
  /// Of `op` inside a pair with `partner`.
  SimTime of(const Op& op, const Op& partner) const;

 private:
  static std::size_t slot(const Op& op) {
    return static_cast<std::size_t>(op.stage) * 4 + static_cast<std::size_t>(op.kind);
  }
  const std::vector<StageCost>& stages_;
  LoweringOptions options_;
  std::vector<SimTime> times_;
};

}  // namespace plumbline
