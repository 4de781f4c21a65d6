// Walks every rank's program until it blocks, and so puts all operations in topological order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "schedules/schedule.h"
#include "sim/core/sim_time.h"
#include "sim/cost/stage_costs.h"
#include "sim/lowering/lower_training.h"
#include "sim/lowering/step_builder.h"
#include "sim/lowering/usage.h"

namespace plumbline {

/// An operation of a rank beside or after which other work begins.
struct Milestone {
  std::uint32_t position = 0;  ///< in the rank's program
  std::int32_t what = 0;       ///< the handler's own: a stage, an iteration
};

class MilestoneHandler {
 public:
  virtual ~MilestoneHandler() = default;
  /// Called when the operation of `milestone` has been emitted as `done`; `begun` is a task of no
  /// work that ends when the operation begins.  Returns the task after which the rank's compute
  /// stream goes on: `done`, or one that the handler put behind it.
  virtual TaskId reached(int rank, const Milestone& milestone, TaskId begun, TaskId done) = 0;
};

struct WalkInput {
  const Schedule& schedule;
  const Usage& usage;  ///< of the schedule
  const TrainingCosts& costs;
  const LoweringOptions& options;
  std::span<const ResourceId> streams;  ///< [ranks] compute streams
  /// [ranks] by position, ascending; or empty
  const std::vector<std::vector<Milestone>>& milestones;
};

struct WalkResult {
  std::vector<std::vector<TaskId>> rank_ops;  ///< [ranks] in program order
  std::vector<TaskId> rank_end;  ///< [ranks] the last task of the compute stream, or kNoTask
  std::int64_t hops = 0;
  std::int64_t eager_hops = 0;
  std::vector<std::vector<HostCopy>> host_copies;  ///< [ranks], or empty
  bool receivers_meet = true;  ///< of blocking hops: whether transfers wait for their receivers
};

/// Emits every operation and transfer.
/// REQUIRES: stages, micro-batches and ranks of the operations are within the schedule's shape,
/// and no operation appears twice
/// @throws InputError when the walk stops before the end: a deadlock
WalkResult walk_programs(const WalkInput& input, StepBuilder& builder, MilestoneHandler& handler);

}  // namespace plumbline
