// Two passes over the repeated block, in order of slots.  The first has weight gradients in their
// slots and moves every operation of the ramps (before rank 0's first gradient that ends a way, and
// after its last forward) into the earliest free slot that its inputs and the peak of memory allow.
// The second takes the weight gradients out again, moves the drain once more, and puts them back
// into the slots that are free then.  Between and after, idle slots are closed.

#include "schedules/v_block.h"

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <utility>

#include "schedules/build.h"

namespace plumbline {
namespace {

using Times = std::vector<int>;  // [micro-batches] slots of one kind, ascending
// Of one rank: the four VKinds, then one or two lists of weight gradients.
using RankTimes = std::vector<Times>;

constexpr int kWeight = 4;

// One operation in the order in which passes visit them: by slot, rank, kind, micro-batch.
struct Visit {
  int slot, rank, kind, mb;
  friend bool operator<(const Visit& a, const Visit& b) {
    return std::tie(a.slot, a.rank, a.kind, a.mb) < std::tie(b.slot, b.rank, b.kind, b.mb);
  }
};

std::vector<Visit> visits(const std::vector<RankTimes>& times) {
  std::vector<Visit> all;
  for (int rank = 0; rank < static_cast<int>(times.size()); ++rank) {
    for (int kind = 0; kind < static_cast<int>(times[rank].size()); ++kind) {
      const Times& list = times[rank][kind];
      for (int mb = 0; mb < static_cast<int>(list.size()); ++mb) {
        all.push_back({list[mb], rank, kind, mb});
      }
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

// kind by slot, -1 where free.
std::vector<std::int8_t> occupation(const RankTimes& rank, int slots) {
  std::vector<std::int8_t> kind_at(slots, -1);
  for (int kind = 0; kind < static_cast<int>(rank.size()); ++kind) {
    for (const int slot : rank[kind]) kind_at[slot] = static_cast<std::int8_t>(kind);
  }
  return kind_at;
}

bool is_gradient(int kind) { return kind == kGradientUp || kind == kGradientDown; }

// Puts a waiting weight gradient into every free slot, the rest behind the last operation; `split`
// keeps those of the way up and down in lists of their own, the way up first.
void put_weight_grads(RankTimes& rank, bool split) {
  int end = 0;
  for (const Times& list : rank) end = std::max(end, list.back() + 1);
  const std::vector<std::int8_t> kind_at = occupation(rank, end);
  int waiting[2] = {0, 0};
  rank.resize(split ? 6 : 5);
  const auto put_one = [&](int slot) {
    for (int list = 0; list < 2; ++list) {
      if (waiting[list] == 0) continue;
      --waiting[list];
      rank[kWeight + list].push_back(slot);
      return;
    }
  };
  for (int slot = 0; slot < end; ++slot) {
    if (is_gradient(kind_at[slot])) {
      ++waiting[split && kind_at[slot] == kGradientDown ? 1 : 0];
    } else if (kind_at[slot] < 0) {
      put_one(slot);
    }
  }
  while (waiting[0] + waiting[1] > 0) put_one(end++);
}

// Memory of one rank, slot by slot.  Without weight gradients in the row, every free slot is taken
// to free one activation whose gradient is there.
class Memory {
 public:
  Memory(const RankTimes& rank, int slots) : kind_at_(occupation(rank, slots)), before_(slots + 1) {
    for (int slot = 0; slot < slots; ++slot) {
      before_[slot + 1] = after(before_[slot], kind_at_[slot], rank.size() > kWeight);
      peak_ = std::max(peak_, before_[slot + 1].live);
    }
    has_weights_ = rank.size() > kWeight;
  }

  int peak() const { return peak_; }
  bool is_free(int slot) const { return kind_at_[slot] < 0; }

  // Moves what stands at `from` to the free slot `to` < `from`, unless that would lift the rank
  // above `limit`.
  bool move(int from, int to, int limit) {
    std::swap(kind_at_[from], kind_at_[to]);
    State state = before_[to];
    int slot = to;
    const int slots = static_cast<int>(kind_at_.size());
    for (; slot < slots; ++slot) {
      if (slot > from && state == before_[slot]) break;
      state = after(state, kind_at_[slot], has_weights_);
      if (state.live > limit) {
        std::swap(kind_at_[from], kind_at_[to]);
        return false;
      }
    }
    for (int s = to; s < slot; ++s) before_[s + 1] = after(before_[s], kind_at_[s], has_weights_);
    return true;
  }

 private:
  struct State {
    int live = 0;
    int waiting = 0;
    friend bool operator==(const State&, const State&) = default;
  };
  static State after(State state, int kind, bool has_weights) {
    if (kind == kForwardDown || kind == kForwardUp) ++state.live;
    if (is_gradient(kind)) ++state.waiting;
    if (kind == kWeight) --state.live;
    if (kind < 0 && !has_weights && state.waiting > 0) {
      --state.live;
      --state.waiting;
    }
    return state;
  }

  std::vector<std::int8_t> kind_at_;
  std::vector<State> before_;  // [slots + 1]
  int peak_ = 0;
  bool has_weights_ = false;
};

// The slot after which an operation may run, given where everything else stands.
int latest_input(const std::vector<RankTimes>& times, const std::vector<Times>& gradients,
                 const Visit& v) {
  const int ranks = static_cast<int>(times.size());
  int latest = -1;
  const auto wait_for = [&](int rank, int kind, int mb) {
    latest = std::max(latest, times[rank][kind][mb]);
  };
  const bool downwards = v.kind == kForwardDown || v.kind == kGradientUp;
  if (downwards && v.rank > 0) wait_for(v.rank - 1, v.kind, v.mb);
  if ((v.kind == kForwardUp || v.kind == kGradientDown) && v.rank + 1 < ranks) {
    wait_for(v.rank + 1, v.kind, v.mb);
  }
  if (v.kind > 0 && v.kind < kWeight) wait_for(v.rank, v.kind - 1, v.mb);
  if (v.kind == kWeight) latest = std::max(latest, gradients[v.rank][v.mb]);
  if (v.mb > 0) wait_for(v.rank, v.kind, v.mb - 1);
  return latest;
}

// Closes idle slots: every operation starts when its inputs and its rank allow, order unchanged.
std::vector<RankTimes> close_gaps(std::vector<RankTimes> times) {
  const std::vector<Visit> order = visits(times);
  std::vector<int> rank_end(times.size(), -1);
  const std::vector<Times> none(times.size());
  for (const Visit& v : order) {
    int latest = rank_end[v.rank];
    if (v.kind < kWeight) latest = std::max(latest, latest_input(times, none, v));
    times[v.rank][v.kind][v.mb] = rank_end[v.rank] = latest + 1;
  }
  return times;
}

std::vector<RankTimes> reorder(std::vector<RankTimes> times, bool with_weights) {
  if (with_weights) {
    for (RankTimes& rank : times) put_weight_grads(rank, false);
  }
  const std::vector<Visit> order = visits(times);
  const int slots = order.back().slot + 1;
  const int last_mb = static_cast<int>(times[0][kForwardDown].size()) - 1;
  std::vector<Memory> memory;
  std::vector<Times> gradients;  // [ranks] of both directions, ascending
  int limit = 0;
  for (const RankTimes& rank : times) {
    memory.emplace_back(rank, slots);
    limit = std::max(limit, memory.back().peak());
    gradients.push_back(rank[kGradientUp]);
    gradients.back().insert(gradients.back().end(), rank[kGradientDown].begin(),
                            rank[kGradientDown].end());
    std::ranges::sort(gradients.back());
  }

  enum { kRampUp, kSteady, kDrain } phase = kRampUp;
  for (const Visit& v : order) {
    if (phase == kRampUp && v.kind == kGradientDown && v.rank == 0) phase = kSteady;
    if (phase == kSteady) {
      if (v.kind == kForwardDown && v.mb == last_mb) phase = kDrain;
      continue;
    }
    if (phase == kRampUp && !with_weights) continue;
    for (int slot = latest_input(times, gradients, v) + 1; slot < v.slot; ++slot) {
      if (!memory[v.rank].is_free(slot) || !memory[v.rank].move(v.slot, slot, limit)) continue;
      times[v.rank][v.kind][v.mb] = slot;
      if (is_gradient(v.kind)) {
        Times& list = gradients[v.rank];
        *std::ranges::lower_bound(list, v.slot) = slot;
        std::ranges::sort(list);
      }
      break;
    }
  }
  if (!with_weights) {
    for (RankTimes& rank : times) put_weight_grads(rank, false);
  }
  return close_gaps(std::move(times));
}

Op to_op(const Visit& v, int ranks) {
  const int down = v.rank;
  const int up = 2 * ranks - 1 - v.rank;
  switch (v.kind) {
    case kForwardDown:
      return forward(down, v.mb);
    case kForwardUp:
      return forward(up, v.mb);
    case kGradientUp:
      return input_grad(up, v.mb);
    case kGradientDown:
      return input_grad(down, v.mb);
    case kWeight:
      return weight_grad(up, v.mb);
    default:
      return weight_grad(down, v.mb);
  }
}

void drop_weight_grads(std::vector<RankTimes>& times) {
  for (RankTimes& rank : times) rank.resize(kWeight);
}

}  // namespace

std::vector<std::vector<Op>> squeeze(const VBlock& block, const PipelineShape& shape) {
  constexpr int kPeriod = 6;
  std::vector<RankTimes> times;
  for (const std::array<int, 4>& slots : block) {
    RankTimes& rank = times.emplace_back();
    for (const int slot : slots) {
      Times& list = rank.emplace_back();
      for (int mb = 0; mb < shape.microbatches; ++mb) list.push_back(slot + kPeriod * mb);
    }
  }
  times = reorder(std::move(times), true);
  drop_weight_grads(times);
  times = reorder(std::move(times), false);
  drop_weight_grads(times);
  for (RankTimes& rank : times) put_weight_grads(rank, true);

  std::vector<std::vector<Op>> rows(shape.ranks());
  for (const Visit& v : visits(times)) rows[v.rank].push_back(to_op(v, shape.ranks()));
  return rows;
}

}  // namespace plumbline
