// Bytes of a served model's weights on one GPU, tensor class by tensor class, and of its KV cache.
#pragma once

#include <cstdint>

#include "models/model_spec.h"
#include "sim/plan/parallel_plan.h"
#include "sim/plan/serving_options.h"

namespace plumbline {

/// What of a weight class stays in 16 bits and what a quantised weight takes, scales included.
///
///   fp8    linear layers and experts, a 4-byte scale per 128 x 128 block (DeepSeek-V3's format)
///   int8   linear layers and experts, a 4-byte scale per output channel (not counted: < 0.1 %)
///   int4   of a mixture: routed experts alone, a bf16 scale per 32 (Kimi K2.5's compressed-tensors
///          pack-quantized format); of a dense model all linear layers, a bf16 scale and a 4-bit
///          zero point per 128 (AWQ, GPTQ)
///   nvfp4  linear layers and experts, an fp8 scale per 16 (ModelOpt)
///   mxfp4  routed experts alone, an e8m0 scale per 32 (gpt-oss)
/// Embedding, head, norms, biases and router always keep 16 bits.
struct WeightBytes {
  double linear = 2.0;   ///< per weight of a linear layer outside the routed experts
  double experts = 2.0;  ///< per weight of a routed expert
  double other = 2.0;
};
WeightBytes weight_bytes(WeightPrecision precision, const ModelSpec& model);

/// Bytes on one GPU of a stage.
struct StageWeights {
  double linear = 0, experts = 0, norms_and_router = 0, embedding = 0, head = 0;
  double total() const { return linear + experts + norms_and_router + embedding + head; }
};

/// The share of tensor rank 0. Matrices are cut over the tensor group; a rank has at least one KV
/// head of its own; MLA's compressions are on every rank; experts are spread over plan.expert ranks
/// and what is left of the group cuts each of them. The vocabulary is padded to 64 * tensor rows
/// (vLLM's VocabParallelEmbedding).
StageWeights stage_weights(const ModelSpec& model, const ParallelPlan& plan,
                           const StageLayers& stage, WeightPrecision precision);

/// How many ranks cut one expert: what the expert group leaves of tensor (x data) ranks.
double expert_cut(const ParallelPlan& plan);

/// KV cache of one token in one layer on one GPU: 2 g d elements with at least one head a rank, or
/// MLA's latent and rope key, which every rank keeps whole.
double kv_bytes_per_layer(const ModelSpec& model, int tensor, KvPrecision precision);

}  // namespace plumbline
