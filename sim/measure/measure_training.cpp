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

/// What follows the compute phase of a step that flushes.
struct Tail {
  SimTime begin = 0;                   ///< the end of the compute phase
  SimTime barrier = 0;                 ///< every gradient is reduced
  SimTime end = 0;                     ///< of the iteration
  std::vector<SimTime> optimizer_end;  ///< [ranks]
  std::vector<SimTime> gather_end;     ///< [ranks]
  std::size_t slowest = 0;             ///< the rank that ends last
};

Tail read_tail(const LoweredStep& step, const Timeline& timeline, SimTime phase_end) {
  Tail tail;
  tail.begin = phase_end;
  tail.end = *std::max_element(timeline.finish.begin(), timeline.finish.end());
  tail.barrier = step.barrier == kNoTask ? tail.end : timeline.finish[step.barrier];
  tail.optimizer_end.assign(step.rank_ops.size(), tail.barrier);
  for (TaskId task = 0; task < step.labels.size(); ++task) {
    const TaskLabel& label = step.labels[task];
    if (label.kind == TaskKind::kOptimizer) tail.optimizer_end[label.rank] = timeline.finish[task];
  }
  tail.gather_end = tail.optimizer_end;
  for (TaskId task = 0; task < step.labels.size(); ++task) {
    const TaskLabel& label = step.labels[task];
    if (label.kind == TaskKind::kDataGather) tail.gather_end[label.rank] = timeline.finish[task];
  }
  tail.slowest = static_cast<std::size_t>(
      std::max_element(tail.gather_end.begin(), tail.gather_end.end()) - tail.gather_end.begin());
  return tail;
}

/// A rank that is done before the slowest one waits for what that one is doing.
void add_tail(Breakdown& sum, const Tail& tail, std::size_t rank) {
  const SimTime done = tail.gather_end[rank];
  const SimTime turn = std::max(done, tail.optimizer_end[tail.slowest]);
  sum.optimizer += seconds(tail.optimizer_end[rank] - tail.barrier) + seconds(turn - done);
  sum.data_comm += seconds(tail.barrier - tail.begin) + seconds(done - tail.optimizer_end[rank]) +
                   seconds(tail.end - turn);
}

void add_window(Breakdown& sum, const RankTimes& times) {
  sum.compute += times.causes.compute.base();
  sum.recompute += times.causes.recompute.base();
  sum.tensor_comm += times.causes.tensor_comm.base();
  sum.context_comm += times.causes.context_comm.base();
  sum.expert_comm += times.causes.expert_comm.base();
  sum.host += times.causes.host.base();
  sum.data_comm += times.causes.data_comm.base() + seconds(times.data);
  sum.optimizer += seconds(times.optimizer);
  sum.pipeline_comm += seconds(times.pipeline_comm());
  sum.bubble += seconds(times.idle() - times.pipeline_comm());
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

RankResult rank_result(const MeasureInput& input, int rank, const std::vector<int>& stages,
                       const RankTimes& times, SimTime busiest, const Window& window) {
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

  const MemoryPeak peak = memory_peak(input.step, input.timeline, input.schedule, input.memory,
                                      rank, input.memory_over_time);
  result.peak = peak.bytes;
  result.peak_time_s = seconds(peak.time);
  result.peak_operation = peak.operation;
  result.peak_live_activations = peak.live_activations;
  result.memory_over_time = peak.over_time;
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
  Breakdown sum;
  for (std::size_t rank = 0; rank < times.size(); ++rank) {
    result.ranks.push_back(
        rank_result(input, static_cast<int>(rank), stages[rank], times[rank], busiest, window));
    result.peak_memory_bytes =
        std::max(result.peak_memory_bytes, result.ranks.back().peak.total().base());
    add_window(sum, times[rank]);
  }
  Window iteration = window;
  if (input.step.iterations == 1) {
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
