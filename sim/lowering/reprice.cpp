// A task says by its label what it is, and so whose price it has: an operation that of its stage
// and kind, a transfer that of its hop, a task of the tail that of its stage or rank.  The delay of
// an edge is the hop between the operations at its two ends.

#include "sim/lowering/reprice.h"

#include <algorithm>
#include <array>

#include "sim/lowering/hops.h"
#include "sim/lowering/op_times.h"
#include "sim/lowering/step_tail.h"

namespace plumbline {
namespace {

constexpr std::uint32_t kNothing = 0;  ///< a price of zero
constexpr std::uint32_t kUnknown = 0xffffffffu;

std::uint32_t bit(bool value, int at) { return static_cast<std::uint32_t>(value) << at; }

/// An operation whose results take the hop of (replica, stage, direction).
Op producer(std::size_t replica, int stage, bool forward) {
  return {.kind = forward ? OpKind::kForward : OpKind::kBackward,
          .replica = static_cast<std::uint8_t>(replica),
          .stage = stage};
}

/// Whether the result of `from` is what `to` waits for.
bool feeds(const TaskLabel& from, const TaskLabel& to) {
  if (!is_operation(from.kind) || !is_operation(to.kind)) return false;
  if (from.kind == TaskKind::kWeightGrad || to.kind == TaskKind::kWeightGrad) return false;
  const bool forward = from.kind == TaskKind::kForward;
  return forward == (to.kind == TaskKind::kForward) && from.replica == to.replica &&
         from.microbatch == to.microbatch && to.stage == from.stage + (forward ? 1 : -1);
}

}  // namespace

class StepPricing::Index {
 public:
  explicit Index(const Schedule& schedule)
      : stages_(static_cast<std::uint32_t>(schedule.num_stages())),
        replicas_(static_cast<std::uint32_t>(schedule.stage_rank.size())) {}

  std::uint32_t operation(int stage, TaskKind kind) const {
    return 1 + 4 * static_cast<std::uint32_t>(stage) + static_cast<std::uint32_t>(kind);
  }
  std::uint32_t hop(std::uint32_t replica, int stage, bool forward) const {
    return 1 + 4 * stages_ + 2 * (replica * stages_ + static_cast<std::uint32_t>(stage)) +
           (forward ? 0 : 1);
  }
  enum Reduce { kAll, kEarly, kLast };  ///< the whole, all but the last bucket, the last bucket
  std::uint32_t reduce(int stage, Reduce part) const {
    return hop(replicas_, 0, true) + 3 * static_cast<std::uint32_t>(stage) + part;
  }
  std::uint32_t optimizer(int rank) const {
    return reduce(static_cast<int>(stages_), kAll) + 2 * static_cast<std::uint32_t>(rank);
  }
  std::uint32_t gather(int rank) const { return optimizer(rank) + 1; }

