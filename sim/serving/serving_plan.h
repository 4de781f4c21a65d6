// How a served model is spread over its cluster: the plan of training, with the layers split as
// the engine does.
#pragma once

#include "sim/plan/parallel_plan.h"
#include "sim/plan/serving_options.h"

namespace plumbline {

/// Layers of each stage when the scenario gives none: even, and where layers / pipeline leaves a
/// remainder, one more each for the stages before the last, counted from the back.
/// Source: vLLM, distributed/utils.py, get_pp_indices.
/// REQUIRES: layers >= 0, pipeline >= 1
std::vector<int> vllm_layer_split(std::int64_t layers, int pipeline);

/// @throws InputError with every problem, paths of a serving scenario
ParallelPlan make_serving_plan(const ModelSpec& model, const Cluster& cluster,
                               const ParallelOptions& parallelism, const ServingOptions& serving);

}  // namespace plumbline
