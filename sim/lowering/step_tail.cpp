#include "sim/lowering/step_tail.h"

#include <algorithm>
#include <array>

#include "sim/lowering/op_times.h"

namespace plumbline {
namespace {

bool finishes_gradient(const Op& op) {
  return op.kind == OpKind::kBackward || op.kind == OpKind::kWeightGrad;
}

/// The last gradient of every stage of one rank whose reduction takes time, by position.
std::vector<Milestone> last_gradients(const std::vector<Op>& program, std::size_t num_stages,
                                      const TrainingCosts& costs, std::vector<std::uint8_t>& seen) {
  seen.assign(num_stages, 0);
  std::vector<Milestone> milestones;
  for (std::size_t i = program.size(), left = num_stages; i-- > 0 && left > 0;) {
    const int stage = program[i].stage;
    if (!finishes_gradient(program[i]) || seen[stage]) continue;
    seen[stage] = 1;
    --left;
    if (costs.data[stage].reduce > Seconds(0.0)) {
      milestones.push_back({.position = static_cast<std::uint32_t>(i), .what = stage});
    }
  }
  std::reverse(milestones.begin(), milestones.end());
  return milestones;
}

}  // namespace

std::vector<std::vector<int>> stages_of_ranks(const Schedule& schedule) {
  std::vector<std::vector<int>> stages(schedule.ranks.size());
  for (int stage = 0; stage < schedule.num_stages(); ++stage) {
    for (const std::vector<int>& rank_of : schedule.stage_rank) {
      stages[rank_of[stage]].push_back(stage);
    }
  }
  return stages;
}

StepTail::StepTail(const Schedule& schedule, const TrainingCosts& costs,
                   std::span<const ResourceId> compute_streams, StepBuilder& builder)
    : schedule_(schedule),
      costs_(costs),
      compute_streams_(compute_streams),
      builder_(builder),
      stages_(stages_of_ranks(schedule)),
      data_end_(schedule.ranks.size(), kNoTask) {
  for (std::size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    data_streams_.push_back(builder.add_stream());
  }
  if (!costs.data_overlap || costs.data.empty()) return;
  std::vector<std::uint8_t> seen;
  for (std::size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    milestones_.push_back(last_gradients(schedule.ranks[rank], costs.data.size(), costs, seen));
  }
}

void StepTail::add_reduce(int rank, int stage, SimTime work, TaskId after) {
  const TaskId task = builder_.add({.kind = TaskKind::kDataReduce, .rank = rank, .stage = stage},
                                   data_streams_[rank], work);
  builder_.after(data_end_[rank], task);
  builder_.after(after, task);
  data_end_[rank] = task;
}

TaskId StepTail::reached(int rank, const Milestone& milestone, TaskId begun, TaskId done) {
  const DataParallelCost& cost = costs_.data[milestone.what];
  const SimTime all = to_sim_time(cost.reduce);
  const SimTime last_bucket = std::min(all, to_sim_time(cost.last_bucket));
  if (all > last_bucket) add_reduce(rank, milestone.what, all - last_bucket, begun);
  // Even without bytes of its own, the reduction ends no sooner than the gradient it reduces.
  add_reduce(rank, milestone.what, last_bucket, done);
  return done;
}

void StepTail::finish(std::span<const TaskId> rank_end, LoweredStep& step) {
  const int num_ranks = static_cast<int>(rank_end.size());
  std::vector<SimTime> optimizer(rank_end.size(), 0), gather(rank_end.size(), 0);
  bool anything = false;
  for (int rank = 0; rank < num_ranks; ++rank) {
    if (!costs_.optimizer.empty()) optimizer[rank] = to_sim_time(costs_.optimizer[rank]);
    if (!costs_.data.empty() && !schedule_.ranks[rank].empty()) {
      const int first = schedule_.ranks[rank].front().stage;
      gather[rank] = to_sim_time(exposed_gather(costs_, stages_[rank], first));
    }
    anything = anything || optimizer[rank] > 0 || gather[rank] > 0;
    if (costs_.data.empty() || costs_.data_overlap) continue;
    for (const int stage : stages_[rank]) {
      const SimTime reduce = to_sim_time(costs_.data[stage].reduce);
      if (reduce > 0) add_reduce(rank, stage, reduce, rank_end[rank]);
    }
  }
  step.tails.resize(rank_end.size());
  for (int rank = 0; rank < num_ranks; ++rank) step.tails[rank].reduced = data_end_[rank];
  if (!anything) return;

  if (!costs_.optimizer_post_validation) {
    step.barrier = builder_.add({.kind = TaskKind::kMarker}, kNoResource, 0);
    for (int rank = 0; rank < num_ranks; ++rank) {
      builder_.after(rank_end[rank], step.barrier);
      builder_.after(data_end_[rank], step.barrier);
    }
  }
  for (int rank = 0; rank < num_ranks; ++rank) {
    std::array<TaskId, 2> ends{step.barrier, kNoTask};
    if (costs_.optimizer_post_validation) ends = {rank_end[rank], data_end_[rank]};
    if (optimizer[rank] > 0) {
      const TaskId task = builder_.add({.kind = TaskKind::kOptimizer, .rank = rank},
                                       compute_streams_[rank], optimizer[rank]);
      for (const TaskId end : ends) builder_.after(end, task);
      ends = {task, kNoTask};
      step.tails[rank].optimizer = task;
    }
    if (gather[rank] > 0) {
      const TaskId task = builder_.add({.kind = TaskKind::kDataGather, .rank = rank},
                                       data_streams_[rank], gather[rank]);
      for (const TaskId end : ends) builder_.after(end, task);
      step.tails[rank].gather = task;
    }
  }
}

Seconds exposed_gather(const TrainingCosts& costs, const std::vector<int>& stages, int first) {
  if (costs.gather_overlap) {
    const DataParallelCost& cost = costs.data[first];
    const Seconds beyond = cost.gather - costs.stages[first].forward.total();
    return max(min(cost.first_bucket, cost.gather), beyond);
  }
  Seconds all;
  for (const int stage : stages) all += costs.data[stage].gather;
  return all;
}

}  // namespace plumbline