 private:
  std::uint32_t stages_, replicas_;
};

StepPricing::Prices StepPricing::prices(const Schedule& schedule, const TrainingCosts& costs,
                                        const LoweringOptions& options) const {
  Prices out;
  const int stages = schedule.num_stages();
  const OpTimes times(costs.stages, options);
  const Hops hops(schedule, usage_, costs, times, options);
  const Index index(schedule);
  out.value.reserve(index.optimizer(schedule.num_ranks()));
  out.value.push_back(0);
  for (int stage = 0; stage < stages; ++stage) {
    for (const OpKind kind :
         {OpKind::kForward, OpKind::kBackward, OpKind::kInputGrad, OpKind::kWeightGrad}) {
      out.value.push_back(times.of({.kind = kind, .stage = stage}));
    }
  }
  out.shape = {bit(costs.data.empty(), 0) | bit(costs.optimizer.empty(), 1) |
               bit(costs.data_overlap, 2) | bit(costs.gather_overlap, 3) |
               bit(costs.blocking_hops, 4) | bit(costs.optimizer_post_validation, 5) |
               bit(costs.host_copy.empty(), 6)};
  for (std::size_t replica = 0; replica < schedule.stage_rank.size(); ++replica) {
    for (int stage = 0; stage < stages; ++stage) {
      for (const bool forward : {true, false}) {
        const Hop& hop = hops.out_of(producer(replica, stage, forward));
        out.value.push_back(hop.time);
        out.shape.push_back(bit(hop.crosses, 0) | bit(hop.has_task, 1) | bit(hop.time > 0, 2) |
                            static_cast<std::uint32_t>(hop.link + 1) << 3);
      }
    }
  }
  for (int stage = 0; stage < stages; ++stage) {
    const Seconds reduce = costs.data.empty() ? Seconds(0.0) : costs.data[stage].reduce;
    const SimTime all = to_sim_time(reduce);
    const SimTime last =
        costs.data.empty() ? 0 : std::min(all, to_sim_time(costs.data[stage].last_bucket));
    out.value.insert(out.value.end(), {all, all - last, last});
    out.shape.push_back(bit(reduce > Seconds(0.0), 0) | bit(all > 0, 1) | bit(all > last, 2));
  }
  for (int rank = 0; rank < schedule.num_ranks(); ++rank) {
    const SimTime optimizer = costs.optimizer.empty() ? 0 : to_sim_time(costs.optimizer[rank]);
    SimTime gather = 0;
    if (!costs.data.empty() && !schedule.ranks[rank].empty()) {
      gather = to_sim_time(
          exposed_gather(costs, stages_of_rank_[rank], schedule.ranks[rank].front().stage));
    }
    out.value.insert(out.value.end(), {optimizer, gather});
    out.shape.push_back(bit(optimizer > 0, 0) | bit(gather > 0, 1));
  }
  return out;
}

bool StepPricing::find_work(const LoweredStep& step, const Index& index) {
  // A reduction that overlaps comes in two parts where its last bucket is not all of it.
  const auto early_bit = [&](int stage) {
    const std::size_t first = shape_.size() - stages_of_rank_.size();
    return shape_[first - static_cast<std::size_t>(num_stages_) +
                  static_cast<std::size_t>(stage)] >>
               2 &
           1;
  };
  const bool overlap = (shape_.front() >> 2 & 1) != 0;
  std::vector<std::vector<std::uint8_t>> seen(stages_of_rank_.size(),
                                              std::vector<std::uint8_t>(num_stages_));
  for (const TaskLabel& label : step.labels) {
    std::uint32_t price = kUnknown;
    switch (label.kind) {
      case TaskKind::kForward:
      case TaskKind::kBackward:
      case TaskKind::kInputGrad:
      case TaskKind::kWeightGrad:
        price = index.operation(label.stage, label.kind);
        break;
      case TaskKind::kTransfer:
        price = index.hop(label.replica, label.stage, label.forward_direction);
        break;
      case TaskKind::kMarker:
        price = kNothing;
        break;
      case TaskKind::kDataReduce: {
        std::uint8_t& parts = seen[label.rank][label.stage];
        const bool early = overlap && parts++ == 0 && early_bit(label.stage) != 0;
        price = index.reduce(label.stage, !overlap ? Index::kAll
                                          : early  ? Index::kEarly
                                                   : Index::kLast);
        break;
      }
      case TaskKind::kOptimizer:
        price = index.optimizer(label.rank);
        break;
      case TaskKind::kDataGather:
        price = index.gather(label.rank);
        break;
      case TaskKind::kOffload:
      case TaskKind::kReload:
        break;
    }
    // A kind of task that is not known here is lowered in full every time.
    if (price == kUnknown) return false;
    work_.push_back(price);
  }
  return true;
}

bool StepPricing::find_delays(const LoweredStep& step, const Index& index) {
  const TaskGraph& graph = step.graph;
  if (!graph.has_edge_delays()) return true;
  const auto label = [&](TaskId task) -> const TaskLabel* {
    return task < step.labels.size() ? &step.labels[task] : nullptr;
  };
  for (TaskId to = 0; to < graph.num_tasks(); ++to) {
    for (std::uint32_t e = graph.first_edge()[to]; e < graph.first_edge()[to + 1]; ++e) {
      if (graph.edge_delay()[e] == 0) continue;
      // The operations of a pair, and a marker and its operation, have neighbouring ids: the edge
      // leaves the last of them and enters the first.
      const TaskId from = graph.edge_source()[e];
      std::uint32_t price = kUnknown;
      for (const TaskId source : {from, from - 1}) {
        for (const TaskId target : {to, to + 1, to + 2}) {
          const TaskLabel* a = label(source);
          const TaskLabel* b = label(target);
          if (price != kUnknown || a == nullptr || b == nullptr || !feeds(*a, *b)) continue;
          price = index.hop(a->replica, a->stage, a->kind == TaskKind::kForward);
        }
      }
      if (price == kUnknown) return false;
      delays_.emplace_back(e, price);
    }
  }
  return true;
}

std::optional<StepPricing> StepPricing::of(const LoweredStep& step, const Schedule& schedule,
                                           const TrainingCosts& costs) {
  if (step.iterations != 1) return std::nullopt;
  // Which copies exist follows from their prices (none where nothing is offloaded).
  if (!costs.host_copy.empty()) return std::nullopt;
  StepPricing pricing(schedule);
  if (step.options.pairs_hide_expert_comm && pricing.usage_.pairs) return std::nullopt;
  pricing.num_stages_ = static_cast<std::size_t>(schedule.num_stages());
  pricing.stages_of_rank_ = stages_of_ranks(schedule);
  const Prices now = pricing.prices(schedule, costs, step.options);
  pricing.shape_ = now.shape;
  const Index index(schedule);
  if (!pricing.find_work(step, index) || !pricing.find_delays(step, index)) return std::nullopt;
  // What was read off the labels has to be what the lowering wrote.
  const TaskGraph& graph = step.graph;
  for (TaskId task = 0; task < graph.num_tasks(); ++task) {
    if (graph.work()[task] != now.value[pricing.work_[task]]) return std::nullopt;
  }
  for (const auto& [edge, price] : pricing.delays_) {
    if (graph.edge_delay()[edge] != now.value[price]) return std::nullopt;
  }
  return pricing;
}

bool StepPricing::apply(const Schedule& schedule, const TrainingCosts& costs,
                        LoweredStep& step) const {
  const Prices now = prices(schedule, costs, step.options);
  if (now.shape != shape_) return false;
  const std::span<std::int64_t> work = step.graph.mutable_work();
  for (std::size_t task = 0; task < work_.size(); ++task) work[task] = now.value[work_[task]];
  const std::span<SimTime> delay = step.graph.mutable_edge_delay();
  for (const auto& [edge, price] : delays_) delay[edge] = now.value[price];
  return true;
}

}  // namespace plumbline
