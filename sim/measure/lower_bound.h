// How short an iteration could be at best, whatever the order of the operations.
#pragma once

#include <string>
#include <vector>

#include "schedules/schedule.h"
#include "sim/core/sim_time.h"
#include "sim/cost/stage_costs.h"
#include "sim/lowering/lower_training.h"

namespace plumbline {

/// A bound in closed form for the schedule's placement and operations at these costs: the longest
/// of every rank's head + work + tail and of one micro-batch's way there and back, then the
/// part of the data-parallel traffic that nothing can hide, the slowest optimizer and its gather.
///   head: the forwards and hops before the rank's first stage;
///   tail: the backwards and hops after the last gradient of the rank's first stage, which
///         weight gradients of the rank may fill.
/// Of an asynchronous schedule: the busiest rank's work and optimizer.
///
/// REQUIRES: transfers between ranks take at least their latency, as lower_training makes them
SimTime lower_bound(const Schedule& schedule, const TrainingCosts& costs,
                    const LoweringOptions& options);

struct StepBound {
  SimTime time = 0;
  std::string by;  ///< "B0" when the closed form is the binding one, else "B3" .. "B7"
  std::vector<std::string> assumptions;
};

/// `lower_bound`, raised by the windows and the branching of schedules/order_bounds.h: no order of
/// the same operations in the same placement is faster that holds at most as many live activations
/// on every rank as this schedule does on its fullest.  With optimizer post-validation an iteration
/// is a rank's span, which schedules/span_bound.h bounds (B6).  A fixed amount of work.  For
/// schedules that flush, with one copy of the weights and no overlapped pairs; of others it is
/// `lower_bound`, and an assumption says so.
StepBound full_lower_bound(const Schedule& schedule, const TrainingCosts& costs,
                           const LoweringOptions& options);

}  // namespace plumbline
