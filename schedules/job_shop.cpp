#include "schedules/job_shop.h"

#include <algorithm>
#include <utility>

namespace plumbline {
namespace {

void connect(JobShop& shop) {
  shop.of_rank.assign(shop.ranks, {});
  for (Chain& chain : shop.chains) chain.outputs.clear();
  for (int c = 0; c < static_cast<int>(shop.chains.size()); ++c) {
    shop.of_rank[shop.chains[c].rank].push_back(c);
    for (const Chain::Link& input : shop.chains[c].inputs) {
      shop.chains[input.chain].outputs.push_back({c, input.delay});
    }
  }
}

}  // namespace

JobShop make_job_shop(const Schedule& placed, const TickCosts& costs, int limit) {
  const int stages = placed.num_stages();
  const std::vector<int>& rank_of = placed.stage_rank.front();
  JobShop shop;
  shop.ranks = placed.num_ranks();
  shop.chunks = placed.shape.chunks;
  shop.microbatches = placed.shape.microbatches;
  shop.limits.assign(shop.ranks, std::min(limit, shop.chunks * shop.microbatches));
  const auto hop = [&](int a, int b) {
    return rank_of[a] == rank_of[b] ? 0 : costs.comm_between(a, b);
  };
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
  connect(shop);
  return shop;
}

void set_hops(JobShop& shop, const std::vector<Ticks>& hops) {
  const int stages = shop.stages();
  for (int s = 0; s + 1 < stages; ++s) {
    shop.chains[s + 1].inputs.front().delay = hops[s];
    shop.chains[stages + s].inputs.back().delay = hops[s];
  }
  connect(shop);
}

JobShop with_microbatches(const JobShop& shop, int microbatches) {
  JobShop other = shop;
  other.microbatches = microbatches;
  for (int& limit : other.limits) limit = std::min(limit, microbatches * shop.chunks);
  return other;
}

JobShop reversed(const JobShop& shop) {
  JobShop back = shop;
  for (Chain& chain : back.chains) {
    std::swap(chain.acquires, chain.releases);
    chain.inputs = chain.outputs;
    chain.reserve = 0;
  }
  // What acquires in reverse is W; it leaves the room that the forwards of its chunk left.
  const int stages = shop.stages();
  for (int s = 0; s < stages; ++s) {
    back.chains[2 * stages + s].reserve = shop.chains[s].reserve;
    back.chains[2 * stages + s].most = shop.chains[s].most;
    back.chains[s].most = shop.chains[2 * stages + s].most;
  }
  connect(back);
  return back;
}

std::optional<ShopOrder> timed(const JobShop& shop, std::vector<std::vector<int>> rows) {
  const int total = shop.microbatches;
  ShopOrder order;
  order.starts.assign(shop.operations(), 0);
  std::vector<int> done(shop.chains.size(), 0);
  std::vector<std::size_t> at(shop.ranks, 0);
  std::vector<Ticks> free_at(shop.ranks, 0);
  std::vector<int> to_try;
  for (int r = shop.ranks - 1; r >= 0; --r) to_try.push_back(r);
  std::size_t placed = 0;
  while (!to_try.empty()) {
    const int rank = to_try.back();
    to_try.pop_back();
    const std::vector<int>& row = rows[rank];
    for (; at[rank] < row.size(); ++at[rank], ++placed) {
      const int op = row[at[rank]];
      const int c = op / total, mb = op % total;
      const Chain& chain = shop.chains[c];
      Ticks start = free_at[rank];
      bool ready = done[c] == mb;
      for (const Chain::Link& input : chain.inputs) {
        if (done[input.chain] <= mb) {
          ready = false;
          break;
        }
        start = std::max(start, order.starts[static_cast<std::size_t>(input.chain) * total + mb] +
                                    shop.chains[input.chain].duration + input.delay);
      }
      if (!ready) break;
      order.starts[op] = start;
      free_at[rank] = start + chain.duration;
      order.makespan = std::max(order.makespan, free_at[rank]);
      ++done[c];
      for (const Chain::Link& output : chain.outputs) {
        const int other = shop.chains[output.chain].rank;
        // Only a rank that waits for just this operation can go on now.
        if (other == rank || at[other] >= rows[other].size()) continue;
        const int next = rows[other][at[other]];
        if (next / total == output.chain && next % total == mb) to_try.push_back(other);
      }
    }
  }
  if (placed != shop.operations()) return std::nullopt;
  order.rows = std::move(rows);
  return order;
}

ShopOrder mirrored(const JobShop& reversed_shop, const ShopOrder& order) {
  const int total = reversed_shop.microbatches;
  std::vector<std::vector<int>> rows = order.rows;
  for (std::vector<int>& row : rows) {
    std::reverse(row.begin(), row.end());
    for (int& op : row) op += total - 1 - 2 * (op % total);
  }
  return *timed(reversed_shop, std::move(rows));
}

std::vector<std::vector<int>> rows_of(const JobShop& shop, const Schedule& schedule) {
  std::vector<std::vector<int>> rows(shop.ranks);
  for (int rank = 0; rank < shop.ranks; ++rank) {
    for (const Op& op : schedule.ranks[rank]) {
      const int kind = op.kind == OpKind::kForward ? 0 : op.kind == OpKind::kInputGrad ? 1 : 2;
      rows[rank].push_back((kind * shop.stages() + op.stage) * shop.microbatches + op.microbatch);
    }
  }
  return rows;
}

std::vector<std::vector<Op>> ops_of(const JobShop& shop, const ShopOrder& order) {
  std::vector<std::vector<Op>> ops(shop.ranks);
  for (int rank = 0; rank < shop.ranks; ++rank) {
    for (const int each : order.rows[rank]) {
      Op op = shop.chains[each / shop.microbatches].op;
      op.microbatch = each % shop.microbatches;
      ops[rank].push_back(op);
    }
  }
  return ops;
}

}  // namespace plumbline
