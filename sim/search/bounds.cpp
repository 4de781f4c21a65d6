#include "sim/search/bounds.h"

#include <algorithm>

#include "sim/measure/memory_walk.h"

namespace plumbline {
namespace {

// Sums of many rounded operations against products of a few: far more than they differ by.
constexpr double kRounding = 1e-6;

struct Times {
  double forward = 0, backward = 0;  ///< what the next stage waits for
  double weight_gradient = 0;        ///< what nobody waits for
  double work = 0;                   ///< of one micro-batch
};

Times times_of(const ScheduleTraits& traits, const StageCost& cost) {
  const auto total = [&](const OpCost& op) {
    const Seconds time = traits.pairs ? op.total() - op.expert_comm : op.total();
    return std::max(0.0, time.base());
  };
  const double whole = total(cost.backward), input = total(cost.input_grad),
               weight = total(cost.weight_grad);
  Times times;
  times.forward = total(cost.forward);
  if (!traits.split_backward) {
    times.backward = whole;
    times.work = times.forward + whole;
  } else {
    times.backward = traits.full_backward ? std::min(whole, input) : input;
    times.weight_gradient = weight;
    const double both = input + weight;
    times.work = times.forward + (traits.full_backward ? std::min(whole, both) : both);
  }
  return times;
}

}  // namespace

Seconds time_bound(const ScheduleTraits& traits, const std::vector<StageCost>& stages,
                   std::int64_t microbatches) {
  const std::size_t count = stages.size();
  std::vector<Times> times;
  times.reserve(count);
  for (const StageCost& cost : stages) times.push_back(times_of(traits, cost));
  std::vector<double> forwards(count + 1, 0.0), backwards(count + 1, 0.0);
  for (std::size_t s = 0; s < count; ++s) {
    forwards[s + 1] = forwards[s] + times[s].forward;
    backwards[s + 1] = backwards[s] + times[s].backward;
  }

  const std::size_t ranks =
      1 + static_cast<std::size_t>(*std::ranges::max_element(traits.stage_rank.front()));
  const double each = static_cast<double>(microbatches / traits.replicas);
  std::vector<double> work(ranks, 0.0), weight_gradients(ranks, 0.0);
  std::vector<std::size_t> first(ranks, count);
  for (const std::vector<int>& rank_of : traits.stage_rank) {
    for (std::size_t s = 0; s < count; ++s) {
      const auto rank = static_cast<std::size_t>(rank_of[s]);
      work[rank] += each * times[s].work;
      weight_gradients[rank] += each * times[s].weight_gradient;
      first[rank] = std::min(first[rank], s);
    }
  }
  double longest = 0.0;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    if (!traits.flushes) {
      longest = std::max(longest, work[rank]);
    } else if (first[rank] < count) {
      const double tail = backwards[first[rank]] - weight_gradients[rank];
      longest = std::max(longest, forwards[first[rank]] + work[rank] + std::max(0.0, tail));
    }
  }
  if (traits.flushes) longest = std::max(longest, forwards[count] + backwards[count]);
  return Seconds(longest * (1.0 - kRounding));
}

Bytes memory_bound(const ScheduleTraits& traits, const MemoryModel& memory) {
  Bytes most;
  for (const std::vector<int>& rank_of : traits.stage_rank) {
    for (std::size_t rank = 0; rank < memory.rank_static.size(); ++rank) {
      Bytes held = memory.rank_static[rank].total();
      Bytes transient;
      for (std::size_t s = 0; s < rank_of.size(); ++s) {
        if (static_cast<std::size_t>(rank_of[s]) != rank) continue;
        const StageMemory& stage = memory.stages[s];
        held += stage.activations + stage.logits;
        transient = stage.backward_transient.total();  // of the last stage: its backward is first
      }
      most = max(most, held + transient);
    }
  }
  return Bytes(most.base() * (1.0 - kRounding));
}

Bytes peak_memory(const Schedule& schedule, const MemoryModel& memory) {
  LoweredStep order;
  for (std::size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    order.rank_ops.emplace_back();
    for (const Op& op : schedule.ranks[rank]) {
      TaskLabel label;
      label.kind = static_cast<TaskKind>(op.kind);
      label.replica = op.replica;
      label.rank = static_cast<std::int32_t>(rank);
      label.stage = op.stage;
      label.microbatch = op.microbatch;
      order.rank_ops.back().push_back(static_cast<TaskId>(order.labels.size()));
      order.labels.push_back(label);
    }
  }
  const std::vector<SimTime> no_times(order.labels.size(), 0);
  const Timeline timeline{no_times, no_times};
  const MemoryWalk walk(order, timeline, schedule, memory);
  Bytes most;
  for (std::size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    const MemoryPeak peak = walk.peak(static_cast<int>(rank), false);
    most = max(most, peak.bytes.total());
  }
  return most;
}

}  // namespace plumbline
