// The bound B0.  For the stage s of a micro-batch's way (h, back and tail per direction of travel):
//
//   h_s     earliest start of F(s, 0):  sum over j < s of (F_j + hop)
//   back_s  from the start of F(s, m) to the end of its own input gradient:
//           sum over j >= s of (F_j + I_j) and twice the hops
//   tail_s  after the last input gradient of s:  max(W_s, hop + I_{s-1} + tail_{s-1}), tail_0 = W_0
//
// A full backward is an input gradient that costs I + W, and then W = 0.

#include "schedules/bounds.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace plumbline {
namespace {

struct StageWork {
  double forward, input_grad, weight_grad;
  double work() const { return forward + input_grad + weight_grad; }
};

// One stage of one rank, with how many micro-batches visit it.
struct Visit {
  int stage;
  int microbatches;
  StageWork work;
  double head, back, tail;
};

bool splits_backward(const Schedule& schedule) {
  for (const auto& ops : schedule.ranks) {
    for (const Op& op : ops) {
      if (op.kind == OpKind::kInputGrad) return true;
    }
  }
  return false;
}

// [num_ranks] the stages that a rank has, of either copy of the weights.
std::vector<std::vector<Visit>> visits(const Schedule& schedule, const UnitCosts& costs) {
  const int stages = schedule.num_stages();
  const bool split = splits_backward(schedule);
  std::vector<std::vector<int>> count(schedule.replicas, std::vector<int>(stages, 0));
  for (const auto& ops : schedule.ranks) {
    for (const Op& op : ops) {
      if (op.kind == OpKind::kForward) ++count[op.replica][op.stage];
    }
  }
  std::vector<std::vector<Visit>> of_rank(schedule.num_ranks());
  for (int replica = 0; replica < schedule.replicas; ++replica) {
    const std::vector<int>& rank_of = schedule.stage_rank[replica];
    std::vector<Visit> way(stages);
    const auto hop = [&](int stage) {  // from `stage` to the next
      return rank_of[stage] == rank_of[stage + 1] ? 0.0 : costs.comm_between(stage, stage + 1);
    };
    for (int s = 0; s < stages; ++s) {
      StageWork work{costs.forward_of(s), costs.input_grad_of(s), costs.weight_grad_of(s)};
      if (!split) work = {work.forward, work.input_grad + work.weight_grad, 0.0};
      way[s] = {s, count[replica][s], work, 0.0, 0.0, work.weight_grad};
      if (s == 0) continue;
      way[s].head = way[s - 1].head + way[s - 1].work.forward + hop(s - 1);
      way[s].tail =
          std::max(work.weight_grad, hop(s - 1) + way[s - 1].work.input_grad + way[s - 1].tail);
    }
    for (int s = stages - 1; s >= 0; --s) {
      way[s].back = way[s].work.forward + way[s].work.input_grad;
      if (s + 1 < stages) way[s].back += way[s + 1].back + 2 * hop(s);
    }
    for (const Visit& visit : way) {
      if (visit.microbatches > 0) of_rank[rank_of[visit.stage]].push_back(visit);
    }
  }
  return of_rank;
}

// What overlapping can save on a rank: at best every forward hides in a backward.
double overlap_saving(const Schedule& schedule, int rank, const UnitCosts& costs) {
  if (!costs.overlap) return 0.0;
  double saving = 0.0;
  const std::vector<Op>& ops = schedule.ranks[rank];
  for (std::size_t i = 0; i + 1 < ops.size(); ++i) {
    if (!ops[i].overlaps_next) continue;
    const double apart =
        costs.of(ops[i].kind, ops[i].stage) + costs.of(ops[i + 1].kind, ops[i + 1].stage);
    saving += std::max(0.0, apart - *costs.overlap);
  }
  return saving;
}

double rank_bound(const std::vector<Visit>& visits, double saving, std::optional<int> max_live) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double busy = -saving, gradients = -saving;
  double head = kInfinity, tail = kInfinity, first_gradient = kInfinity;
  double longest_forward = 0.0, forwards = 0.0;
  double bound = 0.0;
  int activations = 0;
  for (const Visit& v : visits) {
    busy += v.microbatches * v.work.work();
    gradients += v.microbatches * (v.work.forward + v.work.input_grad);
    forwards += v.microbatches * v.work.forward;
    longest_forward = std::max(longest_forward, v.work.forward);
    head = std::min(head, v.head);
    tail = std::min(tail, v.tail);
    first_gradient = std::min(first_gradient, v.head + v.back - v.work.input_grad);
    activations += v.microbatches;
    bound = std::max(bound, v.head + v.back + v.tail);
  }
  if (visits.empty()) return bound;
  const int admitted = std::min(max_live.value_or(activations), activations);
  const double ahead = std::min(forwards, admitted * longest_forward);
  bound = std::max(bound, head + std::max(0.0, first_gradient - head - ahead) + busy);
  bound = std::max(bound, head + gradients + tail);
  if (visits.size() != 1) return bound;

  // One chunk: F(m + L) waits for W(m).
  const Visit& v = visits.front();
  const int late = v.microbatches - admitted;
  bound = std::max(bound, head + gradients + late * v.work.weight_grad + tail);
  bound = std::max(bound, first_gradient + v.microbatches * v.work.input_grad - saving +
                              late * (v.work.forward + v.work.weight_grad) + tail);
  const int rounds = (v.microbatches - 1) / admitted;
  return std::max(bound, head + rounds * (v.back + v.work.weight_grad) + v.back + v.tail);
}

}  // namespace

double makespan_lower_bound(const Schedule& schedule, const UnitCosts& costs,
                            std::optional<int> max_live) {
  double bound = 0.0;
  const auto of_rank = visits(schedule, costs);
  for (int rank = 0; rank < schedule.num_ranks(); ++rank) {
    bound =
        std::max(bound, rank_bound(of_rank[rank], overlap_saving(schedule, rank, costs), max_live));
  }
  return bound;
}

}  // namespace plumbline
