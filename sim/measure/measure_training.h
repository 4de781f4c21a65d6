// What a lowered step's timeline says: times, idle time and its causes, memory, the critical path.
#pragma once

#include "schedules/schedule.h"
#include "sim/core/units.h"
#include "sim/cost/stage_costs.h"
#include "sim/engine/timeline.h"
#include "sim/lowering/lower_training.h"
#include "sim/measure/result.h"
#include "sim/memory/memory_model.h"
#include "sim/plan/parallel_plan.h"

namespace plumbline {

struct MeasureInput {
  const Schedule& schedule;
  const LoweredStep& step;   ///< of `schedule` at `costs`
  const Timeline& timeline;  ///< of `step.graph`
  const TrainingCosts& costs;
  const MemoryModel& memory;
  const ParallelPlan& plan;
  int gpus = 1;
  double sequences_per_step = 0;  ///< the global batch size
  double tokens_per_step = 0;
  FlopsPerSecond peak_flops;  ///< of one GPU, dense, in the run's precision; 0: no mfu, no hfu
  Bytes usable_memory;        ///< of one GPU
  bool memory_over_time = false;
};

/// Everything of the result but the sensitivities and the interval of the iteration time.
///
/// The iteration runs from the first forward to the end of the optimizer step (and of the exposed
/// parameter gather); the compute phase from the first start to the last end of an F, B, I or W
/// on any rank.  With optimizer post-validation an iteration is as long as the longest span of a
/// rank, from its first operation to the end of its own optimizer and gather: the next iteration
/// starts there, rank by rank.  A rank is busy while an operation of its own runs, otherwise idle.
/// Of an asynchronous schedule all times are means over the iterations of the steady state, and a
/// rank's busy and idle time add up to the period less its optimizer and exposed data traffic.
///
/// @throws std::invalid_argument when the memory model has another number of stages or ranks
TrainingResult measure_training(const MeasureInput& input);

}  // namespace plumbline
