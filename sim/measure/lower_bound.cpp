#include "sim/measure/lower_bound.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "schedules/evaluate.h"
#include "schedules/order_proof.h"
#include "schedules/order_seeds.h"
#include "schedules/span_bound.h"
#include "sim/lowering/op_times.h"
#include "sim/lowering/step_tail.h"

namespace plumbline {
namespace {

// Of the full bound: the longest operation is divided in so many parts, and what it may spend.
constexpr SimTime kParts = 1 << 16;
constexpr double kWork = 5e7;
constexpr SimTime kUnused = std::numeric_limits<SimTime>::max();

/// Work of one rank, and the shortest that each of its operations takes anywhere.
struct Work {
  SimTime all = 0;
  SimTime weight_grads = 0;
};

class Bound {
 public:
  Bound(const Schedule& schedule, const TrainingCosts& costs, const LoweringOptions& options)
      : schedule_(schedule),
        costs_(costs),
        stages_(stages_of_ranks(schedule)),
        shortest_(costs.stages.size(), {kUnused, kUnused}),
        shortest_weight_grad_(costs.stages.size(), kUnused),
        work_(schedule.ranks.size()) {
    const OpTimes times(costs.stages, options);
    // Operations of one stage and kind take the same time, so they are only counted ...
    std::vector<std::int64_t> count(4 * schedule.stage_rank.size() * costs.stages.size());
    const auto counted = [&](std::size_t replica, std::size_t stage, OpKind kind) -> auto& {
      return count[4 * (replica * costs.stages.size() + stage) + static_cast<std::size_t>(kind)];
    };
    for (std::size_t rank = 0; rank < work_.size(); ++rank) {
      const std::vector<Op>& program = schedule.ranks[rank];
      for (std::size_t i = 0; i < program.size(); ++i) {
        const Op& op = program[i];
        // ... except in a pair.
        if (i > 0 && begins_pair(program, i - 1)) {
          add(static_cast<int>(rank), op, times.of(op, program[i - 1]), 1);
        } else if (begins_pair(program, i)) {
          add(static_cast<int>(rank), op, times.of(op, program[i + 1]), 1);
        } else {
          ++counted(op.replica, static_cast<std::size_t>(op.stage), op.kind);
        }
      }
    }
    for (std::size_t replica = 0; replica < schedule.stage_rank.size(); ++replica) {
      for (std::size_t stage = 0; stage < costs.stages.size(); ++stage) {
        for (const OpKind kind :
             {OpKind::kForward, OpKind::kBackward, OpKind::kInputGrad, OpKind::kWeightGrad}) {
          const Op op{.kind = kind, .stage = static_cast<std::int32_t>(stage)};
          const std::int64_t times_run = counted(replica, stage, kind);
          if (times_run == 0) continue;
          add(schedule.stage_rank[replica][stage], op, times.of(op), times_run);
        }
      }
    }
  }

  SimTime iteration(SimTime gradients_done = 0) const {
    SimTime after = 0;
    for (int rank = 0; rank < schedule_.num_ranks(); ++rank) {
      gradients_done = std::max(gradients_done, rank_done(rank));
      after = std::max(after, optimizer(rank) + gather(rank));
    }
    for (std::size_t replica = 0; replica < schedule_.stage_rank.size(); ++replica) {
      gradients_done = std::max(gradients_done, there_and_back(replica));
    }
    return gradients_done + after;
  }

  // The pipeline as a job shop of the shortest durations, in units of `unit`, rounded down.
  JobShop job_shop(SimTime unit) const {
    const auto stages = shortest_.size();
    TickCosts ticks;
    const auto scaled = [&](SimTime time) { return time == kUnused ? 0 : time / unit; };
    for (std::size_t s = 0; s < stages; ++s) {
      ticks.forward.push_back(scaled(shortest_[s][0]));
      ticks.input_grad.push_back(scaled(shortest_[s][1]));
      ticks.weight_grad.push_back(scaled(shortest_weight_grad_[s]));
    }
    const std::vector<int> peaks = peak_live_activations(schedule_);
    JobShop shop = make_job_shop(schedule_, ticks, *std::ranges::max_element(peaks));
    std::vector<Ticks> hops;
    for (int s = 0; s + 1 < static_cast<int>(stages); ++s) {
      hops.push_back(std::min(hop(0, s, 0), hop(0, s, 1)) / unit);
    }
    set_hops(shop, hops);
    return shop;
  }

