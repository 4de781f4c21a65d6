#include "sim/serving/check_serving.h"

#include <algorithm>
#include <string>
#include <utility>

#include "models/model_spec.h"

namespace plumbline {
namespace {

std::string described(std::size_t number, const Request& request) {
  return "request " + std::to_string(number) + " (" + std::to_string(request.prompt_tokens) +
         " tokens of prompt, " + std::to_string(request.output_tokens) + " of output)";
}

std::int64_t tokens_of(const Request& request) {
  return std::int64_t{request.prompt_tokens} + request.output_tokens;
}

}  // namespace

std::vector<Diagnostic> plan_problems(const ModelSpec& model, const ParallelPlan& plan,
                                      const ServingOptions& serving) {
  std::vector<Diagnostic> out;
  const auto add = [&](const char* path, std::string problem, std::string hint) {
    out.push_back(diagnose(path, problem, hint));
  };
  if (serving.disaggregated) {
    const Disaggregated& split = *serving.disaggregated;
    if (split.prefill_replicas + split.decode_replicas != plan.data) {
      add("serving.disaggregated",
          "prefill_replicas + decode_replicas is not the number of replicas, " +
              std::to_string(plan.data),
          "a replica has tensor x pipeline GPUs");
    }
    if (serving.batching.policy == BatchingPolicy::kStatic) {
      add("serving.batching.policy",
          "a static batch cannot be divided into prompts and outputs on different replicas",
          "vllm, orca or sarathi, or leave serving.disaggregated out");
    }
  }
  if (serving.data_parallel_lock_step && serving.disaggregated) {
    add("serving.data_parallel_lock_step",
        "replicas in lock-step serve whole requests in this version", "leave disaggregated out");
  }
  if (model.moe && plan.expert > plan.tensor && !serving.data_parallel_lock_step) {
    add("parallelism.expert",
        std::to_string(plan.expert) + " is more than the " + std::to_string(plan.tensor) +
            " GPUs of a tensor group: replicas that share experts exchange tokens in every layer",
        "serving.data_parallel_lock_step: true, or at most " + std::to_string(plan.tensor));
  }
  if (model.moe && plan.data > 1 && plan.expert <= plan.tensor && serving.data_parallel_lock_step) {
    add("serving.data_parallel_lock_step",
        "replicas step together where they share experts, and parallelism.expert, " +
            std::to_string(plan.expert) + ", leaves each replica all of them",
        "expert: " + std::to_string(plan.tensor * plan.data) + ", or leave it out");
  }
  return out;
}

void check_requests(const ServingOptions& serving, const std::vector<Request>& requests) {
  if (requests.empty()) return;
  std::vector<Diagnostic> problems;
  const auto longest = std::ranges::max_element(requests, {}, tokens_of);
  const std::string which =
      described(static_cast<std::size_t>(longest - requests.begin()), *longest);
  const std::int64_t tokens = tokens_of(*longest);
  if (serving.max_model_len && tokens > *serving.max_model_len) {
    problems.push_back(diagnose("serving.max_model_len",
                                std::to_string(*serving.max_model_len) + " is exceeded by " + which,
                                "the engine would refuse it; at least " + std::to_string(tokens) +
                                    ", or shorter requests (max:)"));
  }
  // Preempted, a request comes back with what it has generated as part of its prompt.
  const BatchingOptions& batching = serving.batching;
  const bool budgeted =
      batching.policy == BatchingPolicy::kVllm || batching.policy == BatchingPolicy::kSarathi;
  if (budgeted && !batching.chunked_prefill && tokens > batching.max_num_batched_tokens) {
    problems.push_back(diagnose(
        "serving.batching.max_num_batched_tokens",
        std::to_string(batching.max_num_batched_tokens) +
            " tokens of a step are fewer than those of " + which +
            ", which serving.batching.chunked_prefill: false forbids to split",
        "at least " + std::to_string(tokens) + ", shorter requests, or chunked_prefill: true"));
  }
  if (const auto& prefix = serving.requests.prefix) {
    const std::int64_t prompt =
        std::ranges::max_element(requests, {}, &Request::prompt_tokens)->prompt_tokens;
    if (prefix->tokens > prompt) {
      problems.push_back(diagnose("serving.requests.prefix.tokens",
                                  std::to_string(prefix->tokens) +
                                      " tokens in common are more than the longest prompt has, " +
                                      std::to_string(prompt),
                                  "at most as many as prompts have"));
    }
  }
  if (!problems.empty()) throw InputError(std::move(problems));
}

void check_finished(const std::vector<Request>& requests) {
  const auto unfinished = [](const Request& request) {
    return request.finish == kNotYet || request.first_token == kNotYet;
  };
  const auto left = std::ranges::count_if(requests, unfinished);
  if (left == 0) return;
  const auto first = std::ranges::find_if(requests, unfinished);
  throw InputError(
      {diagnose("serving",
                std::to_string(left) + " of " + std::to_string(requests.size()) +
                    " requests never finish; the first is " +
                    described(static_cast<std::size_t>(first - requests.begin()), *first),
                "nothing could run any more: more blocks, or other serving.batching")});
}

}  // namespace plumbline
