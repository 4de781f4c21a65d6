// A schedule and its prices become a task graph and the labels that say what its tasks mean.
//
// Every rank has one compute stream, whose order is the schedule's row.  A hop between two ranks is
// a transfer, in one of two ways:
//   - overlapped (Megatron-LM's interleaved schedule, overlap_p2p_communication): it runs beside
//     the compute streams; hops from one rank to one other rank run one after the other;
//   - blocking (Megatron-LM's non-interleaved p2p_communication.py): it begins when the producer
//     has finished and the receiver has finished the operation before the consumer, and both the
//     sender's next operation and the consumer wait for its end.  With chunks or split backwards
//     receives are posted early, and only the sender's stream waits.
// After the last operation: the gradient reduction of every stage on its rank's data stream, a
// barrier (the all-reduce of the gradient norm), the optimizer, and the exposed part of the
// parameter gather.  With optimizer post-validation (zero-bubble) there is no barrier: a rank goes
// on when its own gradients are reduced.
// With offloading, a forward's activations are copied to the host on the rank's copy-out stream and
// back on its copy-in stream before the backward (host_copies.h).  Asynchronous schedules: see
// unroll.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "schedules/schedule.h"
#include "sim/cost/stage_costs.h"
#include "sim/engine/task_graph.h"

namespace plumbline {

inline constexpr TaskId kNoTask = 0xffffffffu;

enum class TaskKind : std::uint8_t {
  kForward,
  kBackward,
  kInputGrad,
  kWeightGrad,
  kTransfer,    ///< activation or gradient between stages
  kMarker,      ///< zero work: "the last backward has begun", "every rank's gradients are there"
  kDataReduce,  ///< gradient reduce-scatter or all-reduce
  kDataGather,  ///< parameter all-gather
  kOptimizer,
  kOffload,  ///< activations copied to the host
  kReload,   ///< and back
};

/// Whether tasks of that kind are the schedule's operations F, B, I, W.
constexpr bool is_operation(TaskKind kind) { return kind <= TaskKind::kWeightGrad; }

constexpr bool is_host_copy(TaskKind kind) {
  return kind == TaskKind::kOffload || kind == TaskKind::kReload;
}

/// What one task is, index-aligned with the graph.  A step has as many as it has tasks, and each is
/// written once and read a few times: 16 bytes.
struct TaskLabel {
  TaskKind kind = TaskKind::kForward;
  bool forward_direction = true;  ///< of a transfer
  std::uint8_t replica = 0;
  std::int32_t rank : 16 = 0;   ///< pipeline rank whose stream it runs on (a transfer: the sender)
  std::int32_t peer : 16 = -1;  ///< a transfer's receiver
  std::int32_t stage = 0;       ///< of a transfer, the producer's
  std::int32_t microbatch = 0;
};
static_assert(sizeof(TaskLabel) == 16);
inline constexpr std::size_t kMostRanks = 32767;  ///< of a schedule that is lowered

struct LoweringOptions {
  /// Overlapped hops become delays of edges: half the tasks, the same times.  A hop that could
  /// have to wait for the one before it on its link keeps its task; so do blocking hops.
  bool fold_transfers = false;
  /// An overlapped pair hides each operation's expert communication under the other's remaining
  /// time (DeepSeek-V3, arXiv:2412.19437, figure 4); otherwise a pair takes the sum of its two.
  /// Compute is never taken to run faster in a pair.
  bool pairs_hide_expert_comm = true;
};

/// What follows a rank's last operation in a step that flushes; kNoTask where there is nothing.
struct RankTail {
  TaskId reduced = kNoTask;  ///< its last gradient reduction
  TaskId optimizer = kNoTask;
  TaskId gather = kNoTask;  ///< the exposed parameter gather
};

/// The copies of one activation.
struct HostCopy {
  TaskId offload = kNoTask, reload = kNoTask;
  std::int32_t stage = 0;
};

/// A lowered training step; tasks of a rank's compute stream appear in program order.
struct LoweredStep {
  TaskGraph graph;
  std::vector<TaskLabel> labels;              ///< [num_tasks]
  std::vector<std::vector<TaskId>> rank_ops;  ///< [ranks] its F/B/I/W tasks in program order
  /// Every rank's last operation and gradient reduction are over: what follows is the optimizer.
  /// kNoTask where nothing follows, in asynchronous schedules and with optimizer post-validation.
  TaskId barrier = kNoTask;
  std::vector<RankTail> tails;                     ///< [ranks]; empty in asynchronous schedules
  std::vector<std::vector<HostCopy>> host_copies;  ///< [ranks], or empty: nothing is offloaded
  /// 1, or for an asynchronous schedule how many iterations were chained; micro-batch m of
  /// iteration i carries the label i * microbatches + m.
  int iterations = 1;
  /// Of those, the iterations i with first <= i < last lie in the steady state.
  int first_steady_iteration = 0, last_steady_iteration = 1;
  bool pairs = false;           ///< some operations of the schedule overlap
  std::int64_t hops = 0;        ///< between different ranks
  std::int64_t eager_hops = 0;  ///< blocking ones that had to be let go early, see assumptions
  LoweringOptions options;
  std::vector<std::string> assumptions;
};

/// @throws InputError at "parallelism.pipeline" beyond kMostRanks ranks, and at "schedule" when the
/// schedule deadlocks: the message prints the waiting
///         cycle in operations and ranks ("rank 0 waits at 0B0 for 1B0, which ...")
/// @throws std::invalid_argument when `costs` has another number of stages or ranks than the
///         schedule (`data` and `optimizer` may be empty: nothing to do)
LoweredStep lower_training(const Schedule& schedule, const TrainingCosts& costs,
                           const LoweringOptions& options = {});

}  // namespace plumbline