  SimTime longest_operation() const {
    SimTime longest = 1;
    for (const auto& both : shortest_) {
      for (const SimTime each : both) longest = each == kUnused ? longest : std::max(longest, each);
    }
    return longest;
  }

  // Of an iteration that is one rank's span, when the ranks' operations take at least so long.
  SimTime longest_span(const std::vector<SimTime>& operations) const {
    SimTime longest = 0;
    for (int rank = 0; rank < schedule_.num_ranks(); ++rank) {
      longest = std::max(longest, operations[rank] + optimizer(rank));
    }
    return longest;
  }

  SimTime period() const {
    std::vector<SimTime> work;
    for (const Work& each : work_) work.push_back(each.all);
    return longest_span(work);
  }

 private:
  // `count` operations that take `time` each.
  void add(int rank, const Op& op, SimTime time, std::int64_t count) {
    work_[rank].all += time * count;
    if (op.kind == OpKind::kWeightGrad) {
      work_[rank].weight_grads += time * count;
      SimTime& shortest = shortest_weight_grad_[op.stage];
      shortest = std::min(shortest, time);
    } else {
      // A full backward leaves no weight gradient to do after it.
      if (op.kind == OpKind::kBackward) shortest_weight_grad_[op.stage] = 0;
      SimTime& shortest = shortest_[op.stage][op.kind == OpKind::kForward ? 0 : 1];
      shortest = std::min(shortest, time);
    }
  }

  // When the rank's gradients can be reduced everywhere: head, work, then its tail or the traffic
  // that the work cannot cover.
  SimTime rank_done(int rank) const {
    if (schedule_.ranks[rank].empty()) return 0;
    SimTime head = kUnused, tail = kUnused, last_bucket = kUnused;
    for (std::size_t replica = 0; replica < schedule_.stage_rank.size(); ++replica) {
      for (int stage = 0; stage < schedule_.num_stages(); ++stage) {
        if (schedule_.stage_rank[replica][stage] != rank) continue;
        head = std::min(head, way(replica, stage, 0));
        tail = std::min(tail, way(replica, stage, 1) + behind_first_stage(replica));
        if (costs_.data.empty()) continue;
        last_bucket = std::min(last_bucket, last_bucket_of(stage));
      }
    }
    if (costs_.data.empty()) last_bucket = 0;
    const SimTime exposed = costs_.data_overlap ? last_bucket : all_reductions(rank);
    const Work& work = work_[rank];
    return head + std::max(work.all + exposed, work.all - work.weight_grads + tail);
  }

  // What follows an input gradient of stage 0: its weight gradient and exposed data traffic.
  SimTime behind_first_stage(std::size_t replica) const {
    SimTime time = shortest_weight_grad_[0] == kUnused ? 0 : shortest_weight_grad_[0];
    if (costs_.data.empty()) return time;
    const int rank = schedule_.stage_rank[replica][0];
    return time + (costs_.data_overlap ? last_bucket_of(0) : all_reductions(rank));
  }

  SimTime last_bucket_of(int stage) const {
    return to_sim_time(min(costs_.data[stage].last_bucket, costs_.data[stage].reduce));
  }

  SimTime all_reductions(int rank) const {
    SimTime time = 0;
    if (costs_.data.empty()) return time;
    for (const int stage : stages_[rank]) time += to_sim_time(costs_.data[stage].reduce);
    return time;
  }

  // Forwards (direction 0) or backwards (1) of the stages before `stage`, with their hops.
  SimTime way(std::size_t replica, int stage, int direction) const {
    SimTime time = 0;
    for (int before = 0; before < stage; ++before) {
      if (shortest_[before][direction] != kUnused) time += shortest_[before][direction];
      time += hop(replica, before, direction);
    }
    return time;
  }

