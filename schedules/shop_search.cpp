#include "schedules/shop_search.h"

#include <algorithm>
#include <utility>

#include "schedules/hashed.h"
#include "schedules/list_schedule.h"

namespace plumbline {
namespace {

constexpr int kRoundsWithoutGain = 4;

}  // namespace

ShopSearch::ShopSearch(const JobShop& shop, double budget)
    : shop_(shop),
      back_(reversed(shop)),
      budget_(budget),
      pass_work_(static_cast<double>(shop.operations()) * (8.0 + shop.ranks / 4.0)) {
  for (const Chain& chain : shop.chains) longest_ = std::max(longest_, chain.duration);
}

bool ShopSearch::consider(const ShopOrder& order) {
  if (found() && order.makespan >= best_.makespan) return false;
  best_ = order;
  return true;
}

std::optional<ShopOrder> ShopSearch::listed(const JobShop& shop, const TickTimes& priority,
                                            const TickTimes* release) {
  work_ += pass_work_;
  return list_schedule(shop, priority, release);
}

// What starts last starts first when time runs the other way.
TickTimes ShopSearch::mirrored_starts(const JobShop& shop, const ShopOrder& order) {
  TickTimes mirror(order.starts.size());
  const std::size_t total = shop.microbatches;
  for (std::size_t c = 0; c < shop.chains.size(); ++c) {
    for (std::size_t mb = 0; mb < total; ++mb) {
      mirror[c * total + (total - 1 - mb)] =
          order.makespan - order.starts[c * total + mb] - shop.chains[c].duration;
    }
  }
  return mirror;
}

ShopOrder ShopSearch::improve(const ShopOrder& order) {
  ShopOrder now = order, shortest = order;
  for (int stale = 0; stale < kRoundsWithoutGain && !done(); ++stale) {
    const auto late = listed(back_, mirrored_starts(shop_, now));
    if (!late) break;
    auto early = listed(shop_, mirrored_starts(back_, *late));
    if (!early || early->starts == now.starts) break;
    now = std::move(*early);
    consider(now);
    if (now.makespan >= shortest.makespan) continue;
    shortest = now;
    stale = -1;
  }
  return shortest;
}

void ShopSearch::follow(const Windows& windows) {
  const std::size_t total = shop_.microbatches;
  TickTimes latest(windows.due.size()), head(windows.due.size()), back_latest(windows.due.size());
  const Ticks end = std::ranges::max(windows.due);
  for (std::size_t c = 0; c < shop_.chains.size(); ++c) {
    for (std::size_t mb = 0; mb < total; ++mb) {
      const std::size_t at = c * total + mb;
      const std::size_t other = c * total + (total - 1 - mb);
      latest[at] = windows.due[at] - shop_.chains[c].duration;
      head[other] = end - windows.due[at];
      back_latest[other] = end - windows.head[at] - shop_.chains[c].duration;
    }
  }
  for (const TickTimes* release : {&windows.head, static_cast<const TickTimes*>(nullptr)}) {
    if (done()) return;
    if (const auto order = listed(shop_, latest, release)) {
      consider(*order);
      improve(*order);
    }
    if (done()) return;
    if (const auto order = listed(back_, back_latest, release ? &head : nullptr)) {
      const ShopOrder early = mirrored(shop_, *order);
      consider(early);
      improve(early);
    }
  }
}

void ShopSearch::try_pattern(const std::vector<int>& forwards, const std::vector<int>& lag) {
  const int total = shop_.microbatches;
  std::vector<std::vector<int>> rows(shop_.ranks);
  for (int s = 0; s < shop_.ranks; ++s) {
    int f = 0, i = 0, w = 0;
    const auto put = [&](int kind, int& next) {
      rows[s].push_back((kind * shop_.ranks + s) * total + next++);
    };
    while (w < total) {
      if (f < total && f - i < forwards[s] && f - w < shop_.limits[s]) {
        put(0, f);
      } else if (i < f && (i - w <= lag[s])) {
        put(1, i);
      } else if (w < i) {
        put(2, w);
      } else {
        put(1, i);
      }
    }
  }
  work_ += pass_work_ / 4;
  if (const auto order = timed(shop_, std::move(rows))) {
    const bool near = !found() || order->makespan < best_.makespan + best_.makespan / 50;
    consider(*order);
    if (near) improve(*order);
  }
}

void ShopSearch::try_pace(Ticks numerator, Ticks denominator) {
  const std::size_t total = shop_.microbatches;
  const std::size_t third = shop_.operations() / 3;
  TickTimes release(shop_.operations(), 0), priority(shop_.operations());
  for (std::size_t mb = 0; mb < total; ++mb) {
    release[mb] = static_cast<Ticks>(mb) * numerator / denominator;
  }
  // Gradients before forwards before weight gradients, in order of micro-batches.
  for (std::size_t at = 0; at < priority.size(); ++at) {
    const Ticks kind = at < third ? 1 : at < 2 * third ? 0 : 2;
    priority[at] = kind * static_cast<Ticks>(total) + static_cast<Ticks>(at % total);
  }
  if (const auto order = listed(shop_, priority, &release)) {
    consider(*order);
    improve(*order);
  }
}

void ShopSearch::try_starts(const TickTimes& starts) {
  std::vector<std::vector<int>> rows(shop_.ranks);
  const int total = shop_.microbatches;
  const int stages = shop_.stages();
  bool legal = true;
  for (int rank = 0; rank < shop_.ranks; ++rank) {
    for (const int c : shop_.of_rank[rank]) {
      for (int mb = 0; mb < total; ++mb) rows[rank].push_back(c * total + mb);
    }
    // What frees memory goes before what takes it.
    const auto before = [&](int a, int b) {
      if (starts[a] != starts[b]) return starts[a] < starts[b];
      return a / total / stages != b / total / stages ? a / total / stages > b / total / stages
                                                      : a < b;
    };
    std::ranges::sort(rows[rank], before);
    int live = 0;
    for (const int op : rows[rank]) {
      live += shop_.chains[op / total].acquires - shop_.chains[op / total].releases;
      legal = legal && live <= shop_.limits[rank];
    }
  }
  work_ += pass_work_ / 2;
  std::optional<ShopOrder> order;
  if (legal) order = timed(shop_, std::move(rows));
  if (!order) order = listed(shop_, starts);
  if (!order) return;
  const bool near = order->makespan < best_.makespan + best_.makespan / 50;
  consider(*order);
  if (near) improve(*order);
}

void ShopSearch::shake(std::uint64_t round) {
  TickTimes priority = best_.starts;
  const double strength = static_cast<double>(longest_) * (0.5 + static_cast<double>(round % 8));
  for (std::size_t i = 0; i < priority.size(); ++i) {
    priority[i] += static_cast<Ticks>(strength * hashed(round, i));
  }
  if (const auto order = listed(shop_, priority)) {
    consider(*order);
    improve(*order);
  }
}

void ShopSearch::walk(double budget, std::uint64_t seed) {
  TabuWalk walk(shop_, best_, seed);
  const double end = std::min(budget_, work_ + budget);
  while (!done() && work_ < end) {
    const double before = walk.work();
    if (!walk.step()) break;
    work_ += walk.work() - before;
    if (walk.makespan() < best_.makespan) consider(walk.order());
  }
}

void ShopSearch::add_start(const ShopOrder& order) {
  const auto as_long = [&](const TabuWalk& walk) { return walk.best() == order.makespan; };
  if (std::ranges::none_of(walks_, as_long)) walks_.emplace_back(shop_, order, starts_++);
}

void ShopSearch::walk_from_all(double budget) {
  if (walks_.empty()) add_start(best_);
  const double each = budget / static_cast<double>(std::max<std::size_t>(1, walks_.size()));
  std::erase_if(walks_, [&](TabuWalk& walk) {
    const double end = std::min(budget_, work_ + each);
    while (!done() && work_ < end) {
      const double before = walk.work();
      if (!walk.step()) return true;
      work_ += walk.work() - before;
      if (walk.makespan() < best_.makespan) consider(walk.order());
    }
    return false;
  });
  std::ranges::stable_sort(walks_, {}, &TabuWalk::best);
  if (walks_.size() > 1) walks_.erase(walks_.begin() + (walks_.size() + 1) / 2, walks_.end());
}

}  // namespace plumbline
