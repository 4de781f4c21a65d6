// Where each rank's time goes: busy by cause, idle by cause, and the time after the last operation.
#pragma once

#include <vector>

#include "schedules/schedule.h"
#include "sim/core/sim_time.h"
#include "sim/cost/stage_costs.h"
#include "sim/engine/timeline.h"
#include "sim/lowering/lower_training.h"
#include "sim/measure/releases.h"
#include "sim/measure/result.h"

namespace plumbline {

/// The stretch of time that is accounted for, and how many iterations it holds.
struct Window {
  SimTime begin = 0, end = 0;
  int iterations = 1;
  SimTime length() const { return end - begin; }
};

/// The compute phase; of an asynchronous schedule, its steady-state iterations.
Window accounted_window(const Schedule& schedule, const LoweredStep& step,
                        const Timeline& timeline);

/// One rank's time inside the window, in picoseconds; the parts sum to the window's length.
struct RankTimes {
  SimTime busy = 0;
  SimTime warm_up = 0;        ///< idle before the first operation, less the hop into it
  SimTime drain = 0;          ///< idle after the last operation
  SimTime waits = 0;          ///< idle between operations while a producer was still running
  SimTime forward_comm = 0;   ///< idle while an activation was on its way, without slow_link
  SimTime backward_comm = 0;  ///< idle while a gradient was on its way, without slow_link
  SimTime slow_link = 0;      ///< of an exposed hop, what it takes beyond the median hop
  SimTime host_copies = 0;    ///< idle while activations were on their way back from the host
  SimTime first_hop = 0;      ///< of the hops, what lies before the first operation
  SimTime optimizer = 0;      ///< inside the window only in asynchronous schedules
  SimTime data = 0;           ///< waits for data-parallel traffic, likewise
  SimTime first_start = 0, last_end = 0;  ///< of its operations
  OpCost causes;                          ///< of the busy time, exposed seconds

  SimTime idle() const {
    return warm_up + drain + waits + forward_comm + backward_comm + slow_link + host_copies;
  }
  SimTime pipeline_comm() const { return forward_comm + backward_comm + slow_link; }
};

std::vector<RankTimes> rank_times(const Schedule& schedule, const LoweredStep& step,
                                  const Timeline& timeline, const TrainingCosts& costs,
                                  const Releases& releases, const Window& window);

/// The idle time of one rank by cause, in seconds per iteration.
///
/// Warm-up and drain stand at the ends.  A gap between two operations is released by one
/// predecessor: the part in which its transfer was on its way is communication.  What remains of
/// all gaps is imbalance as far as the busiest rank works longer than this one (no order could
/// avoid it), and otherwise dependency (another order might).
IdleCauses idle_causes(const RankTimes& times, SimTime busiest, int iterations);

}  // namespace plumbline
