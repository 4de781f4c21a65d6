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
// Source: Narayanan et al., arXiv:2006.09503 (there: PipeDream-Flush); Megatron-LM,
// forward_backward_pipelining_without_interleaving.

#include "schedules/one_f_one_b.h"

#include <algorithm>

#include "schedules/build.h"
#include "schedules/generators.h"

namespace plumbline {

std::vector<Op> one_f_one_b_program(int rank, const PipelineShape& shape) {
  const int total = shape.microbatches;
  const int warm_up = std::min(shape.ranks() - 1 - rank, total);

  std::vector<Op> ops;
  ops.reserve(2 * total);
  for (int mb = 0; mb < warm_up; ++mb) ops.push_back(forward(rank, mb));
  for (int mb = warm_up; mb < total; ++mb) {
    ops.push_back(forward(rank, mb));
    ops.push_back(backward(rank, mb - warm_up));
  }
  for (int mb = total - warm_up; mb < total; ++mb) ops.push_back(backward(rank, mb));
  return ops;
}

Schedule one_f_one_b(const PipelineShape& shape, const ScheduleOptions&) {
  require_chunks("1f1b", shape, 1);
  Schedule schedule = empty_schedule("1f1b", shape, Placement::kLoop);
  for (int rank = 0; rank < shape.ranks(); ++rank) {
    schedule.ranks[rank] = one_f_one_b_program(rank, shape);
  }
  return schedule;
}

}  // namespace plumbline
