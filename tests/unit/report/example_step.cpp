#include "tests/unit/report/example_step.h"

#include <algorithm>
#include <utility>

#include "schedules/catalog.h"
#include "sim/engine/execute.h"

namespace plumbline {
namespace {

constexpr double kGib = 1073741824.0;

OpCost costing(double seconds) {
  OpCost cost;
  cost.compute = Seconds(0.9 * seconds);
  cost.tensor_comm = Seconds(0.1 * seconds);
  return cost;
}

TrainingCosts costs_of(const ExampleShape& shape, int stages) {
  TrainingCosts costs;
  for (int s = 0; s < stages; ++s) {
    const double factor = s + 1 == stages ? shape.last_stage_factor : 1.0;
    const double forward = factor * shape.forward_s * shape.ranks / stages;
    costs.stages.push_back(
        {costing(forward), costing(2 * forward), costing(forward), costing(forward)});
    costs.forward_hop.push_back({Seconds(shape.hop_s), Bytes(1e6), true});
    costs.backward_hop.push_back({Seconds(shape.hop_s), Bytes(1e6), true});
    if (shape.data_parallel) {
      const double reduce = 0.6 * shape.forward_s;
      costs.data.push_back(
          {Seconds(reduce), Seconds(reduce / 4), Seconds(reduce / 2), Seconds(reduce / 8)});
    }
  }
  costs.blocking_hops = shape.blocking_hops;
  if (shape.data_parallel) {
    costs.optimizer.assign(static_cast<std::size_t>(shape.ranks), Seconds(0.5 * shape.forward_s));
  }
  return costs;
}

MemoryBreakdown memory_at(double live_activations) {
  MemoryBreakdown m;
  m.weights = Bytes(10.9 * kGib);
  m.gradients = Bytes(10.9 * kGib);
  m.optimizer = Bytes(16.3 * kGib);
  m.activations = Bytes(2.1 * kGib * live_activations);
  m.communication = Bytes(1.2 * kGib);
  m.workspace = Bytes(0.4 * kGib);
  m.framework = Bytes(1.1 * kGib);
  return m;
}

RankResult rank_result(const ExampleStep& example, int rank, double phase) {
  RankResult out;
  out.pipeline_rank = rank;
  for (const TaskId op : example.step.rank_ops[static_cast<std::size_t>(rank)]) {
    const double start = to_seconds(example.timeline.start[op]).base();
    const double finish = to_seconds(example.timeline.finish[op]).base();
    out.busy_s += finish - start;
    out.memory_over_time.push_back({start, 42 * kGib});
    out.memory_over_time.push_back({finish, 41 * kGib});
  }
  out.idle_s = phase - out.busy_s;
  const int ranks = static_cast<int>(example.schedule.ranks.size());
  out.idle_by_cause.warm_up = out.idle_s * rank / std::max(1, ranks);
  out.idle_by_cause.drain = 0.5 * (out.idle_s - out.idle_by_cause.warm_up);
  out.idle_by_cause.forward_comm = out.idle_s - out.idle_by_cause.warm_up - out.idle_by_cause.drain;
  out.span_s = phase;
  out.peak_live_activations = ranks - rank;
  out.peak = memory_at(out.peak_live_activations);
  out.peak_operation = std::to_string(rank) + "B0";
  const int stages = example.schedule.num_stages();
  for (int stage = 0; stage < stages; ++stage) {
    if (example.schedule.stage_rank[0][static_cast<std::size_t>(stage)] != rank) continue;
    out.stage_ids.push_back(stage);
    out.stage_layers.push_back({stage * 2, stage * 2 + 2, stage == 0, stage + 1 == stages});
  }
  return out;
}

}  // namespace

void PrintTo(const ExampleShape& shape, std::ostream* out) {
  *out << shape.schedule << ", " << shape.ranks << " ranks, " << shape.chunks << " chunks, "
       << shape.microbatches << " micro-batches" << (shape.blocking_hops ? ", blocking" : "")
       << (shape.fold_transfers ? ", folded" : "");
}

ExampleStep example_step(const ExampleShape& shape) {
  ExampleStep example;
  ScheduleOptions options;
  options.interleaved_rule = InterleavedRule::kMegatron;
  example.schedule =
      generate_schedule(shape.schedule, {shape.ranks, shape.chunks, shape.microbatches}, options);
  LoweringOptions lowering;
  lowering.fold_transfers = shape.fold_transfers;
  example.step =
      lower_training(example.schedule, costs_of(shape, example.schedule.num_stages()), lowering);
  Execution run = execute(example.step.graph);
  example.timeline = std::move(run.timeline);

  double phase = 0, end = 0;
  for (TaskId task = 0; task < example.step.labels.size(); ++task) {
    const double finish = to_seconds(example.timeline.finish[task]).base();
    end = std::max(end, finish);
    if (is_operation(example.step.labels[task].kind)) phase = std::max(phase, finish);
  }
  Result& result = example.result;
  result.scenario = "An example: " + shape.schedule + " on " + std::to_string(shape.ranks) +
                    " ranks <not measured>";
  result.assumptions = {"tensor_overlap: none, because the software of 2022 exposes collectives"};
  result.engine = {static_cast<std::int64_t>(example.step.labels.size()), "static_pass", run.reason,
                   0.001};
  TrainingResult& t = result.training;
  t.iteration_time_s = end;
  t.compute_phase_s = phase;
  t.tokens_per_s = shape.microbatches * 8.0 * 2048 / end;
  t.tokens_per_s_per_gpu = t.tokens_per_s / (8.0 * shape.ranks);
  t.samples_per_s = shape.microbatches * 8.0 / end;
  t.model_tflops_per_gpu = 140.25;
  t.hardware_tflops_per_gpu = 152.5;
  t.mfu = 0.4495;
  t.hfu = 0.4888;
  t.lower_bound_s = 0.96 * end;
  for (int rank = 0; rank < shape.ranks; ++rank) {
    const RankResult r = rank_result(example, rank, phase);
    t.breakdown.compute += 0.9 * r.busy_s / shape.ranks;
    t.breakdown.tensor_comm += 0.1 * r.busy_s / shape.ranks;
    t.breakdown.bubble += r.idle_s / shape.ranks;
    t.bubble_fraction += r.idle_s / phase / shape.ranks;
    t.peak_memory_bytes = std::max(t.peak_memory_bytes, r.peak.total().base());
    t.ranks.push_back(r);
  }
  t.breakdown.data_comm = 0.5 * (end - phase);
  t.breakdown.optimizer = 0.5 * (end - phase);
  t.usable_memory_bytes = 79.1 * kGib;
  result.fits = t.peak_memory_bytes <= t.usable_memory_bytes;
  t.critical_path = {{"F on rank 0", 0.320, 8}, {"transfer 0 -> 1", 0.003, 3}};
  t.sensitivities = {{"GEMM 10 % faster", 0.93 * end, 0.07},
                     {"inter-node links twice as fast", 0.995 * end, 0.005}};
  return example;
}

}  // namespace plumbline
