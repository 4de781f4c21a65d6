// A pipeline lowered, run and measured in one call.
#pragma once

#include <vector>

#include "sim/measure/measure_training.h"
#include "tests/unit/lowering/pipelines.h"

namespace plumbline::test {

inline constexpr double kMega = 1e6;

/// 1 MB of weights a rank; a micro-batch leaves 10 MB per stage, of which 4 stay after I, and
/// operations need 2 (F) and 3 MB (B, I) besides.
inline MemoryModel simple_memory(const Schedule& schedule) {
  MemoryModel memory;
  MemoryBreakdown at_rest;
  at_rest.weights = Bytes(1 * kMega);
  memory.rank_static.assign(schedule.ranks.size(), at_rest);
  StageMemory stage;
  stage.activations = Bytes(10 * kMega);
  stage.activations_after_input_grad = Bytes(4 * kMega);
  stage.forward_transient.workspace = Bytes(2 * kMega);
  stage.backward_transient.workspace = Bytes(3 * kMega);
  memory.stages.assign(schedule.num_stages(), stage);
  return memory;
}

inline TrainingResult measure(const Schedule& schedule, const TrainingCosts& costs,
                              const LoweringOptions& options = {}, bool memory_over_time = false) {
  const Ran ran = run(schedule, costs, options);
  const MemoryModel memory = simple_memory(schedule);
  const ParallelPlan plan;
  return measure_training({.schedule = schedule,
                           .step = ran.step,
                           .timeline = ran.timeline,
                           .costs = costs,
                           .memory = memory,
                           .plan = plan,
                           .gpus = 2,
                           .sequences_per_step = 16,
                           .tokens_per_step = 4096,
                           .peak_flops = FlopsPerSecond(1e15),
                           .usable_memory = Bytes(80e9),
                           .memory_over_time = memory_over_time});
}

inline double sum(const Breakdown& b) {
  return b.compute + b.recompute + b.tensor_comm + b.context_comm + b.pipeline_comm + b.data_comm +
         b.expert_comm + b.bubble + b.host + b.optimizer;
}

inline double sum(const IdleCauses& c) {
  return c.warm_up + c.drain + c.imbalance + c.dependency + c.forward_comm + c.backward_comm +
         c.slow_link + c.host_copies;
}

inline double sum(const std::vector<CriticalStep>& path) {
  double seconds = 0;
  for (const CriticalStep& step : path) seconds += step.seconds;
  return seconds;
}

/// Seconds of the critical path under that name.
inline double on_path(const TrainingResult& result, const std::string& what) {
  for (const CriticalStep& step : result.critical_path) {
    if (step.what == what) return step.seconds;
  }
  return 0;
}

}  // namespace plumbline::test
