// What a serving run refuses: options that contradict the plan, requests that the engine would
// refuse or never run, and an end with requests left over.
#pragma once

#include <vector>

#include "sim/core/diagnostic.h"
#include "sim/plan/parallel_plan.h"
#include "sim/plan/serving_options.h"
#include "sim/serving/request.h"

namespace plumbline {

struct ModelSpec;

/// Every way in which the options contradict the plan, with paths of a serving scenario.
std::vector<Diagnostic> plan_problems(const ModelSpec& model, const ParallelPlan& plan,
                                      const ServingOptions& serving);

/// @throws InputError when a request is longer than max_model_len, when without chunks one could
///         never be scheduled (vLLM refuses both), or when every prompt is shorter than what
///         prompts are said to have in common
void check_requests(const ServingOptions& serving, const std::vector<Request>& requests);

/// A request that never finishes has no latency, so a run with one has no statistics.
/// @throws InputError when a request has not finished
void check_finished(const std::vector<Request>& requests);

}  // namespace plumbline
