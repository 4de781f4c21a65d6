#include "schedules/list_schedule.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace plumbline {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

}  // namespace

JobShop make_job_shop(const Schedule& placed, const TickCosts& costs) {
  const int stages = placed.num_stages();
  const std::vector<int>& rank_of = placed.stage_rank.front();
  const auto hop = [&](int a, int b) { return rank_of[a] == rank_of[b] ? 0 : costs.comm; };
  JobShop shop;
  shop.ranks = placed.num_ranks();
  shop.microbatches = placed.shape.microbatches;
  // Chain numbers: F of stage s is s, I is S + s, W is 2S + s.
  for (const OpKind kind : {OpKind::kForward, OpKind::kInputGrad, OpKind::kWeightGrad}) {
    for (int s = 0; s < stages; ++s) {
      Chain chain;
      chain.op = {kind, false, 0, s, 0};
      chain.rank = rank_of[s];
      chain.duration = costs.of(kind, s);
      switch (kind) {
        case OpKind::kForward:
          chain.acquires = 1;
          chain.reserve = placed.shape.chunks - 1 - s / placed.shape.ranks();
          if (s > 0) chain.inputs.push_back({s - 1, hop(s - 1, s)});
          break;
        case OpKind::kInputGrad:
          chain.inputs.push_back({s, 0});
          if (s + 1 < stages) chain.inputs.push_back({stages + s + 1, hop(s + 1, s)});
          break;
        case OpKind::kWeightGrad:
        case OpKind::kBackward:
          chain.releases = 1;
          chain.inputs.push_back({stages + s, 0});
          break;
      }
      shop.chains.push_back(std::move(chain));
    }
  }
  return shop;
}

JobShop reversed(const JobShop& shop) {
  JobShop back = shop;
  for (Chain& chain : back.chains) {
    std::swap(chain.acquires, chain.releases);
    chain.inputs.clear();
    chain.reserve = 0;
  }
  // What acquires in reverse is W; it leaves the room that the forwards of its chunk left.
  for (std::size_t c = 0; c < shop.chains.size(); ++c) {
    for (const Chain::Input& input : shop.chains[c].inputs) {
      back.chains[input.chain].inputs.push_back({static_cast<int>(c), input.delay});
    }
    if (back.chains[c].acquires == 0) continue;
    for (const Chain& forward : shop.chains) {
      if (forward.acquires > 0 && forward.op.stage == shop.chains[c].op.stage) {
        back.chains[c].reserve = forward.reserve;
      }
    }
  }
  return back;
}

std::optional<TickTimes> list_schedule(const JobShop& shop, int limit, const TickTimes& priority) {
  const int total = shop.microbatches;
  const std::size_t num_chains = shop.chains.size();
  TickTimes starts(shop.operations(), kNever);
  std::vector<int> next(num_chains, 0);
  std::vector<std::int64_t> free_at(shop.ranks, 0);
  std::vector<int> live(shop.ranks, 0);
  std::vector<std::int64_t> earliest(num_chains);  // start of the chain's next operation

  const auto earliest_start = [&](std::size_t c) {
    const Chain& chain = shop.chains[c];
    const int mb = next[c];
    if (mb == total) return kNever;
    if (chain.acquires > 0 && live[chain.rank] + 1 + chain.reserve > limit) return kNever;
    std::int64_t start = free_at[chain.rank];
    for (const Chain::Input& input : chain.inputs) {
      if (next[input.chain] <= mb) return kNever;
      start = std::max(start, starts[static_cast<std::size_t>(input.chain) * total + mb] +
                                  shop.chains[input.chain].duration + input.delay);
    }
    return start;
  };

  for (std::size_t done = 0; done < shop.operations(); ++done) {
    std::int64_t first_end = kNever;
    int rank = -1;
    for (std::size_t c = 0; c < num_chains; ++c) {
      earliest[c] = earliest_start(c);
      if (earliest[c] == kNever) continue;
      const std::int64_t end = earliest[c] + shop.chains[c].duration;
      if (end < first_end) std::tie(first_end, rank) = std::tuple(end, shop.chains[c].rank);
    }
    if (rank < 0) return std::nullopt;
    std::size_t chosen = num_chains;
    std::int64_t best = kNever;
    for (std::size_t c = 0; c < num_chains; ++c) {
      if (shop.chains[c].rank != rank || earliest[c] == kNever) continue;
      if (earliest[c] >= first_end && shop.chains[c].duration > 0) continue;
      const std::int64_t p = priority[c * total + next[c]];
      if (chosen < num_chains && p >= best) continue;
      chosen = c;
      best = p;
    }
    const Chain& chain = shop.chains[chosen];
    starts[chosen * total + next[chosen]++] = earliest[chosen];
    free_at[rank] = earliest[chosen] + chain.duration;
    live[rank] += chain.acquires - chain.releases;
  }
  return starts;
}

std::int64_t makespan(const JobShop& shop, const TickTimes& starts) {
  std::int64_t last = 0;
  for (std::size_t c = 0; c < shop.chains.size(); ++c) {
    last = std::max(last, starts[(c + 1) * shop.microbatches - 1] + shop.chains[c].duration);
  }
  return last;
}

std::vector<std::vector<Op>> rows_of(const JobShop& shop, const TickTimes& starts) {
  // Operations that take no time can share a start; the order of need then decides.
  using Entry = std::tuple<std::int64_t, int, int, int>;  // start, micro-batch, depth, chain
  std::vector<std::vector<Entry>> entries(shop.ranks);
  const int stages = static_cast<int>(shop.chains.size()) / 3;
  for (int c = 0; c < static_cast<int>(shop.chains.size()); ++c) {
    const int stage = c % stages;
    const int depth = c < stages ? stage : c < 2 * stages ? 3 * stages - stage : 4 * stages;
    for (int mb = 0; mb < shop.microbatches; ++mb) {
      entries[shop.chains[c].rank].emplace_back(
          starts[static_cast<std::size_t>(c) * shop.microbatches + mb], mb, depth, c);
    }
  }
  std::vector<std::vector<Op>> rows(shop.ranks);
  for (int rank = 0; rank < shop.ranks; ++rank) {
    std::sort(entries[rank].begin(), entries[rank].end());
    for (const auto& [start, mb, depth, c] : entries[rank]) {
      Op op = shop.chains[c].op;
      op.microbatch = mb;
      rows[rank].push_back(op);
    }
  }
  return rows;
}

}  // namespace plumbline
