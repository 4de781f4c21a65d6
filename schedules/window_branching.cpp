#include "schedules/window_branching.h"

#include <utility>

namespace plumbline {
namespace {

// Windows without a deadline say nothing and are not halved.
constexpr Ticks kLongest = kNoDeadline / 4;

class Branch {
 public:
  Branch(WindowSolver& solver, const JobShop& shop, double budget)
      : solver_(solver), shop_(shop), end_(solver.work() + budget) {}

  Branching run(Windows& windows) {
    const std::size_t at = narrowest(windows);
    if (at == shop_.operations()) return Branching::kOpen;
    const Ticks duration = shop_.chains[at / shop_.microbatches].duration;
    const Ticks last = windows.due[at] - duration;
    const Ticks middle = windows.head[at] + (last - windows.head[at]) / 2;
    for (const bool early : {true, false}) {
      if (solver_.work() > end_) return Branching::kGaveUp;
      Windows half = windows;
      (early ? half.due[at] : half.head[at]) = early ? middle + duration : middle + 1;
      if (!solver_.tighten(half)) continue;
      const Branching below = run(half);
      if (below == Branching::kOpen) windows = std::move(half);
      if (below != Branching::kRefuted) return below;
    }
    return Branching::kRefuted;
  }

 private:
  // The operation with the least room that has some, the first of those.
  std::size_t narrowest(const Windows& windows) const {
    std::size_t chosen = shop_.operations();
    Ticks least = kLongest;
    for (std::size_t at = 0; at < windows.head.size(); ++at) {
      const Ticks room =
          windows.due[at] - windows.head[at] - shop_.chains[at / shop_.microbatches].duration;
      if (room > 0 && room < least) {
        least = room;
        chosen = at;
      }
    }
    return chosen;
  }

  WindowSolver& solver_;
  const JobShop& shop_;
  double end_;
};

}  // namespace

Branching refute(WindowSolver& solver, const JobShop& shop, Windows& windows, double budget) {
  return Branch(solver, shop, budget).run(windows);
}

}  // namespace plumbline
