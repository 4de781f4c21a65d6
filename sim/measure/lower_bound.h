// How short an iteration could be at best, whatever the order of the operations.
#pragma once

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

}  // namespace plumbline
