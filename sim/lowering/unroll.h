// Asynchronous schedules (PipeDream, PipeDream-2BW): the steady state of a pipeline that never
// drains.
//
// Their iteration time is a period, not a makespan: several iterations are chained without a
// drain, and the period is taken between two iterations far from both ends.  Every rank's
// optimizer runs on its compute stream after the last gradient of an iteration (PipeDream: after
// every gradient).  With
// data_overlap it applies the gradients of the iteration before, whose reduction ran beside the
// compute (PipeDream-2BW, arXiv:2006.09503, section 3.1: weights are one version late), and the
// parameter gather runs beside the compute too; without, reduction and gather stand in its way.
#pragma once

#include <span>
#include <vector>

#include "schedules/schedule.h"
#include "sim/cost/stage_costs.h"
#include "sim/lowering/program_walk.h"
#include "sim/lowering/step_builder.h"

namespace plumbline {

/// How many iterations are chained, and between which of them the period is taken: from the end
/// of iteration `first` - 1 to the end of iteration `last` - 1 on rank 0.
struct SteadyState {
  int iterations = 1;
  int first = 0;
  int last = 1;
};

/// Leaves 2 pipeline depths of micro-batches to both ends and measures a whole number of rounds of
/// the pipeline where that is not too long.
SteadyState steady_state(const Schedule& schedule);

/// `iterations` iterations without a drain: as many forwards first as the schedule starts with,
/// then a gradient and a forward in turn, then the remaining gradients.
/// REQUIRES: full backwards, one copy of the weights
Schedule unroll(const Schedule& schedule, int iterations);

/// Reductions and optimizer steps of the unrolled schedule.
class RollingOptimizer final : public MilestoneHandler {
 public:
  RollingOptimizer(const Schedule& unrolled, int iterations, const TrainingCosts& costs,
                   std::span<const ResourceId> compute_streams, StepBuilder& builder);

  const std::vector<std::vector<Milestone>>& milestones() const { return milestones_; }
  TaskId reached(int rank, const Milestone& milestone, TaskId begun, TaskId done) override;

 private:
  TaskId add_data(TaskKind kind, int rank, SimTime work, TaskId after);

  const TrainingCosts& costs_;
  std::span<const ResourceId> compute_streams_;
  StepBuilder& builder_;
  std::vector<SimTime> optimizer_, reduce_, gather_;  ///< [ranks]
  std::vector<ResourceId> data_streams_;              ///< [ranks]
  std::vector<TaskId> data_end_;                      ///< [ranks]
  std::vector<std::vector<Milestone>> milestones_;
};

}  // namespace plumbline
