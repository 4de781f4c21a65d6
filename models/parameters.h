// How many parameters a model has, part by part, and what a token costs in the KV cache.
#pragma once

#include <cstdint>

#include "models/model_spec.h"
#include "sim/core/units.h"

namespace plumbline {

/// Parameters of one transformer layer.
struct LayerParameters {
  std::int64_t attention = 0;  ///< projections with their biases, the norms inside (q/k, MLA's)
  std::int64_t norms = 0;      ///< of the layer: `norms_per_layer` of them
  std::int64_t mlp = 0;        ///< dense feed-forward; 0 in an MoE layer
  std::int64_t router = 0;
  std::int64_t experts = 0;         ///< all routed experts together
  std::int64_t shared_experts = 0;  ///< with their gate
  std::int64_t total() const { return attention + norms + mlp + router + experts + shared_experts; }
};

/// Parameters of a whole model; `layers` is the sum over the transformer layers.
struct ParameterCounts {
  std::int64_t embedding = 0;  ///< token embedding, with its norm where there is one
  std::int64_t position_embedding = 0;
  std::int64_t layers = 0;
  std::int64_t final_norm = 0;
  std::int64_t head = 0;  ///< 0 when tied to the embedding
  std::int64_t mtp = 0;   ///< multi-token prediction, embedding and head shared with the model
  /// The main model, as model cards count it (without `mtp`).
  std::int64_t total() const { return embedding + position_embedding + layers + final_norm + head; }
};

/// Weight and bias of one norm: hidden values each for RMSNorm, twice that for LayerNorm.
std::int64_t norm_parameters(const ModelSpec& model);

/// One routed expert.
std::int64_t expert_parameters(const ModelSpec& model);

/// A layer's parameters; `moe_layer` selects the mixture (REQUIRES: model.moe then).
LayerParameters layer_parameters(const ModelSpec& model, bool moe_layer);

/// One multi-token-prediction layer: two input norms, the 2h -> h projection, a transformer layer
/// and its output norm (DeepSeek-V3, arXiv:2412.19437, section 2.2).
std::int64_t mtp_layer_parameters(const ModelSpec& model);

ParameterCounts count_parameters(const ModelSpec& model);

/// Parameters that take part in one token: everything but the experts it is not routed to;
/// embedding and head included, MTP not.
std::int64_t active_parameters(const ModelSpec& model);

/// Keys and values of one token over all layers (MLA: the compressed latent and the rope key);
/// a sliding window bounds how many tokens are kept, not what one token costs.
Bytes kv_bytes_per_token(const ModelSpec& model, double bytes_per_element = 2.0);

/// Vocabulary rows as Megatron-LM pads them: to a multiple of `multiple * tensor`
/// (--make-vocab-size-divisible-by, 128 by default).
std::int64_t padded_vocab(std::int64_t vocab, std::int64_t tensor, std::int64_t multiple = 128);

}  // namespace plumbline
