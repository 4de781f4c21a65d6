#include "sim/serving/serving_plan.h"

#include <algorithm>
#include <utility>

#include "sim/serving/check_serving.h"

namespace plumbline {

std::vector<int> vllm_layer_split(std::int64_t layers, int pipeline) {
  std::vector<int> split(static_cast<std::size_t>(pipeline), static_cast<int>(layers / pipeline));
  const std::size_t last = split.size() - 1;
  for (std::size_t i = 0; i < static_cast<std::size_t>(layers % pipeline); ++i) {
    split[last - 1 - i] += 1;
  }
  return split;
}

ParallelPlan make_serving_plan(const ModelSpec& model, const Cluster& cluster,
                               const ParallelOptions& parallelism, const ServingOptions& serving) {
  LayerSplitOptions split;
  split.split = LayerSplit::kGiven;
  split.given = serving.layers_per_stage;
  if (split.given.empty() && parallelism.pipeline >= 1) {
    split.given = vllm_layer_split(model.layers, parallelism.pipeline);
  }
  // The plan checks a batch of training; a serving run has none that could fail.
  TrainingOptions no_batch;
  const int replica = std::max(1, parallelism.tensor * parallelism.pipeline);
  no_batch.global_batch_size = parallelism.data.value_or(std::max(1, cluster.gpus() / replica));
  std::vector<Diagnostic> problems;
  try {
    ParallelPlan plan = make_plan(model, cluster, parallelism, split, no_batch);
    problems = plan_problems(model, plan, serving);
    if (problems.empty()) return plan;
  } catch (const InputError& error) {
    problems = error.diagnostics();
    for (Diagnostic& problem : problems) {
      if (problem.path == "training.layers_per_stage") problem.path = "serving.layers_per_stage";
    }
  }
  throw InputError(std::move(problems));
}

}  // namespace plumbline
