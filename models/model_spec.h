// A transformer's dimensions, as a config.json or models/*.yaml states them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace plumbline {

enum class Activation { kGelu, kSwiglu, kGeglu, kRelu, kSquaredRelu };
enum class Normalization { kLayerNorm, kRmsNorm };
enum class Positions { kRope, kLearned, kAlibi, kNone };

/// Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, section 2.1).
struct MlaSpec {
  std::int64_t q_lora_rank = 0;  ///< 0: queries are not compressed
  std::int64_t kv_lora_rank = 0;
  std::int64_t qk_nope_head_dim = 0;
  std::int64_t qk_rope_head_dim = 0;
  std::int64_t v_head_dim = 0;

  friend bool operator==(const MlaSpec&, const MlaSpec&) = default;
};

struct MoeSpec {
  std::int64_t experts = 0;
  std::int64_t top_k = 0;
  std::int64_t expert_ffn = 0;
  std::int64_t shared_ffn = 0;          ///< total width of the shared experts; 0: none
  std::int64_t first_dense_layers = 0;  ///< layers before the first MoE layer
  std::int64_t every = 1;               ///< an MoE layer every n-th layer after those
  bool router_bias = false;             ///< per-expert correction bias (DeepSeek-V3)
  bool shared_expert_gate = false;

  friend bool operator==(const MoeSpec&, const MoeSpec&) = default;
};

struct ModelSpec {
  std::string name;
  std::string source;
  std::int64_t layers = 0;
  std::int64_t hidden = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t ffn = 0;  ///< width of the dense feed-forward (of one branch, when gated)
  std::int64_t vocab = 0;
  std::int64_t max_positions = 0;
  Activation activation = Activation::kSwiglu;
  Normalization normalization = Normalization::kRmsNorm;
  Positions positions = Positions::kRope;
  bool tied_embeddings = false;
  bool qkv_bias = false;
  bool attention_output_bias = false;
  bool mlp_bias = false;
  bool qk_norm = false;
  bool attention_sinks = false;      ///< one learned logit per head (gpt-oss)
  bool embedding_norm = false;       ///< a norm right after the embedding (BLOOM)
  std::int64_t norms_per_layer = 2;  ///< 4 with norms after the blocks too (Grok-1, Gemma 2)
  std::optional<std::int64_t> sliding_window;  ///< tokens
  /// With a sliding window: every n-th layer attends to everything; 0: no layer does.
  std::int64_t full_attention_every = 0;
  std::optional<MlaSpec> mla;
  std::optional<MoeSpec> moe;
  std::int64_t mtp_layers = 0;  ///< multi-token-prediction layers (DeepSeek-V3)

  bool gated() const {
    return activation == Activation::kSwiglu || activation == Activation::kGeglu;
  }
  /// Whether layer `index` (from 0) is a mixture of experts.
  bool is_moe_layer(std::int64_t index) const;
  /// How many of the `layers` layers are mixtures of experts.
  std::int64_t moe_layers() const;
  /// Whether layer `index` (from 0) sees only a sliding window.
  bool is_windowed_layer(std::int64_t index) const;

  friend bool operator==(const ModelSpec&, const ModelSpec&) = default;
};

}  // namespace plumbline
