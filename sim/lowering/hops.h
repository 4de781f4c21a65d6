// The hops of a schedule: which rank a result goes to, and how long the way is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "schedules/schedule.h"
#include "sim/core/sim_time.h"
#include "sim/cost/stage_costs.h"
#include "sim/lowering/op_times.h"
#include "sim/lowering/usage.h"

namespace plumbline {

/// The way of the result of one (replica, stage, direction).
struct Hop {
  std::int32_t from = -1;
  std::int32_t to = -1;    ///< the consumer's rank; -1: nobody waits for it
  std::int32_t link = -1;  ///< transfers of one link, if it is serial, follow each other; else -1
  SimTime time = 0;
  bool crosses = false;   ///< between different ranks
  bool has_task = false;  ///< else `time` is the delay of an edge
};

class Hops {
 public:
  Hops(const Schedule& schedule, const Usage& usage, const TrainingCosts& costs,
       const OpTimes& times, const LoweringOptions& options);

  /// The way of what `op` makes.  REQUIRES: `op` is no weight gradient
  const Hop& out_of(const Op& op) const {
    return op.kind == OpKind::kForward ? at(op.replica, op.stage, 0) : at(op.replica, op.stage, 1);
  }
  /// The way of what `op` takes from its neighbour.  REQUIRES: it takes something
  const Hop& into(const Op& op) const {
    return op.kind == OpKind::kForward ? at(op.replica, op.stage - 1, 0)
                                       : at(op.replica, op.stage + 1, 1);
  }
  std::size_t num_links() const { return links_; }

 private:
  const Hop& at(std::uint8_t replica, std::int32_t stage, std::size_t direction) const {
    return hops_[2 * (replica * stages_ + static_cast<std::size_t>(stage)) + direction];
  }
  std::size_t stages_;
  std::size_t links_ = 0;
  std::vector<Hop> hops_;
};

}  // namespace plumbline
