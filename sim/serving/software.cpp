// The table of engines.
//
// vLLM's two gaps were fitted to one measured run (vLLM 0.19, Llama-3.1-8B on one RTX PRO 6000, 300
// requests, LLMServingSim 5daddb2), which is therefore in no summary; three other runs are held
// out. Its host time was fitted to 54 closed loops of vLLM 0.12, which waits for it (Qwen3-32B in
// bf16 on H100, 2 to 8 GPUs, 8 to 128 users, AIConfigurator's silicon table), so those rows are
// in-sample: the excess over the kernels grows with the users alone. Where the engine is
// asynchronous it hides behind the GPU. The launch of a layer without graphs (0.3 ms, about ten
// launches) is assumed; it is a floor that measured kernels seldom reach. See
// docs/serving_accuracy.md.

#include "sim/serving/software.h"

#include <algorithm>
#include <array>

#include "sim/core/diagnostic.h"

namespace plumbline {
namespace {

constexpr std::string_view kHostAssumed =
    "host time per step (0.3 ms and 33 us a sequence) is that of vLLM 0.12 on one system";

constexpr ServingSoftware vllm_async() {
  ServingSoftware f;
  f.name = "vllm_v1_async";
  f.summary = "vLLM v1 with asynchronous scheduling: the host works while the GPU does";
  f.source = "vLLM 0.19: v1/engine/core.py step_with_batch_queue, v1/core/sched/async_scheduler.py";
  f.asynchronous = true;
  f.host_base = Seconds(0.3e-3);
  f.host_per_sequence = Seconds(33e-6);
  f.step_gap = Seconds(0.3e-3);
  f.chunk_gap_per_layer = Seconds(40e-6);
  f.eager_per_layer = Seconds(0.3e-3);
  f.assumed = kHostAssumed;
  return f;
}

constexpr ServingSoftware vllm_sync() {
  ServingSoftware f = vllm_async();
  f.name = "vllm_v1_sync";
  f.summary = "vLLM v1 without asynchronous scheduling: each step waits for the host";
  f.source = "vLLM 0.19: v1/engine/core.py step; --no-async-scheduling";
  f.asynchronous = false;
  return f;
}

constexpr ServingSoftware sglang() {
  ServingSoftware f = vllm_async();
  f.name = "sglang";
  f.summary = "SGLang with its overlap scheduler";
  f.source = "SGLang 0.5: managers/scheduler.py event_loop_overlap; its gaps are taken from vLLM's";
  f.mixes_prompts = false;
  f.assumed =
      "SGLang's gaps and host time per step are those of vLLM: nobody published its own; steps are "
      "batched by vLLM's rules";
  return f;
}

constexpr ServingSoftware tensorrt_llm() {
  ServingSoftware f = vllm_async();
  f.name = "tensorrt_llm";
  f.summary = "TensorRT-LLM's PyTorch flow with the overlap scheduler";
  f.source = "TensorRT-LLM 1.0: _torch/pyexecutor/py_executor.py; its gaps are taken from vLLM's";
  f.fp8_cutlass = false;
  f.assumed =
      "TensorRT-LLM's gaps and host time per step are those of vLLM: nobody published its own; "
      "steps are batched by vLLM's rules";
  return f;
}

constexpr ServingSoftware kernels_only() {
  ServingSoftware f;
  f.name = "kernels_only";
  f.summary = "an engine whose host and launches cost nothing: the kernels' sum, a lower bound";
  f.source = "by definition";
  f.asynchronous = true;
  return f;
}

constexpr std::array kSoftware{vllm_async(), vllm_sync(), sglang(), tensorrt_llm(), kernels_only()};

}  // namespace

std::span<const ServingSoftware> all_serving_software() { return kSoftware; }

const ServingSoftware* find_serving_software(std::string_view name) {
  const auto it = std::ranges::find(kSoftware, name, &ServingSoftware::name);
  return it == kSoftware.end() ? nullptr : &*it;
}

const ServingSoftware& serving_software(std::string_view name) {
  if (const ServingSoftware* found = find_serving_software(name)) return *found;
  std::string known;
  for (const ServingSoftware& software : kSoftware) {
    known += (known.empty() ? "" : ", ") + std::string(software.name);
  }
  throw InputError(
      {diagnose("serving.software", "no inference engine is called '" + std::string(name) + "'",
                "there are " + known)});
}

std::vector<std::int64_t> cuda_graph_sizes(std::int64_t max_num_seqs) {
  const std::int64_t largest = std::min<std::int64_t>(2 * max_num_seqs, 512);
  std::vector<std::int64_t> sizes;
  for (const std::int64_t size : {1, 2, 4}) {
    if (size <= largest) sizes.push_back(size);
  }
  for (std::int64_t size = 8; size <= std::min<std::int64_t>(256, largest); size += 8) {
    sizes.push_back(size);
  }
  for (std::int64_t size = 272; size <= largest; size += 16) sizes.push_back(size);
  return sizes;
}

}  // namespace plumbline