  // Between `stage` and the next one.
  SimTime hop(std::size_t replica, int stage, int direction) const {
    const std::vector<int>& rank_of = schedule_.stage_rank[replica];
    if (rank_of[stage] == rank_of[stage + 1]) return 0;
    return to_sim_time(
        (direction == 0 ? costs_.forward_hop[stage] : costs_.backward_hop[stage + 1]).latency);
  }

  SimTime there_and_back(std::size_t replica) const {
    const int last = schedule_.num_stages() - 1;
    SimTime time = way(replica, last, 0) + way(replica, last, 1) + behind_first_stage(replica);
    for (const SimTime turn : shortest_[last]) time += turn == kUnused ? 0 : turn;
    return time;
  }

  SimTime optimizer(int rank) const {
    return costs_.optimizer.empty() ? 0 : to_sim_time(costs_.optimizer[rank]);
  }
  SimTime gather(int rank) const {
    if (costs_.data.empty() || schedule_.ranks[rank].empty()) return 0;
    return to_sim_time(exposed_gather(costs_, stages_[rank], schedule_.ranks[rank].front().stage));
  }

  const Schedule& schedule_;
  const TrainingCosts& costs_;
  std::vector<std::vector<int>> stages_;
  std::vector<std::array<SimTime, 2>> shortest_;  // [num_stages] forward, input gradient
  std::vector<SimTime> shortest_weight_grad_;     // [num_stages]
  std::vector<Work> work_;                        // [ranks]
};

}  // namespace

SimTime lower_bound(const Schedule& schedule, const TrainingCosts& costs,
                    const LoweringOptions& options) {
  const Bound bound(schedule, costs, options);
  // Without the barrier before the optimizer, an iteration is as long as one rank's span.
  const bool own_end = !schedule.flushes || costs.optimizer_post_validation;
  return own_end ? bound.period() : bound.iteration();
}

StepBound full_lower_bound(const Schedule& schedule, const TrainingCosts& costs,
                           const LoweringOptions& options) {
  StepBound result{lower_bound(schedule, costs, options), "B0", {}};
  bool has_pairs = false;
  for (const auto& program : schedule.ranks) {
    has_pairs = has_pairs || std::ranges::any_of(program, &Op::overlaps_next);
  }
  if (!schedule.flushes || schedule.replicas > 1 || has_pairs ||
      schedule.num_stages() != schedule.shape.stages()) {
    result.assumptions.push_back(
        "bound: full is for schedules that flush, with one copy of the weights and no overlapped "
        "pairs; of " +
        schedule.name + " it is the closed form");
    return result;
  }
  const Bound bound(schedule, costs, options);
  const SimTime unit = std::max<SimTime>(1, bound.longest_operation() / kParts);
  const JobShop shop = bound.job_shop(unit);
  const std::optional<ShopOrder> known = timed(shop, rows_of(shop, with_split_backwards(schedule)));
  if (costs.optimizer_post_validation) {
    std::vector<SimTime> spans;
    for (int rank = 0; rank < shop.ranks; ++rank) {
      spans.push_back(unit * span_lower_bound(shop, rank, known->makespan, kWork / shop.ranks));
    }
    const SimTime raised = bound.longest_span(spans);
    if (raised > result.time) result = {raised, "B6", {}};
  } else {
    BoundFinder finder(shop, schedule);
    const Ticks closed_form = finder.value();
    raise_bound(finder, known->makespan, kWork);
    const SimTime raised = bound.iteration(finder.value() * unit);
    if (raised > result.time) {
      result.time = raised;
      if (finder.value() > closed_form) result.by = finder.by();
    }
  }
  result.assumptions.push_back("bound: " + result.by + ", for orders with at most " +
                               std::to_string(std::ranges::max(peak_live_activations(schedule))) +
                               " live activations on every rank");
  return result;
}

}  // namespace plumbline
