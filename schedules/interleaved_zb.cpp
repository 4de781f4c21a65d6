// Interleaved zero bubble (ZB-1p for one chunk): interleaved 1F1B whose backward is split, so that
// weight gradients fill the bubbles of the drain.  For P = 3, V = 1, M = 4:
//
//   rank 0:  F0 F1 F2 .  .  I0 W0 F3 I1 W1 I2 W2 I3 W3
//   rank 1:  .  F0 F1 .  I0 F2 I1 W0 F3 I2 W1 I3 W2 W3
//   rank 2:  .  .  F0 I0 F1 I1 F2 I2 W0 F3 I3 W1 W2 W3
//
// A rank runs min((P-1-r) + (V-1)N, MV) forwards ahead (half of interleaved 1F1B's extra), then
// forward and input gradient in turn; from the r-th backward on, each is followed by the oldest
// weight gradient that waits.  N as in PyTorch's interleaved 1F1B.
// Source: Qi et al., arXiv:2401.10241; PyTorch ScheduleInterleavedZeroBubble.

#include <algorithm>

#include "schedules/build.h"
#include "schedules/generators.h"
#include "schedules/interleaved.h"

namespace plumbline {

Schedule interleaved_zb(const PipelineShape& shape, const ScheduleOptions&) {
  const int group = microbatches_per_round("interleaved_zb", shape);
  Schedule schedule = empty_schedule("interleaved_zb", shape, Placement::kLoop);
  const int ranks = shape.ranks();
  const int steps = shape.microbatches * shape.chunks;
  const std::vector<ChunkStep> order = chunk_steps(shape, group);
  for (int rank = 0; rank < ranks; ++rank) {
    std::vector<Op>& ops = schedule.ranks[rank];
    ops.reserve(3 * static_cast<std::size_t>(steps));
    const auto back_stage = [&](int k) {
      return (shape.chunks - 1 - order[k].chunk) * ranks + rank;
    };
    int weights_done = 0;
    const auto weight_step = [&] {
      ops.push_back(weight_grad(back_stage(weights_done), order[weights_done].microbatch));
      ++weights_done;
    };
    const int warm_up = std::min(ranks - 1 - rank + (shape.chunks - 1) * group, steps);
    for (int k = 0; k < steps + warm_up; ++k) {
      if (k < steps) ops.push_back(forward(order[k].chunk * ranks + rank, order[k].microbatch));
      if (k < warm_up) continue;
      const int step = k - warm_up;
      ops.push_back(input_grad(back_stage(step), order[step].microbatch));
      if (step >= rank) weight_step();
    }
    while (weights_done < steps) weight_step();
  }
  return schedule;
}

}  // namespace plumbline
