// Micro-batch by micro-batch, down the ranks with its forward and up again with its input gradient;
// before each step a rank runs waiting weight gradients, because memory demands it or because it
// would stand idle.  Three yes-or-no choices make eight variants:
//
//   early_bubble   the warm-up admits forwards until they would delay the first gradient, even if
//                  a short wait is left
//   gradient_first a rank that is two forwards ahead of the next holds its forward back when that
//                  would delay the next rank's gradient
//   fill_all       a wait too short for a W is filled with one even where another rank's bubble is
//                  longer anyway

#include "schedules/zb_greedy.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "schedules/build.h"

namespace plumbline {
namespace {

using Ticks = std::int64_t;

struct Variant {
  bool early_bubble, gradient_first, fill_all;
};

class Greedy {
 public:
  Greedy(const PipelineShape& shape, const GreedyMemory& memory, const TickCosts& costs,
         Variant variant)
      : ranks_(shape.ranks()),
        total_(shape.microbatches),
        memory_(memory),
        costs_(costs),
        variant_(variant),
        state_(ranks_) {
    for (Rank& rank : state_) rank.ops.reserve(3 * static_cast<std::size_t>(total_));
  }

  /// False when memory cannot hold what the rule wants to run.
  bool run() {
    warm_up();
    for (int mb = 1; mb < total_; ++mb) {
      if (!forward_round() || !gradient_round(mb)) return false;
    }
    for (int r = 0; r < ranks_; ++r) {
      while (waiting(r)) put(r, OpKind::kWeightGrad);
    }
    return true;
  }

  Ticks longest_span() const {
    Ticks longest = 0;
    for (const Rank& rank : state_) longest = std::max(longest, rank.now - rank.first_start);
    return longest;
  }

  std::vector<std::vector<Op>> take_rows() {
    std::vector<std::vector<Op>> rows;
    for (Rank& rank : state_) rows.push_back(std::move(rank.ops));
    return rows;
  }

 private:
  struct Rank {
    std::vector<Ticks> forward_end, gradient_end;  // by micro-batch
    int weight_grads = 0;
    std::int64_t held = 0;
    Ticks now = 0, bubble = 0, first_start = 0;
    std::vector<Op> ops;
    int forwards() const { return static_cast<int>(forward_end.size()); }
    int gradients() const { return static_cast<int>(gradient_end.size()); }
  };

  bool waiting(int r) const { return state_[r].weight_grads < state_[r].gradients(); }

  Ticks longest_bubble() const {
    Ticks longest = 0;
    for (const Rank& rank : state_) longest = std::max(longest, rank.bubble);
    return longest;
  }

  // When what the rank's next forward or gradient needs from a neighbour is there.
  Ticks forward_input(int r) const {
    return r == 0 ? 0 : state_[r - 1].forward_end[state_[r].forwards()] + costs_.comm;
  }
  Ticks gradient_input(int r) const {
    return r + 1 == ranks_ ? 0 : state_[r + 1].gradient_end[state_[r].gradients()] + costs_.comm;
  }

  void put(int r, OpKind kind) {
    Rank& rank = state_[r];
    Ticks start = rank.now;
    int mb = rank.weight_grads;
    if (kind == OpKind::kForward) {
      start = std::max(start, forward_input(r));
      mb = rank.forwards();
    } else if (kind == OpKind::kInputGrad) {
      start = std::max(start, gradient_input(r));
      mb = rank.gradients();
    }
    if (rank.forwards() > 0) rank.bubble += start - rank.now;
    if (rank.ops.empty()) rank.first_start = start;
    rank.now = start + costs_.of(kind, r);
    rank.ops.push_back({kind, false, 0, r, mb});
    if (kind == OpKind::kForward) {
      rank.forward_end.push_back(rank.now);
      rank.held += memory_.activation;
    } else if (kind == OpKind::kInputGrad) {
      rank.gradient_end.push_back(rank.now);
      rank.held -= memory_.activation - memory_.after_input_grad;
    } else {
      ++rank.weight_grads;
      rank.held -= memory_.after_input_grad;
    }
  }

