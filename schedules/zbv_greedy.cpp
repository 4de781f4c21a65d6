// Warm-up, then rounds of one gradient and one forward per rank; weight gradients fill the waits.
// A rank may be granted a longer wait than it would take by itself: the schedule is made again with
// the waits of the first attempt as the grant, as long as that shortens the longest bubble.
//
// A "way" is one crossing of the pipeline: 0 goes down the ranks, 1 goes back up.  Forwards of way
// 0 run the lower half of the stages, gradients of way 0 the upper half.

#include "schedules/zbv_greedy.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "schedules/build.h"

namespace plumbline {
namespace {

using Ticks = std::int64_t;

struct Fill {
  bool forward_waits, gradient_waits;
};

class Attempt {
 public:
  Attempt(const PipelineShape& shape, int limit, const TickCosts& costs, Fill fill,
          std::vector<Ticks> granted)
      : ranks_(shape.ranks()),
        total_(shape.microbatches),
        limit_(limit),
        costs_(costs),
        fill_(fill),
        granted_(std::move(granted)),
        state_(ranks_) {
    for (const Ticks each : granted_) longest_grant_ = std::max(longest_grant_, each);
  }

  bool run() {
    warm_up_down();
    warm_up_back();
    for (int round = 0; round < 2 * total_ && possible_; ++round) {
      gradient_round();
      forward_round();
    }
    for (int r = 0; r < ranks_; ++r) {
      while (possible_ && waiting(r)) put_weight(r);
      possible_ = possible_ && state_[r].ops.size() == 6 * static_cast<std::size_t>(total_);
    }
    return possible_;
  }

  std::vector<Ticks> bubbles() const {
    std::vector<Ticks> all;
    for (const Rank& rank : state_) all.push_back(rank.bubble);
    return all;
  }
  std::vector<std::vector<Op>> take_rows() {
    std::vector<std::vector<Op>> rows;
    for (Rank& rank : state_) rows.push_back(std::move(rank.ops));
    return rows;
  }

 private:
  struct Rank {
    std::array<std::vector<Ticks>, 2> forward_end, gradient_end;  // [way][micro-batches]
    std::vector<std::pair<int, int>> weights;                     // (way, micro-batch) in order
    std::size_t weights_done = 0;
    int live = 0;
    Ticks now = 0, bubble = 0;
    std::vector<Op> ops;
  };
  using Ends = std::array<std::vector<Ticks>, 2> Rank::*;
  static constexpr Ends kForwards = &Rank::forward_end;
  static constexpr Ends kGradients = &Rank::gradient_end;

  int count(int r, Ends ends, int way) const {
    return static_cast<int>((state_[r].*ends)[way].size());
  }
  bool waiting(int r) const { return state_[r].weights_done < state_[r].weights.size(); }
  int stage_of(int r, bool lower_half) const { return lower_half ? r : 2 * ranks_ - 1 - r; }

  // The neighbour that hands over what comes `way`; -1 at the ends.
  int source(int r, int way) const {
    if (way == 0) return r - 1;
    return r + 1 < ranks_ ? r + 1 : -1;
  }
  // Whether the neighbour has the next one of that kind and way done; true at the ends.
  bool input_done(int r, Ends ends, int way) const {
    const int from = source(r, way);
    return from < 0 || count(from, ends, way) > count(r, ends, way);
  }
  Ticks input_time(int r, Ends ends, int way) const {
    return (state_[source(r, way)].*ends)[way][count(r, ends, way)] + costs_.comm;
  }

  void put(int r, Ends ends, int way) {
    Rank& rank = state_[r];
    const bool is_forward = ends == kForwards;
    const int mb = count(r, ends, way);
    // What the rank itself must have done: the way down before the way back, forward before
    // gradient.
    bool ready = mb < total_ && input_done(r, ends, way);
    if (way == 1) ready = ready && count(r, ends, 0) > mb;
    if (!is_forward && way == 0) ready = ready && count(r, kForwards, 1) > mb;
    if (is_forward) ready = ready && rank.live < limit_;
    if (!ready) {
      possible_ = false;
      return;
    }
    const bool started = count(r, kForwards, 0) > 0;
    Ticks start = rank.now;
    if (source(r, way) >= 0) start = std::max(start, input_time(r, ends, way));
    if (started) rank.bubble += start - rank.now;
    const int stage = stage_of(r, is_forward == (way == 0));
    rank.now = start + (is_forward ? costs_.forward[stage] : costs_.input_grad[stage]);
    (rank.*ends)[way].push_back(rank.now);
    rank.ops.push_back(is_forward ? forward(stage, mb) : input_grad(stage, mb));
    if (is_forward) ++rank.live;
    if (!is_forward) rank.weights.emplace_back(way, mb);
  }

  void put_weight(int r) {
    Rank& rank = state_[r];
    if (!waiting(r)) {
      possible_ = false;
      return;
    }
    const auto [way, mb] = rank.weights[rank.weights_done++];
    const int stage = stage_of(r, way == 1);
    rank.now += costs_.weight_grad[stage];
    rank.ops.push_back(weight_grad(stage, mb));
    --rank.live;
  }

