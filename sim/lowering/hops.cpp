#include "sim/lowering/hops.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

namespace plumbline {
namespace {

/// A directed pair of ranks and what decides whether its transfers can meet.
struct Link {
  SimTime slowest_hop = 0;
  SimTime shortest_producer = std::numeric_limits<SimTime>::max();
  std::int32_t id = -1;
};

}  // namespace

Hops::Hops(const Schedule& schedule, const Usage& usage, const TrainingCosts& costs,
           const OpTimes& times, const LoweringOptions& options)
    : stages_(static_cast<std::size_t>(schedule.num_stages())),
      hops_(2 * stages_ * schedule.stage_rank.size()) {
  std::map<std::pair<int, int>, Link> links;
  for (std::size_t replica = 0; replica < schedule.stage_rank.size(); ++replica) {
    const std::vector<int>& rank_of = schedule.stage_rank[replica];
    for (std::size_t stage = 0; stage < stages_; ++stage) {
      for (const bool forward : {true, false}) {
        if (forward ? stage + 1 == stages_ : stage == 0) continue;
        Hop& hop = hops_[2 * (replica * stages_ + stage) + (forward ? 0 : 1)];
        hop.from = rank_of[stage];
        hop.to = rank_of[forward ? stage + 1 : stage - 1];
        hop.crosses = hop.to != rank_of[stage];
        if (!hop.crosses) continue;
        hop.time = to_sim_time((forward ? costs.forward_hop : costs.backward_hop)[stage].latency);

        Link& link = links[{rank_of[stage], hop.to}];
        link.slowest_hop = std::max(link.slowest_hop, hop.time);
        for (const OpKind kind : {OpKind::kForward, OpKind::kBackward, OpKind::kInputGrad}) {
          if ((kind == OpKind::kForward) != forward) continue;
          if (!usage.has(stage, kind)) continue;
          const Op op{.kind = kind, .stage = static_cast<std::int32_t>(stage)};
          link.shortest_producer = std::min(link.shortest_producer, times.of(op));
        }
      }
    }
  }
  // Results for one link are produced one operation apart, so a hop that is shorter than every
  // producer never finds its link taken and needs no place in a queue.
  for (auto& [ranks, link] : links) {
    const bool can_meet =
        link.slowest_hop > link.shortest_producer || (usage.pairs && link.slowest_hop > 0);
    if (can_meet) link.id = static_cast<std::int32_t>(links_++);
  }
  for (std::size_t replica = 0; replica < schedule.stage_rank.size(); ++replica) {
    for (std::size_t stage = 0; stage < stages_; ++stage) {
      for (const std::size_t direction : {0u, 1u}) {
        Hop& hop = hops_[2 * (replica * stages_ + stage) + direction];
        if (!hop.crosses) continue;
        hop.link = links[{hop.from, hop.to}].id;
        // A blocking hop without a duration still makes its two ends meet.
        const bool folds = hop.time == 0 || (options.fold_transfers && hop.link < 0);
        hop.has_task = costs.blocking_hops || !folds;
      }
    }
  }
}

}  // namespace plumbline
