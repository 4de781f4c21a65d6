// What the walk over the programs looks up for an operation: one record per replica, stage and
// kind, worked out once.
#pragma once

#include <cstddef>
#include <vector>

#include "schedules/schedule.h"
#include "sim/core/sim_time.h"
#include "sim/lowering/hops.h"
#include "sim/lowering/lower_training.h"
#include "sim/lowering/op_times.h"
#include "sim/lowering/slots.h"

namespace plumbline {

struct OpPlan {
  TaskLabel label;    ///< of micro-batch 0
  SimTime work = 0;   ///< of the operation by itself
  SimTime delay = 0;  ///< of the edge from the neighbour's result
  /// Slots of micro-batch 0, or kNoSlot: what the same stage and the neighbouring one must have
  /// made, and what the operation makes.
  SlotId own = kNoSlot, theirs = kNoSlot, made = kNoSlot;
  bool from_other_rank = false;  ///< the neighbour's result
  Hop out;                       ///< the way of what it makes
};

class OpPlans {
 public:
  OpPlans(const Schedule& schedule, const Slots& slots, const OpTimes& times, const Hops& hops);

  const OpPlan& of(const Op& op) const {
    return plans_[4 * (op.replica * stages_ + static_cast<std::size_t>(op.stage)) +
                  static_cast<std::size_t>(op.kind)];
  }

 private:
  std::size_t stages_;  ///< of one replica
  std::vector<OpPlan> plans_;
};

}  // namespace plumbline
