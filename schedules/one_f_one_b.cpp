// One-forward-one-backward, flushed at the end of every iteration.
//
// Rank r runs min(P-1-r, M) forwards before its first backward, then alternates, then drains.
// For 3 stages and 4 micro-batches:
//
//   rank 0:  F0 F1 F2 .  .  B0 F3 B1 .  B2 .  B3
//   rank 1:  .  F0 F1 .  B0 F2 B1 F3 B2 .  B3
//   rank 2:  .  .  F0 B0 F1 B1 F2 B2 F3 B3
//
// so at most min(P-r, M) activations are alive on rank r.  PyTorch asks for M >= P, Megatron-LM
// takes any M; where both accept it the order is the same.
//
// Two options.  `eager` runs min(2(P-1-r), M) forwards ahead, so that min(2(P-r)-1, M) activations
// are alive and hops between stages have a whole round to hide in:
//
//   rank 0:  F0 F1 F2 F3 .  B0 .  B1 .  B2 .  B3
//   rank 1:  .  F0 F1 F2 B0 F3 B1 .  B2 .  B3
//   rank 2:  .  .  F0 B0 F1 B1 F2 B2 F3 B3
//
// `delay_weight_grad` sends the input gradient on before the weight gradient is computed (B = I W),
// which takes (P-1) W out of the drain.
// Source: Narayanan et al., arXiv:2006.09503 (there: PipeDream-Flush); Megatron-LM,
// forward_backward_pipelining_without_interleaving.  Eager: Zhuang et al., MLSys 2023,
// arXiv:2211.05322 (eager-1F1B; OverlapFriendlyPipeDreamSchedule in alpa's schedules.py); the
// delayed weight gradient: the same paper, and Megatron-Core's delay_wgrad_compute.

#include "schedules/one_f_one_b.h"

#include <algorithm>
#include <utility>

#include "schedules/build.h"
#include "schedules/generators.h"

namespace plumbline {

namespace {

// Every B becomes I and, when the input gradient is on its way, W.
std::vector<Op> split_backwards(const std::vector<Op>& whole) {
  std::vector<Op> ops;
  ops.reserve(3 * whole.size() / 2);
  for (const Op& op : whole) {
    if (op.kind == OpKind::kForward) {
      ops.push_back(op);
      continue;
    }
    ops.push_back(input_grad(op.stage, op.microbatch));
    ops.push_back(weight_grad(op.stage, op.microbatch));
  }
  return ops;
}

}  // namespace

std::vector<Op> one_f_one_b_program(int rank, const PipelineShape& shape, int ahead) {
  const int total = shape.microbatches;
  const int warm_up = std::min(ahead, total);

  std::vector<Op> ops;
  ops.reserve(2 * static_cast<std::size_t>(total));
  for (int mb = 0; mb < warm_up; ++mb) ops.push_back(forward(rank, mb));
  for (int mb = warm_up; mb < total; ++mb) {
    ops.push_back(forward(rank, mb));
    ops.push_back(backward(rank, mb - warm_up));
  }
  for (int mb = total - warm_up; mb < total; ++mb) ops.push_back(backward(rank, mb));
  return ops;
}

Schedule one_f_one_b(const PipelineShape& shape, const ScheduleOptions& options) {
  require_chunks("1f1b", shape, 1);
  Schedule schedule = empty_schedule("1f1b", shape, Placement::kLoop);
  for (int rank = 0; rank < shape.ranks(); ++rank) {
    const int behind = shape.ranks() - 1 - rank;
    std::vector<Op> ops = one_f_one_b_program(rank, shape, options.eager ? 2 * behind : behind);
    schedule.ranks[rank] = options.delay_weight_grad ? split_backwards(ops) : std::move(ops);
  }
  return schedule;
}

}  // namespace plumbline
