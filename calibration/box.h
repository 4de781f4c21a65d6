// The box without the GPU: when the simulator says that each operation runs, and how far the
// measured timeline is from it.
//
// Durations come from operations that ran alone (solo), or from a replay of another schedule
// (loaded): never from the replay that is predicted, or the comparison would say nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "calibration/measure/box_plan.h"
#include "sim/core/sim_time.h"

namespace plumbline {

/// What operations and gaps take, in the engine's time.
struct BoxTimes {
  /// By (rank, "3F"): stage and kind.
  std::map<std::pair<int, std::string>, SimTime> op;
  SimTime same = 0;   ///< from the end of an operation to the next of its rank
  SimTime cross = 0;  ///< from the end of an operation to one of another rank that waits for it
};

struct BoxRun {
  std::vector<SimTime> start, finish;  ///< [operations of the program]
  SimTime makespan = 0;                ///< from the first start to the last finish
  double bubble_fraction = 0;          ///< 1 - busy / (ranks * makespan)
};

/// Runs the program on the engine that runs scenarios.
/// @throws InputError for an operation without a time
BoxRun predict(const measure::BoxProgram& program, int ranks, const BoxTimes& times);

/// The same times for every rank and stage: a full backward costs I + W.
BoxTimes uniform_times(const measure::BoxProgram& program, Seconds f, Seconds i, Seconds w,
                       Seconds comm);

/// Predicted beside measured; errors are relative and signed, (predicted - measured) / measured.
struct BoxError {
  double makespan = 0;
  double bubble = 0;  ///< predicted - measured fraction
  double starts = 0;  ///< median over operations of |start - start| / makespan: the order
};

struct BoxTolerance {
  double makespan = 0.05, bubble = 0.01, starts = 0.05;
};
/// spin 0.5 %, tensor 2 %, gemm 5 % of the makespan, and as much of the starts; bubble 0.01.
BoxTolerance tolerance_of(const std::string& mode);
bool within(const BoxError& error, const BoxTolerance& tolerance);

struct BoxReport {
  std::string schedule, reference, mode;
  int iterations = 0;
  double measured_makespan_s = 0, measured_bubble = 0;
  double makespan_spread = 0;  ///< (p90 - p10) / median over iterations
  double same_us = 0, cross_us = 0;
  double loaded_factor = 0;  ///< median over (rank, operation) of loaded / solo
  BoxTolerance tolerance;
  BoxRun solo, loaded;
  BoxError solo_error, loaded_error;
  std::string control;     ///< the wrong order's name
  BoxError control_error;  ///< of the wrong order with the loaded times
  bool passes = false;     ///< the loaded prediction is within tolerance, the control is not
  std::vector<double> start_us, end_us;  ///< [operations] measured, the median of iterations
};

/// @param wrong  the same operations in another order
/// @throws InputError when the timeline has not every operation of the plan
BoxReport compare_box(const measure::BoxPlan& plan, const measure::BoxProgram& wrong,
                      const std::vector<measure::BoxRow>& timeline, const std::string& path);

}  // namespace plumbline
