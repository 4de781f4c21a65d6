#include "models/flops.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace plumbline {
namespace {

/// Multiply-adds of one token in one forward, for one layer.
struct LayerMultiplyAdds {
  double attention_projections = 0.0;
  double core_attention = 0.0;  ///< scores and their product with V
  double feed_forward = 0.0;
  double total() const { return attention_projections + core_attention + feed_forward; }
};

LayerMultiplyAdds layer_multiply_adds(const ModelSpec& m, bool moe_layer, bool windowed,
                                      std::int64_t sequence, AttentionCount attention) {
  const auto h = static_cast<double>(m.hidden);
  const auto a = static_cast<double>(m.heads);
  // A causal query sees half the sequence on average, of a window w all but w^2 / 2s; the full
  // square counts twice that.
  const auto s = static_cast<double>(sequence);
  const double w = windowed ? std::min(s, static_cast<double>(*m.sliding_window)) : s;
  const double keys = (w - w * w / (2.0 * s)) * (attention == AttentionCount::kCausal ? 1.0 : 2.0);
  LayerMultiplyAdds work;
  if (m.mla) {
    const auto q_rank = static_cast<double>(m.mla->q_lora_rank);
    const auto kv_rank = static_cast<double>(m.mla->kv_lora_rank);
    const auto rope = static_cast<double>(m.mla->qk_rope_head_dim);
    const double qk = static_cast<double>(m.mla->qk_nope_head_dim) + rope;
    const auto v = static_cast<double>(m.mla->v_head_dim);
    // Megatron adds one operation per latent value for the norm of each compression.
    const double query = m.mla->q_lora_rank == 0 ? h * a * qk : q_rank * (h + a * qk + 1.0);
    work.attention_projections =
        query + kv_rank * (h + a * (qk - rope + v) + 1.0) + h * rope + a * v * h;
    work.core_attention = keys * a * (qk + v);
  } else {
    const double width = a * static_cast<double>(m.head_dim);
    const double kv_width = static_cast<double>(m.kv_heads * m.head_dim);
    work.attention_projections = 2.0 * h * (width + kv_width);
    work.core_attention = 2.0 * keys * width;
  }
  const double matrices = m.gated() ? 3.0 : 2.0;
  const auto ffn =
      static_cast<double>(moe_layer ? m.moe->expert_ffn * m.moe->top_k + m.moe->shared_ffn : m.ffn);
  work.feed_forward = matrices * h * ffn;
  return work;
}

/// Over all layers of the main model; `part` picks what is summed.
template <typename Part>
double over_layers(const ModelSpec& m, std::int64_t sequence, AttentionCount attention, Part part) {
  // Layers by kind: a mixture of experts or not, windowed or not.
  std::array<double, 4> layers{};
  for (std::int64_t layer = 0; layer < m.layers; ++layer) {
    ++layers[(m.is_moe_layer(layer) ? 1 : 0) + (m.is_windowed_layer(layer) ? 2 : 0)];
  }
  double sum = 0.0;
  for (std::size_t kind = 0; kind < layers.size(); ++kind) {
    if (layers[kind] == 0.0) continue;
    sum +=
        layers[kind] * part(layer_multiply_adds(m, kind % 2 == 1, kind >= 2, sequence, attention));
  }
  return sum;
}

double all_parts(const LayerMultiplyAdds& work) { return work.total(); }
double core_only(const LayerMultiplyAdds& work) { return work.core_attention; }

}  // namespace

Flops model_flops(const ModelSpec& model, std::int64_t sequence, std::int64_t batch,
                  const FlopConvention& convention) {
  const auto h = static_cast<double>(model.hidden);
  const auto vocab = static_cast<double>(convention.vocab.value_or(model.vocab));
  const auto mtp = static_cast<double>(model.mtp_layers);
  double multiply_adds = over_layers(model, sequence, convention.attention, all_parts);
  multiply_adds += (1.0 + mtp) * h * vocab;
  if (model.mtp_layers > 0) {
    const bool moe_layer = model.is_moe_layer(model.layers - 1);
    multiply_adds +=
        mtp * (layer_multiply_adds(model, moe_layer, model.is_windowed_layer(model.layers - 1),
                                   sequence, convention.attention)
                   .total() +
               3.0 * h + 2.0 * h * h);
  }
  const double tokens = static_cast<double>(sequence) * static_cast<double>(batch);
  return Flops(3.0 * 2.0 * tokens * multiply_adds);
}

Flops hardware_flops(const ModelSpec& model, std::int64_t sequence, std::int64_t batch,
                     Recomputed recomputed, std::optional<std::int64_t> layers,
                     const FlopConvention& convention) {
  const double share = !layers || model.layers == 0
                           ? 1.0
                           : static_cast<double>(*layers) / static_cast<double>(model.layers);
  double forwards = 0.0;  // how many forwards of the recomputed part are added
  double part = 0.0;
  switch (recomputed) {
    case Recomputed::kNothing:
      break;
    case Recomputed::kCoreAttention:
      forwards = 1.0;
      part = over_layers(model, sequence, convention.attention, core_only);
      break;
    case Recomputed::kCoreAttentionKorthikanti:
      forwards = 3.0;
      part = over_layers(model, sequence, convention.attention, core_only);
      break;
    case Recomputed::kLayers:
      forwards = 1.0;
      part = over_layers(model, sequence, convention.attention, all_parts);
      break;
  }
  const double tokens = static_cast<double>(sequence) * static_cast<double>(batch);
  return model_flops(model, sequence, batch, convention) +
         Flops(forwards * share * 2.0 * tokens * part);
}

}  // namespace plumbline
