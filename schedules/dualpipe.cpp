// DualPipe: micro-batches enter at both ends of the pipeline, so every rank has a forward of one
// direction to overlap with a backward of the other, and their all-to-alls with compute.
//
// P stages, each on two ranks: micro-batch m < M/2 runs stage s on rank s (replica 0), the others
// on rank P-1-s (replica 1).  For P = 2, M = 4, where "(a;b)" is one overlapped unit:
//
//   rank 0:  0F0 1F2 0F1 1B2 (1F3;0B0) 1B3 0I1 0W1
//   rank 1:  0F2 1F0 0F3 1B0 (1F1;0B2) 1B1 0I3 0W3
//
// (rank 1 is rank 0 with the directions exchanged).  P+1 activations at most, two weight copies.
// DualPipe-V cuts that picture in half: P ranks play one half of 2P stages in V placement, both
// directions are the two arms of the V, and there is one weight copy.
// Source: DeepSeek-V3, arXiv:2412.19437, section 3.2.1; deepseek-ai/DualPipe, DualPipe.step;
// PyTorch ScheduleDualPipeV.

#include "schedules/dualpipe.h"

#include <string>

#include "schedules/build.h"
#include "schedules/generators.h"

namespace plumbline {
namespace {

// Hands out the operations of one rank; micro-batches of a direction run in order.
class Writer {
 public:
  Writer(Direction near, Direction far) : way_{{near, 0, 0}, {far, 0, 0}} {}

  void forward(int way) { put(OpKind::kForward, way, way_[way].forwards++); }
  void backward(int way) { put(OpKind::kBackward, way, way_[way].backwards++); }
  void input_grad(int way) {
    const int mb = way_[way].backwards++;
    put(OpKind::kInputGrad, way, mb);
    waiting_.push_back({way, mb});
  }
  void weight_grad() {  // the oldest that waits, of either direction
    if (first_waiting_ == waiting_.size()) return;
    const Waiting oldest = waiting_[first_waiting_++];
    put(OpKind::kWeightGrad, oldest.way, oldest.microbatch);
  }
  void overlapped(int forward_way, int backward_way) {
    forward(forward_way);
    ops_.back().overlaps_next = true;
    backward(backward_way);
  }
  std::vector<Op> take() { return std::move(ops_); }

 private:
  struct Way {
    Direction direction;
    int forwards, backwards;
  };
  struct Waiting {
    int way, microbatch;
  };
  void put(OpKind kind, int way, int index) {
    const Direction& d = way_[way].direction;
    ops_.push_back(
        {kind, false, static_cast<std::uint8_t>(d.replica), d.stage, d.first_microbatch + index});
  }
  Way way_[2];
  std::vector<Op> ops_;
  std::vector<Waiting> waiting_;
  std::size_t first_waiting_ = 0;
};

}  // namespace

std::vector<Op> dualpipe_program(int half, int position, int microbatches, Direction near,
                                 Direction far) {
  constexpr int kNear = 0;
  constexpr int kFar = 1;
  const int inward = half - 1 - position;  // ranks between this one and the middle
  const bool middle = inward == 0;
  Writer rank(near, far);

  for (int i = 0; i < 2 * inward; ++i) rank.forward(kNear);
  for (int i = 0; i < position + 1; ++i) {
    rank.forward(kNear);
    rank.forward(kFar);
  }
  for (int i = 0; i < inward; ++i) {
    rank.input_grad(kFar);
    rank.weight_grad();
    rank.forward(kFar);
  }
  for (int i = 0; i < microbatches - 2 * half + position + 1; ++i) {
    if (i == 0 && middle) {  // not overlapped there: it would only add to the bubble
      rank.forward(kNear);
      rank.backward(kFar);
    } else {
      rank.overlapped(kNear, kFar);
    }
    rank.overlapped(kFar, kNear);
  }
  for (int i = 0; i < inward; ++i) {
    rank.backward(kFar);
    rank.overlapped(kFar, kNear);
  }
  // The second half of the remaining backwards is split, to fill the drain with weight gradients.
  bool split = false;
  const auto last_backward = [&](int way) { split ? rank.input_grad(way) : rank.backward(way); };
  for (int i = 0; i < position + 1; ++i) {
    const bool turn = i == (position + 1) / 2;
    if (turn && position % 2 == 1) split = true;
    last_backward(kFar);
    if (turn && position % 2 == 0) split = true;
    last_backward(kNear);
  }
  for (int i = 0; i < inward; ++i) {
    rank.weight_grad();
    last_backward(kNear);
  }
  for (int i = 0; i < position + 1; ++i) rank.weight_grad();
  return rank.take();
}

Schedule dualpipe(const PipelineShape& asked, const ScheduleOptions&) {
  const int ranks = asked.ranks();
  const int total = asked.microbatches;
  if (asked.chunks > 2) {
    refuse_shape(
        "dualpipe",
        "has one stage of each direction per rank, not " + std::to_string(asked.chunks) + " chunks",
        "try 2 chunks per rank");
  }
  if (ranks % 2 != 0) {
    refuse_shape("dualpipe", "needs an even number of ranks, not " + std::to_string(ranks),
                 "try " + std::to_string(ranks + 1) + " ranks, or dualpipe_v");
  }
  if (total < 2 * ranks || total % 2 != 0) {
    const int nearest = std::max(2 * ranks, total + total % 2);
    refuse_shape("dualpipe",
                 "with " + std::to_string(ranks) +
                     " ranks needs an even number of micro-batches, at least " +
                     std::to_string(2 * ranks) + ", not " + std::to_string(total),
                 "try " + std::to_string(nearest) + " micro-batches");
  }
  PipelineShape shape = asked;
  shape.chunks = 2;
  Schedule schedule = empty_schedule("dualpipe", shape, Placement::kBidirectional);
  for (int rank = 0; rank < ranks; ++rank) {
    const Direction down{rank, 0, 0};
    const Direction up{ranks - 1 - rank, total / 2, 1};
    const bool first_half = rank < ranks / 2;
    schedule.ranks[rank] = dualpipe_program(ranks / 2, std::min(rank, ranks - 1 - rank), total / 2,
                                            first_half ? down : up, first_half ? up : down);
  }
  return schedule;
}

Schedule dualpipe_v(const PipelineShape& shape, const ScheduleOptions&) {
  require_chunks("dualpipe_v", shape, 2);
  const int ranks = shape.ranks();
  if (shape.microbatches < 2 * ranks) {
    refuse_shape("dualpipe_v",
                 "with " + std::to_string(ranks) + " ranks needs at least " +
                     std::to_string(2 * ranks) + " micro-batches, not " +
                     std::to_string(shape.microbatches),
                 "try " + std::to_string(2 * ranks) + " micro-batches");
  }
  Schedule schedule = empty_schedule("dualpipe_v", shape, Placement::kV);
  for (int rank = 0; rank < ranks; ++rank) {
    schedule.ranks[rank] = dualpipe_program(ranks, rank, shape.microbatches, {rank, 0, 0},
                                            {2 * ranks - 1 - rank, 0, 0});
  }
  return schedule;
}

}  // namespace plumbline
