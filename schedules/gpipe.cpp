// GPipe: all forwards, then all backwards.  For 3 stages and 3 micro-batches:
//
//   rank 0:  F0 F1 F2 .  .  .  .  B0 B1 B2
//   rank 1:  .  F0 F1 F2 .  .  B0 B1 B2
//   rank 2:  .  .  F0 F1 F2 B0 B1 B2
//
// (drawn with B as long as F).  Every activation is alive at the turn, so the peak is M.
// The micro-batches come back in the order in which they went, as PyTorch's ScheduleGPipe runs
// them; a stack order has the same makespan.
// Source: Huang et al., arXiv:1811.06965.

#include "schedules/build.h"
#include "schedules/generators.h"

namespace plumbline {

Schedule gpipe(const PipelineShape& shape, const ScheduleOptions&) {
  require_chunks("gpipe", shape, 1);
  Schedule schedule = empty_schedule("gpipe", shape, Placement::kLoop);
  for (int rank = 0; rank < shape.ranks(); ++rank) {
    std::vector<Op>& ops = schedule.ranks[rank];
    ops.reserve(2 * shape.microbatches);
    for (int mb = 0; mb < shape.microbatches; ++mb) ops.push_back(forward(rank, mb));
    for (int mb = 0; mb < shape.microbatches; ++mb) ops.push_back(backward(rank, mb));
  }
  return schedule;
}

}  // namespace plumbline
