#include "sim/lowering/unroll.h"

#include <algorithm>
#include <numeric>

#include "sim/lowering/step_tail.h"

namespace plumbline {
namespace {

/// Beyond so many micro-batches the measured window is not stretched to whole rounds.
constexpr int kLongestWindow = 4096;

std::vector<Op> unroll_rank(const std::vector<Op>& once, int iterations, int microbatches,
                            int in_flight) {
  std::vector<Op> forwards, gradients;
  for (const Op& op : once) (op.kind == OpKind::kForward ? forwards : gradients).push_back(op);
  const auto nth = [&](const std::vector<Op>& ops, std::size_t n) {
    Op op = ops[n % ops.size()];
    op.microbatch += static_cast<std::int32_t>(n / ops.size()) * microbatches;
    return op;
  };

  const std::size_t total = forwards.size() * static_cast<std::size_t>(iterations);
  std::size_t next_forward = std::min(total, static_cast<std::size_t>(in_flight));
  std::vector<Op> program;
  program.reserve(2 * total);
  for (std::size_t n = 0; n < next_forward; ++n) program.push_back(nth(forwards, n));
  for (std::size_t n = 0; n < total; ++n) {
    program.push_back(nth(gradients, n));
    if (next_forward < total) program.push_back(nth(forwards, next_forward++));
  }
  return program;
}

int leading_forwards(const std::vector<Op>& program) {
  const auto first_gradient = std::find_if(
      program.begin(), program.end(), [](const Op& op) { return op.kind != OpKind::kForward; });
  return static_cast<int>(first_gradient - program.begin());
}

}  // namespace

SteadyState steady_state(const Schedule& schedule) {
  const int depth = schedule.num_stages();
  const int microbatches = schedule.shape.microbatches;
  const int margin = 1 + (2 * depth + microbatches - 1) / microbatches;
  const int whole_rounds = depth / std::gcd(depth, microbatches);
  int measured = std::max(2, whole_rounds);
  if (static_cast<std::int64_t>(measured) * microbatches > kLongestWindow) measured = 2;
  return {.iterations = 2 * margin + measured, .first = margin, .last = margin + measured};
}

Schedule unroll(const Schedule& schedule, int iterations) {
  Schedule unrolled = schedule;
  unrolled.shape.microbatches *= iterations;
  for (int rank = 0; rank < schedule.num_ranks(); ++rank) {
    // An iteration shorter than the pipeline does not show how many are in flight; PipeDream
    // admits one micro-batch per stage that is still ahead (arXiv:1806.03377, section 3.2).
    const int in_flight =
        std::max(leading_forwards(schedule.ranks[rank]), schedule.num_ranks() - rank);
    unrolled.ranks[rank] =
        unroll_rank(schedule.ranks[rank], iterations, schedule.shape.microbatches, in_flight);
  }
  return unrolled;
}

RollingOptimizer::RollingOptimizer(const Schedule& unrolled, int iterations,
                                   const TrainingCosts& costs,
                                   std::span<const ResourceId> compute_streams,
                                   StepBuilder& builder)
    : costs_(costs),
      compute_streams_(compute_streams),
      builder_(builder),
      data_end_(unrolled.ranks.size(), kNoTask),
      milestones_(unrolled.ranks.size()) {
  const std::vector<std::vector<int>> stages = stages_of_ranks(unrolled);
  for (std::size_t rank = 0; rank < unrolled.ranks.size(); ++rank) {
    Seconds reduce, gather;
    if (!costs.data.empty()) {
      for (const int stage : stages[rank]) {
        reduce += costs.data[stage].reduce;
        gather += costs.data[stage].gather;
      }
    }
    reduce_.push_back(to_sim_time(reduce));
    gather_.push_back(to_sim_time(gather));
    optimizer_.push_back(costs.optimizer.empty() ? 0 : to_sim_time(costs.optimizer[rank]));
    data_streams_.push_back(builder.add_stream());

    const std::vector<Op>& program = unrolled.ranks[rank];
    const std::size_t updates = static_cast<std::size_t>(
        unrolled.updates_every_microbatch ? unrolled.shape.microbatches : iterations);
    const std::size_t gradients_per_update = program.size() / 2 / updates;
    std::size_t gradients = 0;
    for (std::uint32_t i = 0; i < program.size(); ++i) {
      if (program[i].kind == OpKind::kForward || ++gradients % gradients_per_update != 0) {
        continue;
      }
      milestones_[rank].push_back(
          {.position = i, .what = static_cast<std::int32_t>(gradients / gradients_per_update) - 1});
    }
  }
}

TaskId RollingOptimizer::add_data(TaskKind kind, int rank, SimTime work, TaskId after) {
  if (work == 0) return after;
  const TaskId task = builder_.add({.kind = kind, .rank = rank}, data_streams_[rank], work);
  builder_.after(data_end_[rank], task);
  builder_.after(after, task);
  return data_end_[rank] = task;
}

TaskId RollingOptimizer::reached(int rank, const Milestone&, TaskId, TaskId done) {
  // With overlap the gradients applied here are those that the data stream worked on so far.
  TaskId gradients = data_end_[rank];
  if (!costs_.data_overlap) {
    gradients = add_data(TaskKind::kDataReduce, rank, reduce_[rank], done);
  }
  TaskId end = done;
  if (optimizer_[rank] > 0) {
    end = builder_.add({.kind = TaskKind::kOptimizer, .rank = rank}, compute_streams_[rank],
                       optimizer_[rank]);
    builder_.after(done, end);
    if (gradients != done) builder_.after(gradients, end);
  }
  const TaskId gathered = add_data(TaskKind::kDataGather, rank, gather_[rank], end);
  if (costs_.data_overlap) {
    add_data(TaskKind::kDataReduce, rank, reduce_[rank], done);
    return end;
  }
  return costs_.gather_overlap ? end : gathered;
}

}  // namespace plumbline
