// The data-parallel traffic of a step that flushes, and its end: reductions, barrier, optimizer,
// parameter gather.
#pragma once

#include <span>
#include <vector>

#include "schedules/schedule.h"
#include "sim/cost/stage_costs.h"
#include "sim/lowering/program_walk.h"
#include "sim/lowering/step_builder.h"

namespace plumbline {

/// [ranks] the stages that each rank holds, of every copy of the weights, in stage order.
std::vector<std::vector<int>> stages_of_ranks(const Schedule& schedule);

/// With data_overlap, the reduction of a stage starts when the last gradient of that stage on its
/// rank begins, except its last bucket, which waits for that gradient's end: exposed is
/// max(reduce - backward, last bucket) where the stage is the rank's last.  Without it, all
/// reductions follow the rank's last operation.  Reductions of one rank run one after the other on
/// its data stream.
class StepTail final : public MilestoneHandler {
 public:
  StepTail(const Schedule& schedule, const TrainingCosts& costs,
           std::span<const ResourceId> compute_streams, StepBuilder& builder);

  /// [ranks] the operations that finish a stage's gradients.
  const std::vector<std::vector<Milestone>>& milestones() const { return milestones_; }
  TaskId reached(int rank, const Milestone& milestone, TaskId begun, TaskId done) override;

  /// Emits what follows the last operations, and writes the step's `barrier` and `tails`.
  /// @param rank_end  [ranks] end of the compute streams
  void finish(std::span<const TaskId> rank_end, LoweredStep& step);

 private:
  void add_reduce(int rank, int stage, SimTime work, TaskId after);

  const Schedule& schedule_;
  const TrainingCosts& costs_;
  std::span<const ResourceId> compute_streams_;
  StepBuilder& builder_;
  std::vector<std::vector<int>> stages_;
  std::vector<ResourceId> data_streams_;  ///< [ranks]
  std::vector<TaskId> data_end_;          ///< [ranks] end of the data stream so far
  std::vector<std::vector<Milestone>> milestones_;
};

/// The exposed parameter gather of a rank that holds `stages`, of which `first` runs first: with
/// gather_overlap max(first bucket, gather - first forward) of that stage, since the gathers of
/// later stages run under the forwards before them; otherwise the whole of all stages.
Seconds exposed_gather(const TrainingCosts& costs, const std::vector<int>& stages, int first);

}  // namespace plumbline
