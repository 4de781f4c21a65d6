// Looped breadth-first: every rank runs all micro-batches through its first chunk, then all
// through the next, and comes back the same way.  For P = 2, V = 2, M = 3:
//
//   rank 0:  0F0 0F1 0F2 2F0 2F1 2F2 2B2 2B1 2B0 0B2 0B1 0B0
//   rank 1:  1F0 1F1 1F2 3F0 3F1 3F2 3B2 3B1 3B0 1B2 1B1 1B0
//
// Backwards run in reverse order of micro-batches.  All V*M activations are alive at the turn;
// what it buys is that gradients of a chunk are complete early and weights are gathered once.
// Source: Lamy-Poirier, arXiv:2211.05953; PyTorch ScheduleLoopedBFS.

#include "schedules/build.h"
#include "schedules/generators.h"

namespace plumbline {

Schedule looped_bfs(const PipelineShape& shape, const ScheduleOptions&) {
  Schedule schedule = empty_schedule("looped_bfs", shape, Placement::kLoop);
  const int ranks = shape.ranks();
  for (int rank = 0; rank < ranks; ++rank) {
    std::vector<Op>& ops = schedule.ranks[rank];
    ops.reserve(2 * static_cast<std::size_t>(shape.microbatches) * shape.chunks);
    for (int chunk = 0; chunk < shape.chunks; ++chunk) {
      for (int mb = 0; mb < shape.microbatches; ++mb) {
        ops.push_back(forward(chunk * ranks + rank, mb));
      }
    }
    for (int chunk = shape.chunks - 1; chunk >= 0; --chunk) {
      for (int mb = shape.microbatches - 1; mb >= 0; --mb) {
        ops.push_back(backward(chunk * ranks + rank, mb));
      }
    }
  }
  return schedule;
}

}  // namespace plumbline
