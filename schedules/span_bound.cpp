#include "schedules/span_bound.h"

#include <algorithm>
#include <utility>

#include "schedules/windows.h"

namespace plumbline {
namespace {

// The stages from `first` on, of a shop with one stage per rank, or all stages.
JobShop without_stages_before(const JobShop& shop, int first) {
  JobShop rest = shop;
  if (first == 0) return rest;
  const int stages = shop.stages(), left = stages - first;
  rest.ranks = left;
  rest.limits.erase(rest.limits.begin(), rest.limits.begin() + first);
  rest.chains.clear();
  rest.of_rank.assign(left, {});
  for (int c = 0; c < 3 * stages; ++c) {
    if (c % stages < first) continue;
    Chain chain = shop.chains[c];
    chain.rank -= first;
    const auto keep = [&](std::vector<Chain::Link>& links) {
      std::erase_if(links, [&](const Chain::Link& link) { return link.chain % stages < first; });
      for (Chain::Link& link : links) {
        link.chain = link.chain / stages * left + link.chain % stages - first;
      }
    };
    keep(chain.inputs);
    keep(chain.outputs);
    rest.of_rank[chain.rank].push_back(static_cast<int>(rest.chains.size()));
    rest.chains.push_back(std::move(chain));
  }
  return rest;
}

}  // namespace

Ticks span_lower_bound(const JobShop& shop, int rank, Ticks known, double budget) {
  Ticks work = 0;
  for (const int c : shop.of_rank[rank]) work += shop.chains[c].duration * shop.microbatches;
  // Pooled windows want every rank's chunks.
  const bool partial = shop.chunks > 1 && rank != shop.chains[0].rank;
  if (partial || work >= known) return work;

  const int first = shop.chunks > 1 ? 0 : rank;
  const JobShop rest = without_stages_before(shop, first);
  // Once the rank is done, everything else can be done one after the other.
  Ticks all = 0;
  for (const Chain& chain : rest.chains) {
    all += chain.duration;
    for (const Chain::Link& in : chain.inputs) all += in.delay;
  }
  all *= rest.microbatches;
  WindowSolver solver(rest);
  const auto refuted = [&](Ticks span) {
    Windows windows = solver.open(span + all);
    for (const int c : rest.of_rank[rank - first]) {
      const auto begin = windows.due.begin() + static_cast<std::ptrdiff_t>(c) * rest.microbatches;
      std::fill(begin, begin + rest.microbatches, span);
    }
    return !solver.tighten(windows);
  };
  Ticks low = work - 1, high = known;  // refuted, and some order's
  // Near the work first, where most bounds are.
  for (Ticks stride = std::max<Ticks>(1, (known - work) / 64); high - low > 1; stride *= 2) {
    if (solver.work() > budget) break;
    const Ticks next = std::min(low + stride, low + (high - low) / 2);
    if (refuted(next)) {
      low = next;
    } else {
      high = next;
      stride = std::max<Ticks>(1, (high - low) / 4);
    }
  }
  return low + 1;
}

}  // namespace plumbline
