#include "sim/measure/measure_training.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "sim/lowering/step_tail.h"
#include "sim/measure/critical_path.h"
#include "sim/measure/lower_bound.h"
#include "sim/measure/memory_walk.h"
#include "sim/measure/path_composition.h"
#include "sim/measure/rank_times.h"
#include "sim/measure/releases.h"

namespace plumbline {
namespace {

double seconds(SimTime time) { return to_seconds(time).base(); }

void check_sizes(const MeasureInput& input) {
  const auto stages = static_cast<std::size_t>(input.schedule.num_stages());
  if (input.memory.stages.size() != stages ||
      input.memory.rank_static.size() != input.schedule.ranks.size()) {
    throw std::invalid_argument("measure_training: the memory model is of another schedule");
  }
}

/// When what follows a rank's last operation has ended.
struct RankEnds {
  SimTime operations = 0, reduced = 0, optimizer = 0, gather = 0;  ///< ascending
};

/// @param operations  when the rank's last operation ends, or what its optimizer waits for
RankEnds rank_ends(const RankTail& tail, const Timeline& timeline, SimTime operations) {
  const auto after = [&](SimTime begin, TaskId task) {
    return task == kNoTask ? begin : std::max(begin, timeline.finish[task]);
  };
  RankEnds ends{.operations = operations};
  ends.reduced = after(ends.operations, tail.reduced);
  ends.optimizer = after(ends.reduced, tail.optimizer);
  ends.gather = after(ends.optimizer, tail.gather);
  return ends;
}

/// What follows the compute phase of a step that flushes.
struct Tail {
  SimTime begin = 0;            ///< the end of the compute phase
  SimTime barrier = 0;          ///< every gradient is reduced
  SimTime end = 0;              ///< of the iteration
  std::vector<RankEnds> ranks;  ///< [ranks]
  std::size_t slowest = 0;      ///< the rank that ends last
};

Tail read_tail(const LoweredStep& step, const Timeline& timeline, SimTime phase_end) {
  Tail tail{.begin = phase_end, .barrier = phase_end, .ranks = {}};
  for (const RankTail& rank : step.tails) {
    if (rank.reduced != kNoTask) {
      tail.barrier = std::max(tail.barrier, timeline.finish[rank.reduced]);
    }
  }
  for (std::size_t rank = 0; rank < step.tails.size(); ++rank) {
    tail.ranks.push_back(rank_ends(step.tails[rank], timeline, tail.barrier));
    if (tail.ranks[rank].gather > tail.ranks[tail.slowest].gather) tail.slowest = rank;
  }
  tail.end = tail.ranks[tail.slowest].gather;
  return tail;
}

/// A rank that is done before the slowest one waits for what that one is doing.
void add_tail(Breakdown& sum, const Tail& tail, std::size_t rank) {
  const RankEnds& own = tail.ranks[rank];
  const SimTime turn = std::max(own.gather, tail.ranks[tail.slowest].optimizer);
  sum.optimizer += seconds(own.optimizer - tail.barrier) + seconds(turn - own.gather);
  sum.data_comm += seconds(tail.barrier - tail.begin) + seconds(own.gather - own.optimizer) +
                   seconds(tail.end - turn);
}

void add_busy(Breakdown& sum, const RankTimes& times) {
  sum.compute += times.causes.compute.base();
  sum.recompute += times.causes.recompute.base();
  sum.tensor_comm += times.causes.tensor_comm.base();
  sum.context_comm += times.causes.context_comm.base();
  sum.expert_comm += times.causes.expert_comm.base();
  sum.host += times.causes.host.base();
  sum.data_comm += times.causes.data_comm.base();
}

void add_window(Breakdown& sum, const RankTimes& times) {
  add_busy(sum, times);
  sum.data_comm += seconds(times.data);
  sum.optimizer += seconds(times.optimizer);
  sum.pipeline_comm += seconds(times.pipeline_comm());
  sum.bubble += seconds(times.idle() - times.pipeline_comm());
}

/// With optimizer post-validation: iterations follow each other on every rank at the distance of
/// the longest span, from a rank's first operation to the end of its optimizer and gather.
///
/// @returns that rank's span
Window add_spans(Breakdown& sum, const std::vector<RankTimes>& times, const LoweredStep& step,
                 const Timeline& timeline) {
  std::vector<RankEnds> ends;
  Window longest;
  for (std::size_t rank = 0; rank < times.size(); ++rank) {
    ends.push_back(rank_ends(step.tails[rank], timeline, times[rank].last_end));
    const Window own{.begin = times[rank].first_start, .end = ends[rank].gather};
    if (own.length() > longest.length()) longest = own;
  }
  for (std::size_t rank = 0; rank < times.size(); ++rank) {
    const RankEnds& own = ends[rank];
    const SimTime comm = times[rank].pipeline_comm() - times[rank].first_hop;
    const SimTime tail = own.gather - own.operations;
    add_busy(sum, times[rank]);
    sum.pipeline_comm += seconds(comm);
    sum.optimizer += seconds(own.optimizer - own.reduced);
    sum.data_comm += seconds(own.reduced - own.operations) + seconds(own.gather - own.optimizer);
    sum.bubble += seconds(longest.length() - times[rank].busy - comm - tail);
  }
  return longest;
}

Breakdown divided(const Breakdown& sum, double by) {
  return {.compute = sum.compute / by,
          .recompute = sum.recompute / by,
          .tensor_comm = sum.tensor_comm / by,
          .context_comm = sum.context_comm / by,
          .pipeline_comm = sum.pipeline_comm / by,
          .data_comm = sum.data_comm / by,
          .expert_comm = sum.expert_comm / by,
          .bubble = sum.bubble / by,
          .host = sum.host / by,
          .optimizer = sum.optimizer / by};
}

RankResult rank_result(const MeasureInput& input, const MemoryWalk& memory, int rank,
                       const std::vector<int>& stages, const RankTimes& times, SimTime busiest,
                       const Window& window) {
  RankResult result;
  result.pipeline_rank = rank;
  result.stage_ids = stages;
  for (const int stage : stages) {
    if (static_cast<std::size_t>(stage) < input.plan.stages.size()) {
      result.stage_layers.push_back(input.plan.stages[stage]);
    }
  }
  result.busy_s = seconds(times.busy) / window.iterations;
  result.idle_s = seconds(times.idle()) / window.iterations;
  const bool asynchronous = input.step.iterations > 1;
  result.span_s =
      asynchronous ? result.busy_s + result.idle_s : seconds(times.last_end - times.first_start);
  result.idle_by_cause = idle_causes(times, busiest, window.iterations);

  const MemoryPeak peak = memory.peak(rank, input.memory_over_time);
  result.peak = peak.bytes;
  result.peak_time_s = seconds(peak.time);
  result.peak_operation = peak.operation;
  result.peak_live_activations = peak.live_activations;
  result.memory_over_time = peak.over_time;
  if (asynchronous) {
    const Schedule& schedule = input.schedule;
    if (!schedule.weight_versions.empty()) result.weight_versions = schedule.weight_versions[rank];
    if (!schedule.weight_staleness.empty()) {
      // Gradients that are reduced beside the compute are applied one update later.
      const bool late = input.costs.data_overlap && !input.costs.data.empty();
      result.weight_staleness = schedule.weight_staleness[rank] + (late ? 1 : 0);
    }
  }
  return result;
}

void fill_bubbles(TrainingResult& result) {
  double busy = 0, idle = 0, fractions = 0, longest_span = 0;
  for (const RankResult& rank : result.ranks) {
    const double phase = rank.busy_s + rank.idle_s;
    busy += rank.busy_s;
    idle += rank.idle_s;
    fractions += phase > 0 ? rank.idle_s / phase : 0;
    longest_span = std::max(longest_span, rank.span_s);
  }
  const auto ranks = static_cast<double>(result.ranks.size());
  result.bubble_fraction = fractions / ranks;
  result.bubble_overhead = busy > 0 ? idle / busy : 0;
  result.span_idle_fraction = longest_span > 0 ? (longest_span - busy / ranks) / longest_span : 0;
  result.compute_phase_s = (busy + idle) / ranks;
}

void fill_rates(TrainingResult& result, const MeasureInput& input) {
  const double time = result.iteration_time_s;
  if (time <= 0) return;
  result.samples_per_s = input.sequences_per_step / time;
  result.tokens_per_s = input.tokens_per_step / time;
  result.tokens_per_s_per_gpu = result.tokens_per_s / input.gpus;
  const double model = input.costs.model_flops_per_step / (time * input.gpus);
  const double hardware = input.costs.hardware_flops_per_step / (time * input.gpus);
  result.model_tflops_per_gpu = model * 1e-12;
  result.hardware_tflops_per_gpu = hardware * 1e-12;
  if (!(input.peak_flops > FlopsPerSecond(0.0))) return;
  result.mfu = model / input.peak_flops.base();
  result.hfu = hardware / input.peak_flops.base();
}

}  // namespace

TrainingResult measure_training(const MeasureInput& input) {
  check_sizes(input);
  const Window window = accounted_window(input.schedule, input.step, input.timeline);
  const Releases releases = find_releases(input.step, input.timeline);
  const std::vector<RankTimes> times =
      rank_times(input.schedule, input.step, input.timeline, input.costs, releases, window);
  const std::vector<std::vector<int>> stages = stages_of_ranks(input.schedule);
  SimTime busiest = 0;
  for (const RankTimes& rank : times) busiest = std::max(busiest, rank.busy);

  TrainingResult result;
  const MemoryWalk memory(input.step, input.timeline, input.schedule, input.memory);
  Breakdown sum;
  for (std::size_t rank = 0; rank < times.size(); ++rank) {
    result.ranks.push_back(rank_result(input, memory, static_cast<int>(rank), stages[rank],
                                       times[rank], busiest, window));
    result.peak_memory_bytes =
        std::max(result.peak_memory_bytes, result.ranks.back().peak.total().base());
  }
  Window iteration = window;
  const bool flushes = input.step.iterations == 1;
  if (flushes && input.costs.optimizer_post_validation) {
    iteration = add_spans(sum, times, input.step, input.timeline);
  } else {
    for (const RankTimes& rank : times) add_window(sum, rank);
  }
  if (flushes && !input.costs.optimizer_post_validation) {
    const Tail tail = read_tail(input.step, input.timeline, window.end);
    for (std::size_t rank = 0; rank < times.size(); ++rank) add_tail(sum, tail, rank);
    iteration.end = tail.end;
  }
  result.breakdown = divided(sum, static_cast<double>(times.size()) * window.iterations);
  result.iteration_time_s = seconds(iteration.length()) / iteration.iterations;
  result.critical_path = critical_path(input.step, input.timeline, releases, iteration);
  result.path = path_composition(input, releases, iteration);
  result.lower_bound_s = seconds(lower_bound(input.schedule, input.costs, input.step.options));
  result.usable_memory_bytes = input.usable_memory.base();
  fill_bubbles(result);
  fill_rates(result, input);
  return result;
}

}  // namespace plumbline
