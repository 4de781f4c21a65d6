// ZB-V: two chunks per rank in a V, stage s on rank s and stage 2P-1-s back on the same rank, so
// that the first gradient is ready on rank 0 the moment the V's way back ends there.  Figure for
// P = 2, M = 3 (rank 0 has stages 0 and 3, rank 1 has 1 and 2):
//
//   rank 0:  0F0 0F1 0F2 3F0 3I0 3W0 3F1 3I1 3W1 0I0 0W0 3F2 3I2 3W2 0I1 0W1 0I2 0W2
//   rank 1:  .   1F0 2F0 1F1 2F1 2I0 2W0 1F2 1I0 1W0 2F2 2I1 2W1 1I1 2I2 1I2 1W1 2W2 1W2
//
// With F = I = W no rank idles between its first and its last operation, with at most 2P chunk
// activations alive.  The rule counts on 2P-1 micro-batches; fewer are cut out of that order.
// Source: Qi et al., arXiv:2401.10241, section 6; PyTorch ScheduleZBVZeroBubble.

#include <algorithm>

#include "schedules/build.h"
#include "schedules/generators.h"
#include "schedules/order_search.h"

namespace plumbline {
namespace {

// The V seen from one rank: `down` is its stage on the way down, `up` on the way back.
class ProgramOfRank {
 public:
  ProgramOfRank(int rank, const PipelineShape& shape)
      : rank_(rank),
        ranks_(shape.ranks()),
        microbatches_(shape.microbatches),
        down_{rank, 0, 0, 0},
        up_{2 * shape.ranks() - 1 - rank, 0, 0, 0} {}

  std::vector<Op> program() && {
    const int planned = std::max(2 * ranks_ - 1, microbatches_);
    for (int i = 0; i < 2 * (ranks_ - rank_) - 1; ++i) run_forward(down_);
    for (int i = 0; i < rank_; ++i) {
      run_forward(up_);
      run_forward(down_);
    }
    for (int i = 0; i < ranks_ - rank_; ++i) {
      run_forward(up_);
      run_backward(up_);
    }
    while (up_.forwards < down_.forwards || down_.forwards < planned) {
      if (down_.forwards < planned) run_forward(down_);
      run_backward(down_);
      run_forward(up_);
      run_backward(up_);
    }
    for (int i = 0; i < rank_; ++i) {
      run_input_grad(down_);
      run_input_grad(up_);
    }
    for (int i = 0; i < ranks_ - rank_; ++i) {
      run_input_grad(down_);
      run_weight_grad(down_);
    }
    while (up_.weight_grads < up_.input_grads) run_weight_grad(up_);
    while (down_.weight_grads < down_.input_grads) run_weight_grad(down_);
    return std::move(ops_);
  }

 private:
  struct Arm {
    int stage, forwards, input_grads, weight_grads;
  };
  void push(Op op) {
    if (op.microbatch < microbatches_) ops_.push_back(op);
  }
  void run_forward(Arm& arm) { push(forward(arm.stage, arm.forwards++)); }
  void run_input_grad(Arm& arm) { push(input_grad(arm.stage, arm.input_grads++)); }
  void run_weight_grad(Arm& arm) { push(weight_grad(arm.stage, arm.weight_grads++)); }
  void run_backward(Arm& arm) {
    run_input_grad(arm);
    run_weight_grad(arm);
  }

  int rank_, ranks_, microbatches_;
  Arm down_, up_;
  std::vector<Op> ops_;
};

}  // namespace

Schedule zb_v(const PipelineShape& shape, const ScheduleOptions& options) {
  require_chunks("zb_v", shape, 2);
  if (options.max_live_activations) {
    return search_order("zb_v", shape, Placement::kV, *options.max_live_activations, options.costs);
  }
  Schedule schedule = empty_schedule("zb_v", shape, Placement::kV);
  for (int rank = 0; rank < shape.ranks(); ++rank) {
    schedule.ranks[rank] = ProgramOfRank(rank, shape).program();
  }
  return schedule;
}

}  // namespace plumbline
