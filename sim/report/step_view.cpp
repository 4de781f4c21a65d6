// Joins the timeline with the labels; one pass over the edges, no reverse graph.
#include "sim/report/step_view.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace plumbline {
namespace {

OpKind op_kind(TaskKind kind) {
  switch (kind) {
    case TaskKind::kBackward:
      return OpKind::kBackward;
    case TaskKind::kInputGrad:
      return OpKind::kInputGrad;
    case TaskKind::kWeightGrad:
      return OpKind::kWeightGrad;
    default:
      return OpKind::kForward;
  }
}

}  // namespace

std::string task_name(const TaskLabel& label) {
  switch (label.kind) {
    case TaskKind::kTransfer:
      return label.forward_direction ? "activation" : "gradient";
    case TaskKind::kMarker:
      return "marker";
    case TaskKind::kDataReduce:
      return "reduce";
    case TaskKind::kDataGather:
      return "all-gather";
    case TaskKind::kOptimizer:
      return "optimizer";
    case TaskKind::kOffload:
      return "offload";
    case TaskKind::kReload:
      return "reload";
    default:
      return to_string(
          Op{op_kind(label.kind), false, label.replica, label.stage, label.microbatch});
  }
}

ChunkOfStage::ChunkOfStage(const Schedule& schedule) {
  std::vector<int> seen(schedule.ranks.size(), 0);
  for (const std::vector<int>& rank_of_stage : schedule.stage_rank) {
    std::vector<int>& chunk = chunk_.emplace_back();
    for (const int rank : rank_of_stage) {
      if (rank >= static_cast<int>(seen.size())) seen.resize(rank + 1, 0);
      chunk.push_back(seen[rank]++);
    }
  }
  for (const int chunks : seen) num_chunks_ = std::max(num_chunks_, chunks);
}

OperationIndex::OperationIndex(const LoweredStep& step) {
  int replicas = 0;
  for (const TaskLabel& label : step.labels) {
    if (!is_operation(label.kind)) continue;
    replicas = std::max(replicas, label.replica + 1);
    stages_ = std::max(stages_, label.stage + 1);
    microbatches_ = std::max(microbatches_, label.microbatch + 1);
  }
  tasks_.assign(std::size_t{2} * replicas * stages_ * microbatches_, kNoCause);
  for (TaskId task = 0; task < step.labels.size(); ++task) {
    const TaskLabel& label = step.labels[task];
    if (!is_operation(label.kind) || label.kind == TaskKind::kWeightGrad) continue;
    const std::size_t row =
        (static_cast<std::size_t>(label.replica) * stages_ + label.stage) * microbatches_;
    tasks_[2 * (row + label.microbatch) + (label.kind == TaskKind::kForward)] = task;
  }
}

TaskId OperationIndex::find(int replica, int stage, int microbatch, bool forward) const {
  if (stage < 0 || stage >= stages_ || microbatch < 0 || microbatch >= microbatches_) {
    return kNoCause;
  }
  const std::size_t row = (static_cast<std::size_t>(replica) * stages_ + stage) * microbatches_;
  const std::size_t at = 2 * (row + microbatch) + forward;
  return at < tasks_.size() ? tasks_[at] : kNoCause;
}

TaskId OperationIndex::producer_of(const TaskLabel& transfer) const {
  return find(transfer.replica, transfer.stage, transfer.microbatch, transfer.forward_direction);
}

TaskId OperationIndex::consumer_of(const TaskLabel& op) const {
  if (!is_operation(op.kind) || op.kind == TaskKind::kWeightGrad) return kNoCause;
  const bool forward = op.kind == TaskKind::kForward;
  return find(op.replica, op.stage + (forward ? 1 : -1), op.microbatch, forward);
}

LastArrivals::LastArrivals(const LoweredStep& step, const Timeline& timeline)
    : step_(step), index_(step) {
  const TaskGraph& graph = step.graph;
  last_.assign(graph.num_tasks(), kNoCause);
  std::vector<SimTime> arrival(graph.num_tasks(), -1);
  for_each_edge(graph, [&](TaskId from, TaskId to, SimTime delay) {
    const SimTime at = timeline.finish[from] + delay;
    if (at < arrival[to]) return;
    if (at == arrival[to]) {
      const std::int32_t rank = step.labels[to].rank;
      const bool had_neighbour = step.labels[last_[to]].rank != rank;
      const bool neighbour = step.labels[from].rank != rank;
      if (neighbour != had_neighbour ? had_neighbour : from > last_[to]) return;
    }
    arrival[to] = at;
    last_[to] = from;
  });
}

std::string LastArrivals::waited_for(TaskId op) const {
  TaskId cause = last_[op];
  while (cause != kNoCause && step_.labels[cause].kind == TaskKind::kMarker) cause = last_[cause];
  if (cause == kNoCause) return "";
  const TaskLabel& label = step_.labels[cause];
  if (label.kind != TaskKind::kTransfer) return task_name(label);
  const TaskId producer = index_.producer_of(label);
  if (producer == kNoCause) return task_name(label);
  const std::string sent = task_name(step_.labels[producer]);
  return label.rank == step_.labels[op].rank ? "send " + sent : sent;
}

}  // namespace plumbline
