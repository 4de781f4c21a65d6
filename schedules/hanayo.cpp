// Hanayo: the two directions of a bidirectional pipeline laid out as one wave, with one copy of
// the weights.  V = 2 * waves chunks per rank; stages run down the ranks, turn on the last one, run
// back up, turn on the first, and so on.  One wave, P = 2, M = 2 (rank 0 has stages 0 and 3, rank
// 1 has 1 and 2), drawn with B twice as long as F:
//
//   rank 0:  0F0 0F1 .   3F0 3B0---- 3F1 3B1---- .   0B0---- .   .   0B1----
//   rank 1:  .   1F0 2F0 1F1 2F1 .   2B0---- 1B0---- 2B1---- 1B1----
//
// Of what is ready, a rank runs the oldest micro-batch (which is ready in one place only), so every
// wave follows the one before it.  The order is that rule played out once with B = 2F, the
// proportion of the paper's figures.  For M = P and one wave a rank idles (P-1)(2F + B) of chunk
// time, where 1F1B idles 2(P-1)(F + B); more waves idle less.  Up to 2P activations can be alive.
// Source: Liu et al., SC'23, arXiv:2308.15762, sections 3.1 to 3.3.

#include <string>

#include "schedules/build.h"
#include "schedules/generators.h"

namespace plumbline {
namespace {

constexpr int kForwardTime = 1;
constexpr int kBackwardTime = 2;

// The rule, played out slot by slot.
class Wave {
 public:
  explicit Wave(Schedule& schedule)
      : schedule_(schedule),
        stages_(schedule.num_stages()),
        total_(schedule.shape.microbatches),
        forward_end_(stages_),
        backward_end_(stages_),
        stages_of_rank_(schedule.num_ranks()),
        free_at_(schedule.num_ranks(), 0) {
    for (int stage = 0; stage < stages_; ++stage) {
      stages_of_rank_[schedule.stage_rank[0][stage]].push_back(stage);
    }
  }

  void run() {
    const std::size_t all = 2 * static_cast<std::size_t>(total_) * stages_;
    std::size_t done = 0;
    for (int now = 0; done < all; ++now) {
      for (int rank = 0; rank < schedule_.num_ranks(); ++rank) {
        if (free_at_[rank] <= now && start_one(rank, now)) ++done;
      }
    }
  }

 private:
  static bool ended(const std::vector<int>& ends, std::size_t index, int now) {
    return index < ends.size() && ends[index] <= now;
  }
  bool backward_ready(int stage, int now) const {
    const std::size_t next = backward_end_[stage].size();
    return ended(forward_end_[stage], next, now) &&
           (stage + 1 == stages_ || ended(backward_end_[stage + 1], next, now));
  }
  bool forward_ready(int stage, int now) const {
    const std::size_t next = forward_end_[stage].size();
    if (next == static_cast<std::size_t>(total_)) return false;
    return stage == 0 || ended(forward_end_[stage - 1], next, now);
  }
  bool start_one(int rank, int now) {
    std::vector<int>* oldest = nullptr;
    Op op;
    const auto consider = [&](std::vector<int>& ends, OpKind kind, int stage) {
      if (oldest != nullptr && oldest->size() <= ends.size()) return;
      oldest = &ends;
      op = {kind, false, 0, stage, static_cast<int>(ends.size())};
    };
    for (const int stage : stages_of_rank_[rank]) {
      if (backward_ready(stage, now)) consider(backward_end_[stage], OpKind::kBackward, stage);
      if (forward_ready(stage, now)) consider(forward_end_[stage], OpKind::kForward, stage);
    }
    if (oldest == nullptr) return false;
    schedule_.ranks[rank].push_back(op);
    free_at_[rank] = now + (op.kind == OpKind::kBackward ? kBackwardTime : kForwardTime);
    oldest->push_back(free_at_[rank]);
    return true;
  }

  Schedule& schedule_;
  int stages_, total_;
  std::vector<std::vector<int>> forward_end_, backward_end_;  // [stages][micro-batches so far]
  std::vector<std::vector<int>> stages_of_rank_;              // [ranks][chunks]
  std::vector<int> free_at_;                                  // [ranks]
};

}  // namespace

Schedule hanayo(const PipelineShape& shape, const ScheduleOptions&) {
  if (shape.chunks % 2 != 0) {
    refuse_shape(
        "hanayo",
        "has two chunks per wave, so an even number of them, not " + std::to_string(shape.chunks),
        "try " + std::to_string(shape.chunks + 1) + " chunks per rank");
  }
  Schedule schedule = empty_schedule("hanayo", shape, Placement::kWave);
  Wave(schedule).run();
  return schedule;
}

}  // namespace plumbline
