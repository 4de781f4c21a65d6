// Counts follow the weight matrices themselves.  For Llama-3-70B (h 8192, 64 heads and 8 KV heads
// of 128, f 28672) a layer is
//   attention  h*(64+2*8)*128 + 64*128*h   = 150,994,944
//   mlp        3*h*f                       = 704,643,072
//   norms      2*h                         =      16,384
// and 80 of them, two vocabularies of 128,256 rows and the last norm are 70,553,706,496.

#include "models/parameters.h"

namespace plumbline {
namespace {

std::int64_t bias(bool present, std::int64_t width) { return present ? width : 0; }

std::int64_t feed_forward(const ModelSpec& m, std::int64_t width) {
  const std::int64_t branches = m.gated() ? 2 : 1;
  return (branches + 1) * m.hidden * width + bias(m.mlp_bias, branches * width + m.hidden);
}

std::int64_t latent_attention(const ModelSpec& m) {
  const MlaSpec& mla = *m.mla;
  const std::int64_t query_width = m.heads * (mla.qk_nope_head_dim + mla.qk_rope_head_dim);
  const std::int64_t query = mla.q_lora_rank == 0 ? m.hidden * query_width
                                                  : mla.q_lora_rank * (m.hidden + 1 + query_width);
  const std::int64_t down = m.hidden * (mla.kv_lora_rank + mla.qk_rope_head_dim);
  const std::int64_t up =
      mla.kv_lora_rank * (1 + m.heads * (mla.qk_nope_head_dim + mla.v_head_dim));
  return query + down + up + m.heads * mla.v_head_dim * m.hidden;
}

std::int64_t attention(const ModelSpec& m) {
  if (m.mla) return latent_attention(m);
  const std::int64_t query_width = m.heads * m.head_dim;
  const std::int64_t qkv_width = query_width + 2 * m.kv_heads * m.head_dim;
  const std::int64_t norm_vectors = m.normalization == Normalization::kLayerNorm ? 2 : 1;
  return m.hidden * qkv_width + bias(m.qkv_bias, qkv_width) + query_width * m.hidden +
         bias(m.attention_output_bias, m.hidden) + bias(m.attention_sinks, m.heads) +
         bias(m.qk_norm, 2 * norm_vectors * m.head_dim);
}

}  // namespace

std::int64_t norm_parameters(const ModelSpec& model) {
  return model.normalization == Normalization::kLayerNorm ? 2 * model.hidden : model.hidden;
}

std::int64_t expert_parameters(const ModelSpec& model) {
  return feed_forward(model, model.moe->expert_ffn);
}

LayerParameters layer_parameters(const ModelSpec& model, bool moe_layer) {
  LayerParameters layer;
  layer.attention = attention(model);
  layer.norms = model.norms_per_layer * norm_parameters(model);
  if (!moe_layer) {
    layer.mlp = feed_forward(model, model.ffn);
    return layer;
  }
  const MoeSpec& moe = *model.moe;
  layer.router = moe.experts * model.hidden + bias(moe.router_bias, moe.experts);
  layer.experts = moe.experts * expert_parameters(model);
  if (moe.shared_ffn > 0) {
    layer.shared_experts =
        feed_forward(model, moe.shared_ffn) + bias(moe.shared_expert_gate, model.hidden);
  }
  return layer;
}

std::int64_t mtp_layer_parameters(const ModelSpec& model) {
  const bool moe_layer = model.layers > 0 && model.is_moe_layer(model.layers - 1);
  return 3 * norm_parameters(model) + 2 * model.hidden * model.hidden +
         layer_parameters(model, moe_layer).total();
}

ParameterCounts count_parameters(const ModelSpec& model) {
  ParameterCounts counts;
  counts.embedding =
      model.vocab * model.hidden + bias(model.embedding_norm, norm_parameters(model));
  if (model.positions == Positions::kLearned) {
    counts.position_embedding = model.max_positions * model.hidden;
  }
  const std::int64_t moe_layers = model.moe_layers();
  counts.layers = (model.layers - moe_layers) * layer_parameters(model, false).total();
  if (moe_layers > 0) counts.layers += moe_layers * layer_parameters(model, true).total();
  counts.final_norm = norm_parameters(model);
  counts.head = model.tied_embeddings ? 0 : model.vocab * model.hidden;
  if (model.mtp_layers > 0) counts.mtp = model.mtp_layers * mtp_layer_parameters(model);
  return counts;
}

std::int64_t active_parameters(const ModelSpec& model) {
  const std::int64_t total = count_parameters(model).total();
  if (!model.moe) return total;
  return total -
         model.moe_layers() * (model.moe->experts - model.moe->top_k) * expert_parameters(model);
}

Bytes kv_bytes_per_token(const ModelSpec& model, double bytes_per_element) {
  const std::int64_t per_layer = model.mla ? model.mla->kv_lora_rank + model.mla->qk_rope_head_dim
                                           : 2 * model.kv_heads * model.head_dim;
  return Bytes(bytes_per_element * static_cast<double>(model.layers * per_layer));
}

std::int64_t padded_vocab(std::int64_t vocab, std::int64_t tensor, std::int64_t multiple) {
  const std::int64_t rows = multiple * tensor;
  return (vocab + rows - 1) / rows * rows;
}

}  // namespace plumbline
