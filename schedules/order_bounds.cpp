#include "schedules/order_bounds.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "schedules/bounds.h"
#include "schedules/crossing_branching.h"
#include "schedules/crossing_layers.h"
#include "schedules/window_branching.h"

namespace plumbline {
namespace {

// Costs of many digits are searched to a part in this many.
constexpr Ticks kResolution = 4096;
// What branching on one separation may spend at first; four times as much whenever all were looked
// at, and the share of its budget that branching on the pipeline itself spends on a first look.
constexpr double kFirstProbe = 1e4;
constexpr double kBranchShare = 1.0 / 64;
// With so much work layers show whether they pay.
constexpr double kLayerBudget = 2e6;
constexpr double kNoBudget = 1e18;

// What ends by some time could as well do everything so much later: the windows of `end + by` from
// those of `end`.
Windows moved(Windows windows, Ticks by) {
  for (Ticks& due : windows.due) due += by;
  return windows;
}

UnitCosts in_ticks(const JobShop& shop) {
  UnitCosts costs;
  const int stages = shop.stages();
  for (int s = 0; s < stages; ++s) {
    costs.forward_by_stage.push_back(static_cast<double>(shop.chains[s].duration));
    costs.input_grad_by_stage.push_back(static_cast<double>(shop.chains[stages + s].duration));
    costs.weight_grad_by_stage.push_back(static_cast<double>(shop.chains[2 * stages + s].duration));
  }
  costs.comm_by_stage.assign(stages > 1 ? stages - 1 : 0, 0.0);
  for (int c = 1; c < stages; ++c) {
    const Chain::Link& from = shop.chains[c].inputs.front();
    costs.comm_by_stage[c - 1] = static_cast<double>(from.delay);
  }
  return costs;
}

}  // namespace

BoundFinder::BoundFinder(const JobShop& shop, const Schedule& placed)
    : shop_(shop),
      solver_(shop),
      separation_{0, shop.chains[0].duration},
      layers_pay_(shop.chunks == 1 && shop.limits[0] < shop.ranks) {
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
Ticks BoundFinder::first_not_refuted(Ticks from, Ticks most, Ticks step, Ticks stride,
                                     double budget, const std::function<bool(Ticks)>& not_refuted) {
  const double end = work() + budget;
  Ticks low = from - 1;  // refuted, or below what is known
  Ticks high = from;
  for (stride = std::max(step, stride); high < most && !not_refuted(high); stride *= 2) {
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
  // Not in ticks from below where a known order tells how far it can be at most.
  const Ticks first = most < kNoDeadline / 4 ? (most - value_) / 8 : step;
  const Ticks raised = first_not_refuted(value_, most, step, first, budget,
                                         [&](Ticks end) { return windows_for(end).has_value(); });
  if (raised > value_) {
    value_ = raised;
    by_ = branched_ ? "B5" : cuts_ ? "B4" : "B3";
  }
}

// Layer by layer, where memory decides and few micro-batches are alive.  Not any more once states
// outgrow what a budget allows before the pipeline has filled twice.
std::optional<Windows> BoundFinder::branch_in_layers(const Windows& widest, Ticks latest,
                                                     double budget) {
  const double end = work() + budget;
  const Ticks step = std::max<Ticks>(1, value_ / (16 * kResolution));
  Ticks stride = std::max(step, (latest + 1 - value_) / 16);
  while (value_ <= latest && work() < end) {
    const Ticks last = std::min(latest, value_ + stride - 1);
    Windows windows = moved(widest, last - latest);
    LayerSearch layers = search_layers(shop_, windows, end - work());
    work_ += layers.work;
    if (layers.found == Branching::kRefuted) {
      branched_ = true;
      refuted_up_to(last);
      continue;
    }
    if (layers.found == Branching::kOpen) {
      std::optional<Windows> order = windows_of(std::move(layers.before), std::move(windows));
      if (order) return order;
    } else if (budget >= kLayerBudget && layers.layers < 2 * shop_.limits[0]) {
      layers_pay_ = false;
    }
    if (stride == step) break;
    stride = std::max(step, stride / 4);
  }
  return std::nullopt;
}

Branching BoundFinder::refuted(Windows& windows, double budget) {
  if (shop_.chunks == 1) {
    const CrossingSearch crossings = search_crossings(shop_, separation_, windows, budget);
    work_ += crossings.work;
    if (crossings.found != Branching::kOpen) return crossings.found;
  }
  if (!solver_.tighten(windows)) return Branching::kRefuted;
  return refute(solver_, shop_, windows, budget);
}

void BoundFinder::refuted_up_to(Ticks end) {
  if (end < value_) return;
  value_ = end + 1;
  by_ = branched_ ? "B5" : cuts_ ? "B4" : "B3";
}

std::optional<Windows> BoundFinder::branch(Ticks most, double budget) {
  if (value_ >= most) return std::nullopt;
  const double end = work() + budget;
  const Ticks latest = most - 1;
  const std::optional<Windows> widest = windows_for(latest);
  if (!widest) {
    refuted_up_to(latest);
    return std::nullopt;
  }
  if (layers_pay_) {
    std::optional<Windows> open = branch_in_layers(*widest, latest, 0.8 * budget);
    if (open || value_ >= most) return open;
  }
  const Ticks step = std::max<Ticks>(1, value_ / (16 * kResolution));
  Ticks stride = step;
  double probe = kBranchShare * budget;
  while (value_ < most && work() < end) {
    // The last tick that the next step would leave behind.
    const Ticks last = std::min(most, value_ + stride) - 1;
    Windows windows = moved(*widest, last - latest);
    const Branching found = refuted(windows, std::min(probe, end - work()));
    if (found == Branching::kOpen) return windows;
    if (found == Branching::kRefuted) {
      branched_ = true;
      refuted_up_to(last);
      stride *= 2;
    } else {
      // Nearer to what is known is easier to refute.
      if (stride == step) probe *= 4;
      stride = std::max(step, stride / 4);
    }
  }
  return std::nullopt;
}

std::optional<Windows> BoundFinder::dive(Windows windows, Ticks end_of_windows, Ticks end,
                                         double budget, std::uint64_t seed) {
  CrossingSearch crossings = search_crossings(
      shop_, separation_, moved(std::move(windows), end - end_of_windows), budget, seed);
  work_ += crossings.work;
  if (crossings.found == Branching::kRefuted) {
    branched_ = true;
    refuted_up_to(end);
  }
  if (crossings.found != Branching::kOpen) return std::nullopt;
  return std::move(crossings.windows);
}

std::optional<Windows> BoundFinder::windows_of(std::vector<int> before, Windows within) {
  within.least_before = within.most_before = std::move(before);
  CrossingSearch crossings = search_crossings(shop_, separation_, within, kNoBudget);
  work_ += crossings.work;
  if (crossings.found != Branching::kOpen) return std::nullopt;
  return std::move(crossings.windows);
}

Ticks BoundFinder::implied_separation(int n) const {
  Ticks least = 0;
  for (int a = 1; 2 * a <= n; ++a) least = std::max(least, separation_[a] + separation_[n - a]);
  return least;
}

// By windows, or by branching from windows that say nothing yet.
void BoundFinder::raise_separation(int n, bool by_windows, double budget) {
  const JobShop few = with_microbatches(shop_, n + 1);
  WindowSolver solver(few);
  solver.set_separation(separation_);
  // Once F(0, n) has started, the rest of any order can be done one operation after the other.
  Ticks rest = 0;
  for (const Chain& chain : few.chains) {
    rest += chain.duration;
    for (const Chain::Link& in : chain.inputs) rest += in.delay;
  }
  rest *= few.microbatches;
  bool gave_up = false;
  const auto not_refuted = [&](Ticks start) {
    Windows windows = solver.open(start + rest);
    windows.due[n] = start + few.chains[0].duration;
    if (by_windows) {
      const double before = solver.work();
      const bool keeps = solver.tighten(windows);
      work_ += solver.work() - before;
      return keeps;
    }
    const CrossingSearch crossings = search_crossings(few, separation_, windows, probe_);
    work_ += crossings.work;
    gave_up = gave_up || crossings.found == Branching::kGaveUp;
    branched_ = branched_ || crossings.found == Branching::kRefuted;
    return crossings.found != Branching::kRefuted;
  };
  const Ticks step = std::max<Ticks>(1, separation_[n] / kResolution);
  const Ticks raised = first_not_refuted(separation_[n], kNoDeadline, step,
                                         few.chains[0].duration / 2, budget, not_refuted);
  cuts_ = cuts_ || raised > separation_[n];
  separation_[n] = raised;
  settled_[n] = !by_windows && !gave_up;
}

void BoundFinder::find_separations(double budget) {
  const double end = work() + budget;
  const int first = std::max(2, shop_.limits[0] / shop_.chunks);
  // Weight gradients in the gaps decide where memory is ample, and windows see them; where memory
  // is scarce, the order of forwards and input gradients does.
  const int pass_of_windows = shop_.chunks > 1 || shop_.limits[0] >= shop_.ranks ? 0 : 1;
  while (work() < end) {
    const bool by_windows = passes_ == pass_of_windows;
    if (passes_ > 0 && shop_.chunks > 1) break;
    bool all_settled = !by_windows;
    for (; next_ < shop_.microbatches && work() < end; ++next_) {
      const int n = next_;
      if (n >= static_cast<int>(separation_.size())) {
        separation_.push_back(0);
        settled_.resize(n + 1, 0);
      }
      separation_[n] = std::max(separation_[n], implied_separation(n));
      if (n < first || settled_[n]) continue;
      all_settled = false;
      probe_ = kFirstProbe * std::pow(4.0, passes_);
      raise_separation(n, by_windows, end - work());
    }
    if (next_ < shop_.microbatches) break;
    next_ = 2;
    ++passes_;
    if (all_settled) break;
  }
  solver_.set_separation(separation_);
}

}  // namespace plumbline
