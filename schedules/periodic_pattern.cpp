#include "schedules/periodic_pattern.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace plumbline {
namespace {

constexpr int kPlaces = 6;  // tried for an operation: the first ones that are free

Ticks modulo(Ticks time, Ticks period) {
  const Ticks rest = time % period;
  return rest < 0 ? rest + period : rest;
}

Ticks floor_div(Ticks a, Ticks b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// A place in a rank's period: [from, from + duration), from < period.
struct Taken {
  Ticks from, duration;
};

struct Partial {
  TickTimes starts;                       // [chains], of the operations placed so far
  std::vector<std::vector<Taken>> taken;  // [ranks] by place
  Ticks score = 0;
  Ticks longest = 0;
};

class BlockSearch {
 public:
  BlockSearch(const JobShop& shop, Ticks period, int width, double& work)
      : shop_(shop), period_(period), width_(width), work_(work) {
    const int stages = shop.stages();
    for (int s = 0; s < stages; ++s) way_.push_back(s);
    for (int s = stages - 1; s >= 0; --s) way_.push_back(stages + s);
    reach_.assign(way_.size(), 0);
    for (std::size_t k = 1; k < way_.size(); ++k) {
      reach_[k] = reach_[k - 1] + shop.chains[way_[k - 1]].duration + delay(k);
    }
  }

  std::optional<PeriodicPattern> run() {
    std::vector<Partial> beam(1);
    beam[0].starts.assign(shop_.chains.size(), -1);
    beam[0].taken.resize(shop_.ranks);
    for (std::size_t k = 0; k < way_.size() && !beam.empty(); ++k) {
      std::vector<Partial> next;
      for (const Partial& each : beam) extend(each, k, next);
      const auto better = [](const Partial& a, const Partial& b) {
        return std::pair(a.longest, a.score) < std::pair(b.longest, b.score);
      };
      std::ranges::stable_sort(next, better);
      if (next.size() > static_cast<std::size_t>(width_)) next.resize(width_);
      beam = std::move(next);
    }
    std::optional<PeriodicPattern> best;
    int least = 0;
    for (Partial& each : beam) {
      if (!place_weight_grads(each)) continue;
      const int over = over_limit(each);
      if (best && over >= least) continue;
      least = over;
      best = PeriodicPattern{period_, each.starts, over == 0};
    }
    return best;
  }

 private:
  // From the operation before to the k-th of the way.
  Ticks delay(std::size_t k) const {
    for (const Chain::Link& in : shop_.chains[way_[k]].inputs) {
      if (in.chain == way_[k - 1]) return in.delay;
    }
    return 0;
  }

  // The first time from `ready` on at which the rank's period has room for `duration`.
  std::optional<Ticks> first_fit(const std::vector<Taken>& taken, Ticks ready,
                                 Ticks duration) const {
    if (duration > period_) return std::nullopt;
    Ticks time = ready;
    for (std::size_t tries = 0; tries <= 2 * taken.size() + 1; ++tries) {
      bool moved = false;
      const Ticks at = modulo(time, period_);
      for (const Taken& other : taken) {
        // The other place comes next in the period, or covers the time.
        const Ticks ahead = modulo(other.from - at, period_);
        const Ticks since = modulo(at - other.from, period_);
        if (since < other.duration) {
          time += other.duration - since;
          moved = true;
          break;
        }
        if (ahead < duration) {
          time += ahead + other.duration;
          moved = true;
          break;
        }
      }
      if (!moved) return time;
    }
    return std::nullopt;
  }

  // Whether what the rank still has to place finds room, the longest first.
  bool leaves_room(const Partial& partial, int rank) const {
    std::vector<Taken> taken = partial.taken[rank];
    std::vector<Ticks> rest;
    for (const int c : shop_.of_rank[rank]) {
      if (partial.starts[c] < 0) rest.push_back(shop_.chains[c].duration);
    }
    std::ranges::sort(rest, std::greater<>());
    for (const Ticks duration : rest) {
      // Behind some place that is taken, where the gap is the narrowest that will do.
      const Taken* chosen = nullptr;
      Ticks narrowest = 0;
      for (const Taken& each : taken) {
        const Ticks end = each.from + each.duration;
        Ticks gap = period_ - each.duration;
        for (const Taken& other : taken) {
          if (&other != &each) gap = std::min(gap, modulo(other.from - end, period_));
        }
        if (gap < duration || (chosen && gap >= narrowest)) continue;
        chosen = &each;
        narrowest = gap;
      }
      if (taken.empty()) {
        taken.push_back({0, duration});
      } else if (chosen) {
        taken.push_back({modulo(chosen->from + chosen->duration, period_), duration});
      } else {
        return false;
      }
    }
    return true;
  }

  void extend(const Partial& from, std::size_t k, std::vector<Partial>& next) {
    const int c = way_[k];
    const Chain& chain = shop_.chains[c];
    const std::vector<Taken>& taken = from.taken[chain.rank];
    Ticks ready = 0;
    if (k > 0) {
      ready = from.starts[way_[k - 1]] + shop_.chains[way_[k - 1]].duration + delay(k);
    }
    std::vector<Ticks> candidates;
    Ticks time = ready;
    for (int tries = 0; tries < kPlaces; ++tries) {
      const auto fit = first_fit(taken, time, chain.duration);
      if (!fit || *fit >= ready + period_) break;
      candidates.push_back(*fit);
      // Right before the next place that is taken, and behind it.
      Ticks gap = period_;
      for (const Taken& other : taken) {
        gap = std::min(gap, modulo(other.from - *fit - chain.duration, period_));
      }
      if (taken.empty()) break;
      if (gap > 0) candidates.push_back(*fit + gap);
      time = *fit + gap + chain.duration;
    }
    for (const Ticks start : candidates) {
      work_ += 4.0 * static_cast<double>(shop_.chains.size());
      Partial more = from;
      place(more, c, start);
      if (!leaves_room(more, chain.rank)) continue;
      rate(more, k);
      next.push_back(std::move(more));
      if (k == 0) break;
    }
  }

  void place(Partial& partial, int c, Ticks start) const {
    partial.starts[c] = start;
    partial.taken[shop_.chains[c].rank].push_back(
        {modulo(start, period_), shop_.chains[c].duration});
  }

  // How long the activations of a rank live together, at least.
  void rate(Partial& partial, std::size_t k) const {
    const int stages = shop_.stages();
    const Ticks now = partial.starts[way_[k]];
    partial.longest = partial.score = 0;
    std::vector<Ticks> lives(shop_.ranks, 0);
    for (int s = 0; s < stages; ++s) {
      const std::size_t there = s, back = 2 * stages - 1 - s;
      const auto at = [&](std::size_t j) {
        return j <= k ? partial.starts[way_[j]] : now + reach_[j] - reach_[k];
      };
      lives[shop_.chains[s].rank] += at(back) + shop_.chains[stages + s].duration +
                                     shop_.chains[2 * stages + s].duration - at(there);
    }
    for (int rank = 0; rank < shop_.ranks; ++rank) {
      const Ticks most = period_ * shop_.limits[rank];
      partial.longest = std::max(partial.longest, lives[rank] - most);
      partial.score += lives[rank];
    }
    partial.longest = std::max<Ticks>(0, partial.longest);
  }

  bool place_weight_grads(Partial& partial) const {
    const int stages = shop_.stages();
    for (int rank = 0; rank < shop_.ranks; ++rank) {
      std::vector<int> waiting;
      for (const int c : shop_.of_rank[rank]) {
        if (c >= 2 * stages) waiting.push_back(c);
      }
      std::ranges::sort(waiting, {}, [&](int c) { return partial.starts[c - stages]; });
      for (const int c : waiting) {
        const Ticks ready = partial.starts[c - stages] + shop_.chains[c - stages].duration;
        const auto fit = first_fit(partial.taken[rank], ready, shop_.chains[c].duration);
        if (!fit) return false;
        place(partial, c, *fit);
      }
    }
    return true;
  }

  // By how many activations the ranks are over their limits, all together.
  int over_limit(const Partial& partial) const {
    const int stages = shop_.stages();
    int over = 0;
    for (int rank = 0; rank < shop_.ranks; ++rank) {
      int peak = 0;
      for (const int from : shop_.of_rank[rank]) {
        if (from >= stages) continue;
        const Ticks now = partial.starts[from];
        Ticks live = 0;
        for (const int c : shop_.of_rank[rank]) {
          if (c >= stages) continue;
          const int w = c + 2 * stages;
          const Ticks end = partial.starts[w] + shop_.chains[w].duration;
          live += floor_div(now - partial.starts[c], period_) - floor_div(now - end, period_);
        }
        peak = std::max(peak, static_cast<int>(live));
      }
      over += std::max(0, peak - shop_.limits[rank]);
    }
    return over;
  }

  const JobShop& shop_;
  Ticks period_;
  int width_;
  double& work_;
  std::vector<int> way_;      // chains in the order in which a micro-batch visits them
  std::vector<Ticks> reach_;  // from the first's start, without waiting
};

}  // namespace

std::optional<PeriodicPattern> periodic_pattern(const JobShop& shop, Ticks period, int width,
                                                double& work) {
  return BlockSearch(shop, period, width, work).run();
}

Ticks shortest_period(const JobShop& shop) {
  std::vector<Ticks> busy(shop.ranks, 0);
  for (const Chain& chain : shop.chains) busy[chain.rank] += chain.duration;
  // Where only hops take time, any period will do.
  return std::max<Ticks>(1, std::ranges::max(busy));
}

}  // namespace plumbline
