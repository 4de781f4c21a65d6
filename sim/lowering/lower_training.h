// A schedule and its prices become a task graph and the labels that say what its tasks mean.
#pragma once

#include <cstdint>
#include <vector>

#include "schedules/schedule.h"
#include "sim/cost/stage_costs.h"
#include "sim/engine/task_graph.h"

namespace plumbline {

enum class TaskKind : std::uint8_t {
  kForward,
  kBackward,
  kInputGrad,
  kWeightGrad,
  kTransfer,      ///< activation or gradient between stages
  kMarker,        ///< zero work: "the last backward has begun"
  kDataReduce,    ///< gradient reduce-scatter or all-reduce
  kDataGather,    ///< parameter all-gather
  kOptimizer,
};

/// What one task is, index-aligned with the graph.
struct TaskLabel {
  TaskKind kind = TaskKind::kForward;
  bool forward_direction = true;  ///< of a transfer
  std::uint8_t replica = 0;
  std::int32_t rank = 0;   ///< pipeline rank whose stream it runs on (a transfer: the sender)
  std::int32_t peer = -1;  ///< a transfer's receiver
  std::int32_t stage = 0;
  std::int32_t microbatch = 0;
};

/// A lowered training step; tasks of a rank's compute stream appear in program order.
struct LoweredStep {
  TaskGraph graph;
  std::vector<TaskLabel> labels;            ///< [num_tasks]
  std::vector<std::vector<TaskId>> rank_ops;  ///< [ranks] its F/B/I/W tasks in program order
};

/// @throws InputError when the schedule deadlocks: the message prints the waiting cycle in
///         operations and ranks ("rank 0 waits at 0B0 for 1B0, which ...")
LoweredStep lower_training(const Schedule& schedule, const TrainingCosts& costs);

}  // namespace plumbline
