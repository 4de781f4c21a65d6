// Named inference engines: what one does between and around the kernels of a step.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/core/units.h"

namespace plumbline {

/// Facts about an engine that move time or memory. `assumed` names those that nobody published:
/// they are repeated in every result.
struct ServingSoftware {
  std::string_view name;
  std::string_view summary;
  std::string_view source;
  /// The scheduler runs ahead of the outputs: batches in flight are 2 with one stage and P + 1 with
  /// P stages instead of 1 and P.
  bool asynchronous = true;
  Seconds host_base;          ///< engine process per step: schedule, prepare inputs, update
  Seconds host_per_sequence;  ///< the same per sequence of the batch
  Seconds step_gap;           ///< GPU idle between two steps that are queued back to back
  /// GPU idle per layer in a step with a prompt chunk: attention is launched between the pieces of
  /// the graph, in steps of decodes only it lies inside.
  Seconds chunk_gap_per_layer;
  Seconds eager_per_layer;  ///< launch time of a layer without graphs: a floor under the GPU's
  bool cuda_graphs = true;  ///< steps are padded to a captured size
  bool custom_all_reduce = true;  ///< one/two-shot kernels beside NCCL
  /// Prompts run beside decodes, so that concurrent users keep apart. An engine that runs prompts
  /// first and alone makes users move in waves; how time splits into TTFT and TPOT then hangs on
  /// the wave.
  bool mixes_prompts = true;
  bool fp8_cutlass = true;  ///< 8-bit products by CUTLASS with scales, else cuBLASLt
  std::string_view assumed;
};

/// Every engine, in the order the schema lists them.
std::span<const ServingSoftware> all_serving_software();

/// The engine called `name`, or nullptr.
const ServingSoftware* find_serving_software(std::string_view name);

/// The engine of a scenario. @throws InputError (path "serving.software") with the nearest name
const ServingSoftware& serving_software(std::string_view name);

/// Token counts that vLLM captures graphs for, in rising order: 1, 2, 4, 8 to 256 by 8, then by 16
/// up to min(2 max_num_seqs, 512); larger steps run without one.
/// Source: vllm/config/vllm.py (v0.11 to v0.19), VllmConfig._set_cudagraph_sizes.
std::vector<std::int64_t> cuda_graph_sizes(std::int64_t max_num_seqs);

}  // namespace plumbline
