// Time windows: when could each operation run, if everything is to be done by a given time?
//
// Two deductions, repeated until nothing moves.  Along the precedence of chains: an operation
// starts after its inputs and ends before its outputs.  On each rank: a dynamic programme over how
// many F, I and W have run (w, i - w, f - i), with at most `limit` forwards that have no W yet.  In
// one such state being earlier is never worse, so the programme is exact for its rank: it finds
// the earliest start and the latest end of every operation in any order that keeps all windows.
// An operation that has no room left refutes the given time.
//
// With several chunks per rank the operations of a kind are pooled: the n-th to run has the n-th
// smallest head and the n-th smallest deadline of that kind, and the shortest duration.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "schedules/job_shop.h"

namespace plumbline {

struct Windows {
  TickTimes head;  ///< [chains][micro-batches] earliest start
  TickTimes due;   ///< [chains][micro-batches] latest end
  /// [stages][micro-batches] how many input gradients of its stage run before F(s, m), at least and
  /// at most; empty with several chunks per rank.
  std::vector<int> least_before, most_before;
};

/// Larger than any time and small enough to be added to.
constexpr Ticks kNoDeadline = std::int64_t{1} << 60;

/// The separations that two smaller ones do not imply, with their n < `microbatches`.
std::vector<std::pair<int, Ticks>> binding_separations(const std::vector<Ticks>& separation,
                                                       int microbatches);

class WindowSolver {
 public:
  explicit WindowSolver(const JobShop& shop);

  /// starts of F(0, k + n) and F(0, k) are `separation[n]` apart at least; entry 0 is unused.
  void set_separation(const std::vector<Ticks>& separation);

  /// Everything may run from 0 on and must end by `end`.
  Windows open(Ticks end) const;

  /// Narrows the windows as far as the deductions go.
  /// @returns false when no order keeps them; the windows are then of no use
  bool tighten(Windows& windows);

  /// States and links looked at so far: the work that budgets count.
  double work() const { return work_; }

 private:
  bool propagate(Windows& windows, std::vector<char>& touched);
  bool propagate_heads(Windows& windows, std::vector<char>& touched);
  bool propagate_dues(Windows& windows, std::vector<char>& touched);
  bool tighten_rank(int rank, Windows& windows, bool& changed);
  void pool(int rank, const Windows& windows);
  bool unpool(int rank, Windows& windows, bool& changed);
  bool cross(int rank, Windows& windows, std::vector<char>& touched);
  bool run_forward(int limit);
  bool run_backward(int limit);

  const JobShop& shop_;
  std::vector<int> order_;                  // chains, inputs before users
  std::vector<std::pair<int, Ticks>> lag_;  // of F(0, .): n and the least distance
  double work_ = 0.0;

  // Of the rank at hand; kinds F, I, W.
  int count_ = 0;  // operations of a kind
  Ticks duration_[3] = {};
  std::vector<Ticks> head_[3], due_[3];          // by index of the kind, pooled
  std::vector<Ticks> new_head_[3], new_due_[3];  // what the programme finds
  std::vector<Ticks> earliest_;                  // [w][i - w][f - i] when the state is reached
  std::vector<Ticks> latest_[2];                 // of layer w and w + 1
  std::vector<int> row_;                         // of i - w in a layer
  const int* least_ = nullptr;                   // input gradients before F, by index
  const int* most_ = nullptr;
  std::vector<int> new_least_, new_most_;
};

}  // namespace plumbline
