// Korthikanti et al., arXiv:2205.05198, section 4, extended by what Megatron-Core and Transformer
// Engine keep for grouped-query attention, gates, MLA and mixtures of experts.  Bytes of a token:
//
//   attention                     of the split  | of the rank's heads
//     norm input, norm output        2h + 2h    |
//     q, k, v (MLA: latents and up)             | 2(a+2g)d
//     core: flash (log-sum-exp)                 | 4a
//           unfused                             | 5as (dropout), 2as (none), 7as or 6as in fp32
//     its output                                | 2ad
//     dropout mask                   1h         |
//   feed-forward
//     norm input, norm output        2h + 2h    |
//     first product, activation                 | 4f or 2f when not gated, 2f
//     dropout mask                   1h         |
//
// For a GPT (g = a, ad = h, f = 4h) under dropout that is Korthikanti's 10h + 24h/t + 5as/t.

#include <algorithm>

#include "models/parameters.h"
#include "sim/memory/saved_tensors.h"
#include "sim/memory/static_memory.h"

namespace plumbline {
namespace {

bool recomputes(const TrainingOptions& training, std::string_view module) {
  if (training.recompute == Recompute::kSelective) return module == "core_attn";
  return training.recompute == Recompute::kModules &&
         std::ranges::find(training.recompute_modules, module) != training.recompute_modules.end();
}

/// Bytes of a value in the input that a linear layer keeps for its weight gradient.
double linear_input_bytes(const TrainingOptions& training) {
  switch (training.precision) {
    case Precision::kFp32:
      return 4.0;
    case Precision::kFp8:
    case Precision::kMxfp8:
      return 1.0;  // the transposed copy alone
    case Precision::kNvfp4:
      return 0.5 + 1.0 / 16;  // 16 values share a scale of one byte
    case Precision::kBf16:
    case Precision::kFp16:
      break;
  }
  return 2.0;
}

/// Bytes of a score kept by attention that is not one kernel (0 under flash).
double score_bytes(const TrainingOptions& training) {
  if (training.attention == AttentionKernel::kFlash) return 0.0;
  const bool dropout = training.software.dropout;
  const double extra = training.software.extra_score_bytes;
  if (training.software.softmax == SoftmaxFusion::kMegatronKernel) {
    return extra + (dropout ? 2.0 + 1.0 + 2.0 : 2.0);  // softmax, mask, dropped-out
  }
  return extra + (dropout ? 4.0 + 1.0 + 2.0 : 4.0 + 2.0);  // softmax in fp32, its 16-bit copy
}

/// Bytes of one micro-batch by what happens to them; sums of a module.
struct Module {
  double saved = 0;
  double weight_grad = 0;
  double recomputed = 0;  ///< not kept from F to B: the largest set that lives again at a time
  double backward_peak = 0;
  double everything = 0;  ///< what would be kept without recomputation
  void keep(double bytes, bool dropped = false) {
    everything += bytes;
    (dropped ? recomputed : saved) += bytes;
  }
};

Module attention(const ModelSpec& m, const TrainingOptions& training, const ParallelPlan& plan,
                 const ActivationShape& shape) {
  const double T = shape.tokens, t = shape.tensor, split = shape.split;
  const double value = bytes_of(training.precision);
  const double input = linear_input_bytes(training);
  const auto h = static_cast<double>(m.hidden);
  const auto a = static_cast<double>(m.heads);
  Module out;
  const double norm_out = T * input * h / split;
  out.keep(T * value * h / split);
  // Only a norm that is not part of the linear layer's module can be dropped (Megatron-Core).
  out.keep(norm_out, m.mla && recomputes(training, "layernorm"));
  double qkv, context;  // values of a token on this rank
  if (m.mla) {
    const auto latent = static_cast<double>(m.mla->q_lora_rank + m.mla->kv_lora_rank);
    const auto qk = static_cast<double>(m.mla->qk_nope_head_dim + m.mla->qk_rope_head_dim);
    const auto v = static_cast<double>(m.mla->v_head_dim);
    out.keep(T * (value + input) * latent / split);  // before and after each compression's norm
    qkv = a * (2.0 * qk + v) / t;
    context = a * v / t;
    out.keep(T * value * qkv, recomputes(training, "mla_up_proj"));
    out.weight_grad += T * (2.0 * input * latent / split + value * qkv);
  } else {
    const auto d = static_cast<double>(m.head_dim);
    const double kv_heads = std::max(static_cast<double>(m.kv_heads) / t, 1.0);
    qkv = (a / t + 2.0 * kv_heads) * d;
    context = a * d / t;
    out.keep(T * value * qkv);
    out.weight_grad += T * value * qkv;
  }
  const double scores = T * static_cast<double>(training.sequence_length) * a / t;
  const bool drop_core = recomputes(training, "core_attn");
  if (training.attention == AttentionKernel::kFlash) {
    out.keep(T * 4.0 * a / t, drop_core);
  } else {
    out.keep(scores * score_bytes(training), drop_core);
    out.backward_peak = 2.0 * value * scores;  // gradients after and before the dropout
  }
  out.keep(T * value * context);
  if (input < value) out.keep(T * input * context);  // the projection's own 8-bit copy
  // Ulysses keeps the attention's output before and after the second all-to-all (TE >= 2.8).
  if (plan.ulysses && plan.context > 1) out.keep(T * value * context);
  if (training.software.dropout) out.keep(T * h / split);
  out.weight_grad += norm_out + T * input * context + T * value * h / split;
  return out;
}

Module feed_forward(const ModelSpec& m, const TrainingOptions& training,
                    const ActivationShape& shape) {
  const double T = shape.tokens, t = shape.tensor, split = shape.split;
  const double value = bytes_of(training.precision);
  const double input = linear_input_bytes(training);
  const auto h = static_cast<double>(m.hidden);
  const auto f = static_cast<double>(m.ffn);
  const bool drop = recomputes(training, "mlp");
  const double first = T * value * (m.gated() ? 2.0 : 1.0) * f / t;
  Module out;
  out.keep(T * value * h / split);
  out.keep(T * input * h / split, drop);
  out.keep(first, drop);
  out.keep(T * input * f / t, drop);
  if (training.software.dropout) out.keep(T * h / split);
  out.weight_grad = T * (input * h / split + value * h / split + input * f / t) + first;
  out.backward_peak = first;  // its gradient, when the activation's input is no longer needed
  return out;
}

Module experts(const ModelSpec& m, const TrainingOptions& training, const ParallelPlan& plan,
               const ActivationShape& shape) {
  const MoeSpec& moe = *m.moe;
  const double T = shape.tokens, t = shape.tensor, split = shape.split;
  const double value = bytes_of(training.precision);
  const double input = linear_input_bytes(training);
  const auto h = static_cast<double>(m.hidden);
  const double branches = m.gated() ? 2.0 : 1.0;
  const bool drop_all = recomputes(training, "moe");
  const bool drop_activation = drop_all || recomputes(training, "moe_act");
  Module out;
  out.keep(T * value * h / split);
  out.keep(T * value * h / split, recomputes(training, "layernorm"));
  out.keep(T * 4.0 * static_cast<double>(moe.experts) / split, drop_all);  // router, in fp32
  const double shared = T * static_cast<double>(moe.shared_ffn) / t;
  const bool drop_shared = drop_all || recomputes(training, "shared_experts");
  out.keep(shared * (value * branches + input), drop_shared);
  // Copies of tokens on this rank: each goes to top_k experts, of which an equal share (or the
  // stated imbalance or capacity) is here; expert tensor parallelism gathers them.
  const SoftwareFacts& facts = training.software;
  const double load =
      facts.moe_capacity_factor > 0.0 ? facts.moe_capacity_factor : facts.moe_imbalance;
  const double copies =
      T / split * plan.expert_tensor * static_cast<double>(moe.top_k) * std::max(load, 0.0);
  const double width = static_cast<double>(moe.expert_ffn) / plan.expert_tensor;
  const double first = copies * value * branches * width;
  out.keep(copies * input * h, drop_all);
  out.keep(first, drop_all);
  out.keep(copies * input * width, drop_activation);
  out.weight_grad = shared * (input + value * branches) + 2.0 * T * value * h / split +
                    copies * (input * h + value * h + input * width) + first;
  out.backward_peak = first + copies * value * h;
  return out;
}

}  // namespace

ActivationShape activation_shape(const ModelSpec& model, const ParallelPlan& plan,
                                 const TrainingOptions& training) {
  ActivationShape shape;
  shape.tokens = static_cast<double>(training.micro_batch_size) *
                 static_cast<double>(training.sequence_length) / plan.context;
  shape.tensor = plan.tensor;
  shape.split = plan.sequence_parallel ? plan.tensor : 1.0;
  shape.vocabulary = static_cast<double>(padded_vocab(model.vocab, plan.tensor)) / plan.tensor;
  return shape;
}

LayerActivations megatron_layer(const ModelSpec& model, const ParallelPlan& plan,
                                const TrainingOptions& training, bool moe_layer, bool whole) {
  const ActivationShape shape = activation_shape(model, plan, training);
  const Module first = attention(model, training, plan, shape);
  const Module second =
      moe_layer ? experts(model, training, plan, shape) : feed_forward(model, training, shape);
  const double value = bytes_of(training.precision);
  const double input = shape.tokens * value * static_cast<double>(model.hidden);
  // Under sequence parallelism a linear layer's input is gathered again for its weight gradient.
  const double gathered = shape.split > 1.0 ? input : 0.0;
  const double gradients =
      input / shape.split + gathered + std::max(first.backward_peak, second.backward_peak);
  LayerActivations out;
  out.weight_grad = first.weight_grad + second.weight_grad;
  if (whole) {
    out.saved = input / shape.split;
    out.forward_peak = gathered + std::max(first.everything, second.everything);
    out.backward_peak = first.everything + second.everything - out.saved + gradients;
    return out;
  }
  out.saved = first.saved + second.saved;
  out.forward_peak = gathered + std::max(first.recomputed, second.recomputed);
  out.backward_peak = std::max(first.recomputed, second.recomputed) + gradients;
  return out;
}

}  // namespace plumbline
