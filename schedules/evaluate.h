// A schedule looked at by itself: when would every operation run, who idles, how much is alive.
//
// The rules: a rank runs its row in order; F(s,m) needs F(s-1,m); B and I need F(s,m) and the input
// gradient of stage s+1; W needs I; a dependency between two ranks adds `comm`, latency only; B is
// atomic and costs I + W; an overlapped pair is atomic, costs `overlap` and starts when all its
// inputs are there.  An activation lives from the start of its F to the end of its B or W; chunks
// count one each.
#pragma once

#include <optional>
#include <vector>

#include "schedules/costs.h"
#include "schedules/schedule.h"

namespace plumbline {

struct Span {
  double start = 0.0;
  double end = 0.0;
};

struct Evaluation {
  double makespan = 0.0;
  std::vector<double> busy;       ///< [num_ranks]
  std::vector<double> idle;       ///< [num_ranks] makespan - busy
  std::vector<double> span_idle;  ///< [num_ranks] (last end - first start) - busy
  std::vector<int> peak_live;     ///< [num_ranks] activations
  /// [num_ranks][operations of the row]; both parts of a pair have the pair's span.
  std::vector<std::vector<Span>> spans;

  /// Mean over ranks of idle / (idle + busy).
  double bubble_fraction() const;
};

/// Linear in the number of operations.
/// @throws InputError when the schedule deadlocks, naming the waiting cycle
Evaluation evaluate(const Schedule& schedule, const UnitCosts& costs);

/// [num_ranks] the peaks alone; needs no costs, because a row's order fixes them.
std::vector<int> peak_live_activations(const Schedule& schedule);

/// Of an asynchronous schedule: time per iteration of M micro-batches once the pipeline is full,
/// which is M times the slowest rank's work per micro-batch, latency hidden by enough micro-batches
/// in flight or not: measured between two long runs of the rule.
double steady_state_period(const Schedule& schedule, const UnitCosts& costs);

}  // namespace plumbline
