#include "schedules/order_bounds.h"

#include <algorithm>

#include "schedules/bounds.h"
#include "schedules/window_branching.h"

namespace plumbline {
namespace {

// Costs of many digits are searched to a part in this many.
constexpr Ticks kResolution = 4096;
// Separations of more micro-batches are not worth branching for, nor is much of the budget.
constexpr int kBranchUpTo = 24;
constexpr double kBranchShare = 0.004;

UnitCosts in_ticks(const JobShop& shop) {
  UnitCosts costs;
  const int stages = shop.stages();
  for (int s = 0; s < stages; ++s) {
    costs.forward_by_stage.push_back(static_cast<double>(shop.chains[s].duration));
    costs.input_grad_by_stage.push_back(static_cast<double>(shop.chains[stages + s].duration));
    costs.weight_grad_by_stage.push_back(static_cast<double>(shop.chains[2 * stages + s].duration));
  }
  // Where hops differ, the shortest bounds them all.
  std::optional<Ticks> hop;
  for (const Chain& chain : shop.chains) {
    for (const Chain::Link& in : chain.inputs) {
      if (shop.chains[in.chain].rank == chain.rank) continue;
      hop = std::min(hop.value_or(in.delay), in.delay);
    }
  }
  costs.comm = static_cast<double>(hop.value_or(0));
  return costs;
}

}  // namespace

BoundFinder::BoundFinder(const JobShop& shop, const Schedule& placed)
    : shop_(shop), solver_(shop), separation_{0, shop.chains[0].duration} {
  Schedule counted = placed;
  for (int rank = 0; rank < shop.ranks; ++rank) {
    counted.ranks[rank].clear();
    for (const int c : shop.of_rank[rank]) {
      Op op = shop.chains[c].op;
      for (op.microbatch = 0; op.microbatch < shop.microbatches; ++op.microbatch) {
        counted.ranks[rank].push_back(op);
      }
    }
  }
  const int limit = std::ranges::max(shop.limits);
  value_ = static_cast<Ticks>(makespan_lower_bound(counted, in_ticks(shop), limit));
  work_ += static_cast<double>(shop.operations());
}

std::string BoundFinder::by() const {
  if (shop_.chunks > 1 && by_[1] != '0') return "B7";
  return by_;
}

std::optional<Windows> BoundFinder::windows_for(Ticks end) {
  Windows windows = solver_.open(end);
  if (!solver_.tighten(windows)) return std::nullopt;
  return windows;
}

// The smallest time (to within `step`) from `from` on that is not refuted, at most `most`.
Ticks BoundFinder::first_not_refuted(Ticks from, Ticks most, Ticks step, double budget,
                                     const std::function<bool(Ticks)>& not_refuted) {
  const double end = work() + budget;
  Ticks low = from - 1;  // refuted, or below what is known
  Ticks high = from;
  for (Ticks stride = step; high < most && !not_refuted(high); stride *= 2) {
    low = high;
    high = std::min(most, high + stride);
    if (work() > end) return low + 1;
  }
  while (high - low > step) {
    const Ticks middle = low + (high - low) / 2;
    if (not_refuted(middle)) {
      high = middle;
    } else {
      low = middle;
    }
    if (work() > end) break;
  }
  return low + 1;
}

void BoundFinder::raise(Ticks most, double budget) {
  if (value_ >= most) return;
  const Ticks step = std::max<Ticks>(1, value_ / (16 * kResolution));
  const Ticks raised = first_not_refuted(value_, most, step, budget,
                                         [&](Ticks end) { return windows_for(end).has_value(); });
  if (raised > value_) {
    value_ = raised;
    by_ = branched_ ? "B5" : cuts_ ? "B4" : "B3";
  }
}

std::optional<Windows> BoundFinder::branch(Ticks most, double budget) {
  const double end = work() + budget;
  const Ticks step = std::max<Ticks>(1, value_ / (16 * kResolution));
  while (value_ < most && work() < end) {
    // The last tick that the next step would leave behind.
    const Ticks last = std::min(most, value_ + step) - 1;
    std::optional<Windows> windows = windows_for(last);
    if (windows) {
      const Branching found = refute(solver_, shop_, *windows, end - work());
      if (found == Branching::kOpen) return windows;
      if (found == Branching::kGaveUp) return std::nullopt;
      branched_ = true;
    }
    value_ = last + 1;
    by_ = branched_ ? "B5" : cuts_ ? "B4" : "B3";
  }
  return std::nullopt;
}

Ticks BoundFinder::least_separation(int n, Ticks at_least, double budget) {
  const JobShop few = with_microbatches(shop_, n + 1);
  WindowSolver solver(few);
  solver.set_separation(separation_);
  const double before = work_;
  // Once F(0, n) has started, the rest of any order can be done one operation after the other.
  Ticks rest = 0;
  for (const Chain& chain : few.chains) {
    rest += chain.duration;
    for (const Chain::Link& in : chain.inputs) rest += in.delay;
  }
  rest *= few.microbatches;
  const auto not_refuted = [&](Ticks start) {
    Windows windows = solver.open(start + rest);
    windows.due[n] = start + few.chains[0].duration;
    bool keeps = solver.tighten(windows);
    if (keeps && n <= kBranchUpTo) {
      keeps = refute(solver, few, windows, budget * kBranchShare) != Branching::kRefuted;
      branched_ = branched_ || !keeps;
    }
    work_ = before + solver.work();
    return keeps;
  };
  const Ticks step = std::max<Ticks>(1, at_least / kResolution);
  return first_not_refuted(at_least, kNoDeadline, step, budget, not_refuted);
}

void BoundFinder::find_separations(double budget) {
  const double end = work() + budget;
  while (static_cast<int>(separation_.size()) < shop_.microbatches && work() < end) {
    const int n = static_cast<int>(separation_.size());
    Ticks least = 0;
    for (int a = 1; a < n; ++a) least = std::max(least, separation_[a] + separation_[n - a]);
    const Ticks implied = least;
    if (n >= shop_.limits[0] / shop_.chunks) {
      least = least_separation(n, implied, end - work());
    }
    cuts_ = cuts_ || least > implied;
    separation_.push_back(least);
  }
  solver_.set_separation(separation_);
}

}  // namespace plumbline
