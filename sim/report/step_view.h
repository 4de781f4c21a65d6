// What a timeline says about each operation: its chunk, and what it waited for.
#pragma once

#include <string>
#include <vector>

#include "schedules/schedule.h"
#include "sim/lowering/lower_training.h"
#include "sim/report/report.h"

namespace plumbline {

/// "3F12" for an operation; "activation", "gradient", "reduce", "all-gather", "optimizer",
/// "marker" for the rest.
std::string task_name(const TaskLabel& label);

/// A stage's place among its rank's stages, counted from 0: by copy of the weights, then by stage.
/// In loop placement this is stage / P.
class ChunkOfStage {
 public:
  explicit ChunkOfStage(const Schedule& schedule);
  int operator()(int replica, int stage) const { return chunk_[replica][stage]; }
  int num_chunks() const { return num_chunks_; }

 private:
  std::vector<std::vector<int>> chunk_;
  int num_chunks_ = 1;
};

inline constexpr TaskId kNoCause = 0xffffffffu;

/// Finds operations by what they are; backwards by their input gradient (B, or I where split).
class OperationIndex {
 public:
  explicit OperationIndex(const LoweredStep& step);

  /// kNoCause where there is no such operation.
  TaskId find(int replica, int stage, int microbatch, bool forward) const;
  /// Whose result a transfer carries, and who needs it.
  TaskId producer_of(const TaskLabel& transfer) const;
  /// The operation of the next stage that needs what `op` gives; kNoCause for a W, for the last
  /// stage's forward and for the first stage's backward.
  TaskId consumer_of(const TaskLabel& op) const;

 private:
  int stages_ = 0, microbatches_ = 0;
  std::vector<TaskId> tasks_;  ///< [replica][stage][micro-batch][backward, forward]
};

/// For each task, the predecessor whose result arrived last.
///
/// Among predecessors that arrive at the same picosecond one on another rank wins (a rank that
/// is free and waits, waits for its neighbour), then the lower id.
class LastArrivals {
 public:
  LastArrivals(const LoweredStep& step, const Timeline& timeline);

  /// What `op` waited for: the operation that sent the data that arrived last ("2F3"),
  /// "all-gather", ...; "send 0F3" where a transfer that the rank itself sends blocked it.
  std::string waited_for(TaskId op) const;

 private:
  const LoweredStep& step_;
  std::vector<TaskId> last_;  ///< kNoCause for a task with no predecessor
  OperationIndex index_;
};

/// Calls `visit(rank, op, idle_before)` for each F/B/I/W in program order of each rank;
/// idle_before: whether the rank had nothing to do just before it.
template <typename Visit>
void for_each_operation(const LoweredStep& step, const Timeline& timeline, Visit visit) {
  for (std::size_t rank = 0; rank < step.rank_ops.size(); ++rank) {
    SimTime free = 0;
    for (const TaskId op : step.rank_ops[rank]) {
      visit(rank, op, timeline.start[op] > free);
      if (timeline.finish[op] > free) free = timeline.finish[op];
    }
  }
}

}  // namespace plumbline
