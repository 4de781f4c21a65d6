// Kimi K2.5 in int4: 60 x 384 experts of 3 x 7168 x 2048 weights at 4.5 bits are 570.8e9 bytes, the
// rest 11.7e9 weights of 16 bits: 594e9 in all, as its checkpoint has.

#include "sim/serving/weights.h"

#include <algorithm>
#include <cmath>

#include "models/parameters.h"

namespace plumbline {
namespace {

constexpr double kFp8 = 1.0 + 4.0 / (128 * 128);
constexpr double kInt4Experts = 0.5 + 2.0 / 32;
constexpr double kInt4Dense = 0.5 + (2.0 + 0.5) / 128;
constexpr double kNvfp4 = 0.5 + 1.0 / 16;
constexpr double kMxfp4 = 0.5 + 1.0 / 32;

/// Weights of the attention's matrices on one tensor rank.
double attention_weights(const ModelSpec& m, double tensor) {
  const double h = static_cast<double>(m.hidden), heads = static_cast<double>(m.heads) / tensor;
  if (m.mla) {
    const double nope = static_cast<double>(m.mla->qk_nope_head_dim),
                 rope = static_cast<double>(m.mla->qk_rope_head_dim),
                 value = static_cast<double>(m.mla->v_head_dim),
                 queries = static_cast<double>(m.mla->q_lora_rank),
                 latent = static_cast<double>(m.mla->kv_lora_rank);
    const double query =
        queries > 0 ? h * queries + queries * heads * (nope + rope) : h * heads * (nope + rope);
    return query + h * (latent + rope) + latent * heads * (nope + value) + heads * value * h;
  }
  const double d = static_cast<double>(m.head_dim);
  const double kv = std::max(1.0, static_cast<double>(m.kv_heads) / tensor);
  return h * (heads + 2 * kv) * d + heads * d * h;
}

}  // namespace

WeightBytes weight_bytes(WeightPrecision precision, const ModelSpec& model) {
  switch (precision) {
    case WeightPrecision::kBf16:
    case WeightPrecision::kFp16:
      return {};
    case WeightPrecision::kFp8:
      return {kFp8, kFp8, 2.0};
    case WeightPrecision::kInt8:
      return {1.0, 1.0, 2.0};
    case WeightPrecision::kInt4:
      if (model.moe) return {2.0, kInt4Experts, 2.0};
      return {kInt4Dense, kInt4Dense, 2.0};
    case WeightPrecision::kNvfp4:
      return {kNvfp4, kNvfp4, 2.0};
    case WeightPrecision::kMxfp4:
      return {2.0, kMxfp4, 2.0};
  }
  return {};
}

double expert_cut(const ParallelPlan& plan) {
  const double group = plan.tensor * (plan.expert > plan.tensor ? plan.data : 1);
  return std::max(1.0, group / plan.expert);
}

StageWeights stage_weights(const ModelSpec& model, const ParallelPlan& plan,
                           const StageLayers& stage, WeightPrecision precision) {
  const WeightBytes bytes = weight_bytes(precision, model);
  const double tensor = plan.tensor, h = static_cast<double>(model.hidden);
  const double branches = model.gated() ? 3 : 2;
  StageWeights out;
  for (int layer = stage.first_layer; layer < stage.end_layer; ++layer) {
    const bool mixture = model.is_moe_layer(layer);
    const LayerParameters all = layer_parameters(model, mixture);
    out.linear += bytes.linear * attention_weights(model, tensor);
    double small = static_cast<double>(all.norms + all.router);
    if (mixture) {
      out.experts +=
          bytes.experts * static_cast<double>(all.experts) / plan.expert / expert_cut(plan);
      out.linear +=
          bytes.linear * branches * h * static_cast<double>(model.moe->shared_ffn) / tensor;
    } else {
      out.linear += bytes.linear * branches * h * static_cast<double>(model.ffn) / tensor;
    }
    // What the attention and the feed-forward have beside their matrices: biases and inner norms.
    small += static_cast<double>(all.attention) - attention_weights(model, 1);
    out.norms_and_router += bytes.other * std::max(0.0, small);
  }
  const double vocabulary =
      static_cast<double>(padded_vocab(model.vocab, plan.tensor, 64)) / tensor * h;
  if (stage.embedding) {
    out.embedding = bytes.other * vocabulary;
    if (model.positions == Positions::kLearned) {
      out.embedding += bytes.other * static_cast<double>(model.max_positions) * h;
    }
  }
  if (stage.head) {
    out.norms_and_router += bytes.other * static_cast<double>(norm_parameters(model));
    const bool shared = model.tied_embeddings && stage.embedding;
    out.head = shared ? 0.0 : bytes.other * vocabulary;
  }
  return out;
}

double kv_bytes_per_layer(const ModelSpec& model, int tensor, KvPrecision precision) {
  const double element = precision == KvPrecision::kFp8 ? 1.0 : 2.0;
  if (model.mla) {
    return element * static_cast<double>(model.mla->kv_lora_rank + model.mla->qk_rope_head_dim);
  }
  const double heads = std::max(1.0, static_cast<double>(model.kv_heads) / tensor);
  return element * 2 * heads * static_cast<double>(model.head_dim);
}

}  // namespace plumbline