  // How many forwards each rank runs before its first gradient.
  void warm_up() {
    for (int r = 0; r < ranks_; ++r) put(r, OpKind::kForward);
    std::vector<int> extra(ranks_, 0);
    Ticks gradient_end = state_[ranks_ - 1].now + costs_.input_grad[ranks_ - 1];
    for (int r = ranks_ - 2; r >= 0; --r) {
      const Ticks arrives = gradient_end + costs_.comm;
      Ticks now = state_[r].now;
      std::int64_t held = state_[r].held + memory_.activation;
      while (state_[r].forwards() + extra[r] < total_ && held <= memory_.limit) {
        const bool enough =
            variant_.early_bubble ? now + costs_.forward[r] > arrives : now >= arrives;
        if (enough) break;
        held += memory_.activation;
        ++extra[r];
        now += costs_.forward[r];
      }
      gradient_end = std::max(now, arrives) + costs_.input_grad[r];
    }
    // Fewer than the rank before: it would otherwise wait for its input in the middle of them.
    for (int r = 1; r < ranks_; ++r) {
      while (extra[r] > 0 && extra[r] >= extra[r - 1] && state_[r].forwards() + extra[r] < total_) {
        --extra[r];
      }
    }
    for (int r = 0; r < ranks_; ++r) {
      for (int i = 0; i < extra[r]; ++i) put(r, OpKind::kForward);
    }
    for (int r = ranks_ - 1; r >= 0; --r) put(r, OpKind::kInputGrad);
  }

  // Whether gradient_first makes rank r skip its forward this round.
  bool holds_back(int r) const {
    const Rank& rank = state_[r];
    if (!variant_.gradient_first || r + 1 >= ranks_) return false;
    const Rank& next = state_[r + 1];
    if (rank.forwards() < next.forwards() + 2) return false;
    const Ticks wanted = next.now + costs_.forward[r + 1] + costs_.input_grad[r + 1] + costs_.comm;
    if (rank.now >= wanted) return true;
    Ticks making_room = 0;
    std::int64_t held = rank.held + memory_.activation;
    for (int w = rank.weight_grads; held > memory_.limit && w < rank.gradients(); ++w) {
      making_room += costs_.weight_grad[r];
      held -= memory_.after_input_grad;
    }
    if (rank.now + costs_.forward[r] + making_room <= wanted) return false;
    return wanted - rank.now <= longest_bubble() - rank.bubble;
  }

  // Runs weight gradients into the wait for an input that is there at `arrives`.
  void fill_wait(int r, Ticks arrives) {
    Rank& rank = state_[r];
    while (waiting(r) && rank.now + costs_.weight_grad[r] <= arrives) put(r, OpKind::kWeightGrad);
    if (!waiting(r) || rank.now >= arrives) return;
    const bool hidden = arrives - rank.now <= longest_bubble() - rank.bubble;
    if (!hidden || variant_.fill_all) put(r, OpKind::kWeightGrad);
  }

  bool forward_round() {
    std::vector<bool> runs(ranks_);
    for (int r = 0; r < ranks_; ++r) runs[r] = state_[r].forwards() < total_ && !holds_back(r);
    for (int r = ranks_ - 2; r >= 0; --r) runs[r] = runs[r] && runs[r + 1];
    for (int r = 0; r < ranks_; ++r) {
      if (!runs[r]) continue;
      while (state_[r].held + memory_.activation > memory_.limit) {
        if (!waiting(r)) return false;
        put(r, OpKind::kWeightGrad);
      }
      if (r > 0) fill_wait(r, forward_input(r));
      put(r, OpKind::kForward);
    }
    return true;
  }

  bool gradient_round(int mb) {
    for (int r = ranks_ - 1; r >= 0; --r) {
      if (state_[r].forwards() <= mb) return false;
      if (r + 1 < ranks_) fill_wait(r, gradient_input(r));
      if (r == 0 && state_[r].forwards() == total_) {
        while (waiting(r)) put(r, OpKind::kWeightGrad);
      }
      put(r, OpKind::kInputGrad);
    }
    return true;
  }

  int ranks_, total_;
  GreedyMemory memory_;
  const TickCosts& costs_;
  Variant variant_;
  std::vector<Rank> state_;
};

}  // namespace

std::optional<Schedule> zb_greedy(const PipelineShape& shape, const GreedyMemory& memory,
                                  const TickCosts& costs) {
  std::optional<Schedule> best;
  Ticks best_span = 0;
  for (int variant = 0; variant < 8; ++variant) {
    Greedy greedy(shape, memory, costs,
                  {(variant & 4) == 0, (variant & 2) == 0, (variant & 1) == 0});
    if (!greedy.run()) continue;
    if (best && greedy.longest_span() >= best_span) continue;
    best_span = greedy.longest_span();
    best = empty_schedule("zb", shape, Placement::kLoop);
    best->ranks = greedy.take_rows();
  }
  return best;
}

}  // namespace plumbline
