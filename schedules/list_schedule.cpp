#include "schedules/list_schedule.h"

#include <algorithm>
#include <limits>

namespace plumbline {
namespace {

constexpr Ticks kNever = std::numeric_limits<Ticks>::max();

class ListScheduler {
 public:
  ListScheduler(const JobShop& shop, const TickTimes& priority, const TickTimes* release)
      : shop_(shop),
        priority_(priority),
        release_(release),
        next_(shop.chains.size(), 0),
        earliest_(shop.chains.size(), kNever),
        free_at_(shop.ranks, 0),
        first_end_(shop.ranks, kNever),
        live_(shop.ranks, 0) {
    order_.rows.resize(shop.ranks);
    order_.starts.assign(shop.operations(), kNever);
    for (int rank = 0; rank < shop.ranks; ++rank) {
      order_.rows[rank].reserve(shop.of_rank[rank].size() * shop.microbatches);
      refresh(rank);
    }
  }

  std::optional<ShopOrder> run() {
    for (std::size_t done = 0; done < shop_.operations(); ++done) {
      const int rank = static_cast<int>(std::ranges::min_element(first_end_) - first_end_.begin());
      if (first_end_[rank] == kNever) return std::nullopt;
      put(rank, choose(rank));
    }
    return std::move(order_);
  }

 private:
  std::size_t id(int chain, int mb) const {
    return static_cast<std::size_t>(chain) * shop_.microbatches + mb;
  }

  // What frees what the chain acquires: W of its stage, or F when time runs backwards.
  int partner(int c) const {
    const int others = 2 * shop_.stages();
    return c < others ? c + others : c - others;
  }

  Ticks earliest_start(int c) const {
    const Chain& chain = shop_.chains[c];
    const int mb = next_[c];
    if (mb == shop_.microbatches) return kNever;
    if (chain.acquires > 0 && live_[chain.rank] + 1 + chain.reserve > shop_.limits[chain.rank]) {
      return kNever;
    }
    if (chain.most > 0 && mb - next_[partner(c)] >= chain.most) return kNever;
    Ticks start = free_at_[chain.rank];
    if (release_) start = std::max(start, (*release_)[id(c, mb)]);
    for (const Chain::Link& input : chain.inputs) {
      if (next_[input.chain] <= mb) return kNever;
      start = std::max(start, order_.starts[id(input.chain, mb)] +
                                  shop_.chains[input.chain].duration + input.delay);
    }
    return start;
  }

  void refresh(int rank) {
    Ticks first = kNever;
    for (const int c : shop_.of_rank[rank]) {
      earliest_[c] = earliest_start(c);
      if (earliest_[c] != kNever) first = std::min(first, earliest_[c] + shop_.chains[c].duration);
    }
    first_end_[rank] = first;
  }

  int choose(int rank) const {
    int chosen = -1;
    Ticks best = kNever;
    for (const int c : shop_.of_rank[rank]) {
      if (earliest_[c] == kNever) continue;
      if (earliest_[c] >= first_end_[rank] && shop_.chains[c].duration > 0) continue;
      const Ticks priority = priority_[id(c, next_[c])];
      if (chosen >= 0 && priority >= best) continue;
      chosen = c;
      best = priority;
    }
    return chosen;
  }

  void put(int rank, int c) {
    const Chain& chain = shop_.chains[c];
    const int mb = next_[c]++;
    const Ticks start = earliest_[c];
    order_.starts[id(c, mb)] = start;
    order_.rows[rank].push_back(static_cast<int>(id(c, mb)));
    free_at_[rank] = start + chain.duration;
    order_.makespan = std::max(order_.makespan, free_at_[rank]);
    live_[rank] += chain.acquires - chain.releases;
    refresh(rank);
    for (const Chain::Link& output : chain.outputs) {
      const int other = shop_.chains[output.chain].rank;
      if (other == rank || next_[output.chain] != mb) continue;
      earliest_[output.chain] = earliest_start(output.chain);
      if (earliest_[output.chain] == kNever) continue;
      first_end_[other] = std::min(first_end_[other],
                                   earliest_[output.chain] + shop_.chains[output.chain].duration);
    }
  }

  const JobShop& shop_;
  const TickTimes& priority_;
  const TickTimes* release_;
  ShopOrder order_;
  std::vector<int> next_;
  std::vector<Ticks> earliest_, free_at_, first_end_;
  std::vector<int> live_;
};

}  // namespace

std::optional<ShopOrder> list_schedule(const JobShop& shop, const TickTimes& priority,
                                       const TickTimes* release) {
  return ListScheduler(shop, priority, release).run();
}

}  // namespace plumbline
