// How many KV blocks a replica has: what vLLM's profiling run finds, from the model's dimensions.
//
//   blocks = floor((ceil(total * utilization) - weights - activation peak - outside the allocator
//                   - graphs) / (layers of the worker * block * bytes per token and layer)),
//
// the minimum over workers (vllm/v1/core/kv_cache_utils.py). Of layers with a sliding window only
// the window is kept: room for max_num_seqs windows is set aside, the pool's blocks hold the others
// (vLLM's hybrid KV cache manager shares one pool; the total is the same).

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>

#include "models/parameters.h"
#include "sim/cluster/device.h"
#include "sim/core/diagnostic.h"
#include "sim/kernels/kernel_times.h"
#include "sim/plan/serving_options.h"
#include "sim/serving/price_basis.h"
#include "sim/serving/software.h"
#include "sim/serving/step_prices.h"
#include "sim/serving/weights.h"

namespace plumbline {
namespace {

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
/// CUDA context, cuBLAS handles and workspaces: 0.4 to 0.6 GiB on data-centre GPUs in vLLM's logs.
constexpr double kContextBytes = 0.55 * kGiB;
/// NCCL's channels and the buffers of the custom all-reduce, where a replica has more than one GPU:
/// assumed, no published figure. Every result states it, as it does the next.
constexpr double kCommunicationBytes = 0.6 * kGiB;
/// Captured graphs, private pools and launch parameters of all sizes, per layer: assumed. With the
/// others it makes the 1.27 GiB that one published log has beside weights
/// (tests/unit/serving_costs).
constexpr double kGraphBytesPerLayer = 4.0 * 1024 * 1024;

/// "61.2 GiB"
std::string gib(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GiB", bytes / kGiB);
  return text;
}

// vLLM profiles one forward of max_num_batched_tokens and one sampling of max_num_seqs rows. The
// layer's peak: residual and hidden states, the widest product's output and the activation's; the
// head's: logits in 16 and 32 bits, and a sort of them with 64-bit indices (top-p, top-k).
double activation_peak(const ServedModel& served, const StageLayers& stage) {
  const ModelSpec& m = served.model;
  const BatchingOptions& batching = served.options.batching;
  const double tokens = static_cast<double>(batching.max_num_batched_tokens);
  const double tensor = served.plan.tensor, h = static_cast<double>(m.hidden);
  double width = m.moe && m.moe_layers() == m.layers ? 0.0 : static_cast<double>(m.ffn) / tensor;
  if (m.moe) {
    const double routed = static_cast<double>(m.moe->top_k * m.moe->expert_ffn);
    width = std::max(width, routed / expert_cut(served.plan));
  }
  const double gate = m.gated() ? 2 : 1;
  const double layer = tokens * (2 * 2 * h + 2 * (gate + 1) * width);
  if (!stage.head) return layer;
  const double rows =
      static_cast<double>(std::min(batching.max_num_seqs, batching.max_num_batched_tokens));
  const double logits = rows * static_cast<double>(m.vocab) * (2 + 4 + 4 + 8);
  return std::max(layer, 2 * tokens * h + logits);
}

/// Bytes that a token takes in the layers of a stage that keep every token, and what the windows of
/// the other layers take for all sequences.
struct StageCache {
  double per_token = 0;
  double windows = 0;
};

StageCache stage_cache(const ServedModel& served, const StageLayers& stage) {
  const double bytes =
      kv_bytes_per_layer(served.model, served.plan.tensor, served.options.kv_cache_precision);
  StageCache cache;
  for (int layer = stage.first_layer; layer < stage.end_layer; ++layer) {
    if (!served.model.is_windowed_layer(layer) || served.model.full_attention_every == 0) {
      cache.per_token += bytes;
      continue;
    }
    // A window, one block that is being left and one that is being filled.
    const double kept = static_cast<double>(*served.model.sliding_window) +
                        2.0 * served.options.kv_cache.block_tokens;
    cache.windows += bytes * kept * static_cast<double>(served.options.batching.max_num_seqs);
  }
  return cache;
}

std::vector<std::string> assumptions(const ServedModel& served, const ServingSoftware& software) {
  std::vector<std::string> out = served.kernels.notes();
  if (served.options.stage_times_ms.empty()) {
    for (std::string& note : price_basis(served).notes) out.push_back(std::move(note));
  }
  const BatchingPolicy policy = served.options.batching.policy;
  if (policy == BatchingPolicy::kOrca || policy == BatchingPolicy::kStatic) {
    out.push_back("the policy knows no token budget: memory for activations is that of steps of " +
                  std::to_string(served.options.batching.max_num_batched_tokens) + " tokens");
  }
  if (!software.assumed.empty()) out.emplace_back(software.assumed);
  const bool several = served.plan.tensor * served.plan.pipeline > 1;
  out.push_back("beside weights and activations a GPU keeps " + gib(kContextBytes) +
                " for its context" +
                (several ? ", " + gib(kCommunicationBytes) + " for communication" : "") +
                " and 4 MiB of captured graphs a layer");
  if (served.model.moe) out.emplace_back("tokens spread evenly over the routed experts");
  if (served.model.sliding_window) {
    out.emplace_back(served.model.full_attention_every == 0
                         ? "every layer has a sliding window; the cache keeps whole contexts"
                         : "layers with a sliding window keep one window a sequence");
  }
  return out;
}

// Room for swapped requests on the host, in blocks of the fullest GPU; 0 without swapping.
std::int64_t host_blocks(const ServedModel& served, double bytes_per_token,
                         std::vector<std::string>& assumptions) {
  const ServingOptions& options = served.options;
  if (options.preemption != Preemption::kSwap) return 0;
  std::vector<Diagnostic> problems;
  const auto refuse = [&](const char* path, const char* problem, const char* hint) {
    problems.push_back(diagnose(path, problem, hint));
  };
  if (!served.cluster.host_link) {
    refuse("cluster.host_link", "is missing: serving.preemption swap copies over it",
           "pcie4_x16 or pcie5_x16");
  }
  const BatchingPolicy policy = options.batching.policy;
  if (policy == BatchingPolicy::kOrca || policy == BatchingPolicy::kStatic) {
    refuse("serving.preemption", "this batching policy reserves whole requests and preempts none",
           "leave it out, or serving.batching.policy vllm or sarathi");
  }
  if (!options.stage_times_ms.empty()) {
    refuse("serving.preemption", "stated stage times have no price for a swap", "recompute");
  }
  if (options.disaggregated) {
    refuse("serving.preemption", "swapping beside disaggregated prefill is not modelled",
           "recompute");
  }
  if (served.model.sliding_window && served.model.full_attention_every != 0) {
    refuse("serving.preemption", "swapping layers with a sliding window is not modelled",
           "recompute");
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  assumptions.push_back(
      "swap: a GPU copies its part of a request as one transfer over a link of its own (" +
      served.cluster.host_link->name +
      ", one-way rate), and the step waits; vLLM v0's copies of single blocks took longer");
  return static_cast<std::int64_t>(options.kv_cache.swap_space_gib * kGiB /
                                   (bytes_per_token * options.kv_cache.block_tokens));
}

}  // namespace

ServingResources serving_resources(const ServedModel& served) {
  const ServingSoftware& software = serving_software(served.options.software);
  const KvCacheOptions& kv = served.options.kv_cache;
  const ParallelPlan& plan = served.plan;
  ServingResources out;
  out.asynchronous = software.asynchronous;
  const int waiting = software.asynchronous ? 1 : 0;
  out.in_flight_batches =
      served.options.batching.in_flight_batches.value_or(plan.pipeline + waiting);
  out.assumptions = assumptions(served, software);

  KvCapacity& pool = out.kv;
  pool.block_tokens = kv.block_tokens;
  pool.bytes_per_token_total =
      static_cast<double>(served.model.layers) *
      kv_bytes_per_layer(served.model, 1, served.options.kv_cache_precision);
  const double limit =
      std::ceil(served.cluster.device.usable_memory.base() * kv.gpu_memory_utilization);
  const bool graphs = served.options.cuda_graphs.value_or(software.cuda_graphs);
  bool first = true;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const StageLayers& stage = plan.stages[s];
    ServingStageMemory memory;
    memory.limit = limit;
    memory.weights = stage_weights(served.model, plan, stage, served.options.precision).total();
    memory.activations = activation_peak(served, stage);
    memory.cuda_graphs = graphs ? kGraphBytesPerLayer * stage.layers() : 0.0;
    memory.framework =
        kContextBytes + (plan.tensor * plan.pipeline > 1 ? kCommunicationBytes : 0.0);
    const StageCache cache = stage_cache(served, stage);
    pool.bytes_per_token_by_stage.push_back(cache.per_token);
    pool.bytes_per_token_per_gpu = std::max(pool.bytes_per_token_per_gpu, cache.per_token);
    const double used =
        memory.weights + memory.activations + memory.cuda_graphs + memory.framework + cache.windows;
    const double block = cache.per_token * kv.block_tokens;
    const double room = limit - used;
    // A stage without layers that keep every token sets no limit.
    const auto blocks = block > 0
                            ? static_cast<std::int64_t>(std::floor(std::max(0.0, room) / block))
                            : std::int64_t{1} << 40;
    if (first || blocks < pool.blocks) {
      pool.blocks = blocks;
      pool.limited_by = "stage " + std::to_string(s) + ": weights " + gib(memory.weights) +
                        ", others " + gib(used - memory.weights) + " of " + gib(limit);
    }
    if (room <= 0 && out.fits && !kv.num_gpu_blocks) {
      out.fits = false;
      out.why_not = "stage " + std::to_string(s) + " needs " + gib(used) +
                    " before any KV block; " + gib(limit) + " may be used";
    }
    memory.kv_cache = cache.windows;
    out.stages.push_back(memory);
    first = false;
  }
  pool.host_blocks = host_blocks(served, pool.bytes_per_token_per_gpu, out.assumptions);
  if (kv.num_gpu_blocks) {
    pool.blocks = *kv.num_gpu_blocks;
    pool.limited_by = "num_gpu_blocks";
  }
  for (std::size_t s = 0; s < out.stages.size(); ++s) {
    out.stages[s].kv_cache +=
        static_cast<double>(pool.blocks) * kv.block_tokens * pool.bytes_per_token_by_stage[s];
    if (kv.num_gpu_blocks && out.fits) {
      const ServingStageMemory& m = out.stages[s];
      const double held = m.weights + m.kv_cache;
      if (held > served.cluster.device.usable_memory.base()) {
        out.fits = false;
        out.why_not = "stage " + std::to_string(s) + " would hold " + gib(held) +
                      " of weights and blocks; the GPU has " +
                      gib(served.cluster.device.usable_memory.base());
      }
    }
  }
  return out;
}

}  // namespace plumbline
