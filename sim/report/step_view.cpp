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

std::vector<TaskId> transfer_producers(const LoweredStep& step) {
  const TaskGraph& graph = step.graph;
  std::vector<TaskId> producer(graph.num_tasks(), kNoCause);
  for (TaskId from = 0; from < graph.num_tasks(); ++from) {
    const TaskLabel& op = step.labels[from];
    if (!is_operation(op.kind)) continue;
    for (auto edge = graph.first_edge()[from]; edge < graph.first_edge()[from + 1]; ++edge) {
      const TaskLabel& transfer = step.labels[graph.edge_target()[edge]];
      if (transfer.kind == TaskKind::kTransfer && transfer.rank == op.rank &&
          transfer.stage == op.stage && transfer.microbatch == op.microbatch &&
          transfer.replica == op.replica &&
          transfer.forward_direction == (op.kind == TaskKind::kForward)) {
        producer[graph.edge_target()[edge]] = from;
      }
    }
  }
  return producer;
}

LastArrivals::LastArrivals(const LoweredStep& step, const Timeline& timeline)
    : step_(step), producer_(transfer_producers(step)) {
  const TaskGraph& graph = step.graph;
  last_.assign(graph.num_tasks(), kNoCause);
  std::vector<SimTime> arrival(graph.num_tasks(), -1);
  const auto first_edge = graph.first_edge();
  for (TaskId from = 0; from < graph.num_tasks(); ++from) {
    for (auto edge = first_edge[from]; edge < first_edge[from + 1]; ++edge) {
      const TaskId to = graph.edge_target()[edge];
      const SimTime at = timeline.finish[from] + graph.edge_delay()[edge];
      const bool tie_won = at == arrival[to] &&
                           step.labels[last_[to]].rank == step.labels[to].rank &&
                           step.labels[from].rank != step.labels[to].rank;
      if (at > arrival[to] || tie_won) {
        arrival[to] = at;
        last_[to] = from;
      }
    }
  }
}

std::string LastArrivals::waited_for(TaskId op) const {
  TaskId cause = last_[op];
  while (cause != kNoCause && step_.labels[cause].kind == TaskKind::kMarker) cause = last_[cause];
  if (cause == kNoCause) return "";
  const TaskLabel& label = step_.labels[cause];
  if (label.kind != TaskKind::kTransfer || producer_[cause] == kNoCause) return task_name(label);
  const std::string sent = task_name(step_.labels[producer_[cause]]);
  return label.rank == step_.labels[op].rank ? "send " + sent : sent;
}

}  // namespace plumbline