  Ticks next_weight_cost(int r) const {
    const int way = state_[r].weights[state_[r].weights_done].first;
    return costs_.weight_grad[stage_of(r, way == 1)];
  }

  // Down to the turn and back with the first micro-batch, filling the wait with further forwards.
  void warm_up_down() {
    for (int r = 0; r < ranks_; ++r) put(r, kForwards, 0);
    for (int r = ranks_ - 1; r >= 0 && possible_; --r) {
      while (possible_ && r + 1 < ranks_ && state_[r].live + 2 + 2 * r <= limit_ &&
             state_[r].now + costs_.forward[r] <= input_time(r, kForwards, 1) &&
             count(r, kForwards, 0) < total_) {
        for (int above = 0; above <= r; ++above) put(above, kForwards, 0);
      }
      put(r, kForwards, 1);
    }
  }

  // Evens out how far the ranks are, alternating between the ways.
  void warm_up_back() {
    int way = 0;
    for (int r = 1; r < ranks_; ++r) {
      const auto forwards = [&](int rank) {
        return count(rank, kForwards, 0) + count(rank, kForwards, 1);
      };
      const auto behind = [&] {
        const int above = count(r - 1, kForwards, 1);
        return forwards(r) < forwards(r - 1) || (count(r, kForwards, 1) <= above && above < total_);
      };
      for (int guard = 0; possible_ && behind(); ++guard) {
        for (int below = ranks_ - 1; below >= r; --below) {
          if (count(below, kForwards, way) < total_) put(below, kForwards, way);
        }
        way = 1 - way;
        possible_ = possible_ && guard <= 4 * total_;
      }
    }
  }

  // Weight gradients into the wait for the next input; one more than fits when the wait is longer
  // than this rank may afford.
  void fill_wait(int r, Ends ends, int way, bool fill_all) {
    if (source(r, way) < 0 || !input_done(r, ends, way)) return;
    const Ticks arrives = input_time(r, ends, way);
    while (waiting(r) && arrives >= state_[r].now + next_weight_cost(r)) put_weight(r);
    if (!waiting(r) || !fill_all) return;
    Ticks longest = 0;
    for (const Rank& rank : state_) longest = std::max(longest, rank.bubble);
    if (!granted_.empty()) longest = std::max(longest, longest_grant_ - granted_[r]);
    if (arrives - state_[r].now > longest - state_[r].bubble) put_weight(r);
  }

  void gradient_round() {
    std::vector<int> back, down;
    for (int r = 0; r < ranks_; ++r) {
      const bool can_go_back = count(r, kGradients, 1) < count(r, kGradients, 0);
      const bool goes_back =
          can_go_back && (input_done(r, kGradients, 1) || count(r, kGradients, 0) >= total_);
      (goes_back ? back : down).push_back(r);
    }
    const auto step = [&](int r, int way) {
      if (!possible_) return;
      fill_wait(r, kGradients, way, way == 1 || fill_.gradient_waits);
      put(r, kGradients, way);
    };
    for (auto r = back.rbegin(); r != back.rend(); ++r) step(*r, 1);
    for (const int r : down) step(r, 0);
  }

  void forward_round() {
    for (int r = 0; r < ranks_ && possible_; ++r) {
      if (count(r, kForwards, 1) >= total_) continue;
      int way = -1;
      if (count(r, kForwards, 1) >= count(r, kForwards, 0)) {
        way = 0;
      } else if (input_done(r, kForwards, 1)) {
        way = 1;
      } else if (count(r, kForwards, 0) < total_ && input_done(r, kForwards, 0)) {
        way = 0;
      }
      if (way < 0) continue;
      while (possible_ && state_[r].live >= limit_) put_weight(r);
      if (!possible_) return;
      fill_wait(r, kForwards, way, fill_.forward_waits);
      put(r, kForwards, way);
    }
  }

  int ranks_, total_, limit_;
  const TickCosts& costs_;
  Fill fill_;
  std::vector<Ticks> granted_;  // [ranks] or empty
  Ticks longest_grant_ = 0;
  std::vector<Rank> state_;
  bool possible_ = true;
};

Ticks longest(const std::vector<Ticks>& bubbles) { return *std::ranges::max_element(bubbles); }

}  // namespace

std::optional<Schedule> zbv_greedy(const PipelineShape& shape, int limit, const TickCosts& costs) {
  std::optional<Schedule> best;
  Ticks best_bubble = 0;
  for (int variant = 0; variant < 4; ++variant) {
    const Fill fill{(variant & 1) == 0, (variant & 2) == 0};
    std::vector<Ticks> granted;
    while (true) {
      Attempt attempt(shape, limit, costs, fill, granted);
      if (!attempt.run()) break;
      const std::vector<Ticks> bubbles = attempt.bubbles();
      if (!granted.empty() && longest(bubbles) >= longest(granted)) break;
      granted = bubbles;
      if (best && longest(bubbles) >= best_bubble) continue;
      best_bubble = longest(bubbles);
      best = empty_schedule("zb_v", shape, Placement::kV);
      best->ranks = attempt.take_rows();
      if (best_bubble == 0) break;
    }
  }
  return best;
}

}  // namespace plumbline
