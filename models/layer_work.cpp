// Byte counts are of 16-bit tensors, written as the sum of what a kernel must read and write at
// least once.  Sources: Megatron-LM's fused kernels (megatron/fused_kernels, core/fusions) for
// the 2021-2022 stack, Transformer Engine's modules for the current one.
//
// Example (GPT-3 175B, tensor 8, one sequence of 2048): qkv is m=2048 n=4608 k=12288, the
// projection m=2048 n=12288 k=1536, fc1 m=2048 n=6144 k=12288, fc2 m=2048 n=12288 k=6144.

#include "models/layer_work.h"

#include <algorithm>
#include <cmath>

#include "models/layer_work_parts.h"

namespace plumbline {
namespace {

using layer_parts::gemm;
using layer_parts::Heads;
using layer_parts::heads_of;
using layer_parts::linear;
using layer_parts::traffic;

// Residual adds and norms run on S: every token, or a tensor rank's share under sequence
// parallelism.
void norms_and_residuals(LayerWork& out, const ModelSpec& model, const LayerSharding& s,
                         const KernelChoices& choices) {
  const double h = static_cast<double>(model.hidden);
  const double rows = s.tokens() / (s.sequence_parallel ? s.tensor : 1.0);
  // dgamma and dbeta need a second pass over x and dy (apex); TE reads them once.
  const double norm_backward = choices.transformer_engine ? 6 : 10;
  out.forward.push_back(traffic("norms", 2 * 4 * h * rows, 2));
  out.input_grad.push_back(traffic("norms", 2 * norm_backward * h * rows, 2));
  double add_forward = 6, add_backward = 6, kernels = 1, backward_kernels = 1;
  if (choices.dropout) {
    add_forward += 1;   // the mask
    add_backward += 5;  // dropout backward: read, mask, write
    backward_kernels += 1;
  }
  const bool bias = model.attention_output_bias || model.mlp_bias;
  if (bias && !choices.transformer_engine) {
    add_backward += 2;  // the bias gradient reads dy
    backward_kernels += 1;
  }
  if (!choices.fused_elementwise) {
    add_forward += (bias ? 4 : 0) + (choices.dropout ? 4 : 0);
    kernels += (bias ? 1 : 0) + (choices.dropout ? 1 : 0);
  }
  out.forward.push_back(traffic("residuals", 2 * add_forward * h * rows, 2 * kernels));
  out.input_grad.push_back(traffic("residuals", 2 * add_backward * h * rows, 2 * backward_kernels));
}

// `width` is the feed-forward width of one branch on one rank, `rows` the tokens it sees.
void activation(LayerWork& out, const ModelSpec& model, const KernelChoices& choices, double width,
                double rows) {
  double forward = model.gated() ? 6 : 4, backward = model.gated() ? 10 : 6, kernels = 1;
  if (model.mlp_bias && !choices.transformer_engine) {
    backward += 2;
    if (!choices.fused_elementwise) {
      forward += 4;
      kernels += 1;
    }
  }
  out.forward.push_back(traffic("activation", forward * width * rows, kernels));
  out.input_grad.push_back(traffic("activation", backward * width * rows));
}

// fp8 on tensor cores that take TN operands only: activations and gradients are cast and
// transposed, 2 bytes read and 2 x 1 written; current scaling reads them once more before.
void fp8_casts(LayerWork& out, const ModelSpec& model, const LayerSharding& s,
               const KernelChoices& choices, double width) {
  const double passes = choices.fp8_amax_pass ? 1.5 : 1.0;
  const double tokens = s.tokens(), h = static_cast<double>(model.hidden);
  const Heads heads = heads_of(model, s.tensor);
  const double fc1 = (model.gated() ? 2 : 1) * width;
  const double share = tokens / s.tensor;
  // The norms write fp8 themselves; its transpose is an extra 2 B per element of one shard.
  out.forward.push_back(
      traffic("fp8 casts",
              passes * (4 * heads.a * heads.dv * tokens + 4 * width * tokens) + 2 * h * share, 3));
  out.input_grad.push_back(traffic(
      "fp8 casts",
      passes *
          (2 * 4 * h * share + 4 * (heads.a * heads.d + heads.g * (heads.d + heads.dv)) * tokens +
           4 * fc1 * tokens),
      4));
}

void dense_mlp(LayerWork& out, const ModelSpec& model, const LayerSharding& s,
               const KernelChoices& choices, Site first, Site second, double ffn) {
  const double tokens = s.tokens(), h = static_cast<double>(model.hidden), width = ffn / s.tensor;
  linear(out, first, tokens, (model.gated() ? 2 : 1) * width, h);
  activation(out, model, choices, width, tokens);
  linear(out, second, tokens, h, width);
}

// Routed experts: each rank's tokens go to top_k experts; after the all-to-all an expert rank
// holds tokens * top_k on average, `imbalance` times that on the busiest, which is what the
// others wait for.
void moe_mlp(LayerWork& out, const ModelSpec& model, const LayerSharding& s,
             const KernelChoices& choices) {
  const MoeSpec& moe = *model.moe;
  const double h = static_cast<double>(model.hidden), experts = static_cast<double>(moe.experts);
  // The router and the dispatcher work on a rank's own tokens: its sequence shard.
  const double own = s.tokens() / s.tensor;
  const double routed =
      own * static_cast<double>(moe.top_k) * s.expert_tensor *
      (choices.moe_capacity_factor > 0 ? choices.moe_capacity_factor : choices.moe_imbalance);
  const double local_experts = experts / s.expert;
  const double per_expert = routed / local_experts;
  const double width = static_cast<double>(moe.expert_ffn) / s.expert_tensor;
  linear(out, Site::kRouter, own, experts, h, false);
  out.forward.push_back(traffic("routing", 20 * experts * own, 6));
  out.input_grad.push_back(traffic("routing", 20 * experts * own, 4));
  out.forward.push_back(traffic("permute", 2 * 4 * h * routed, 2));
  out.input_grad.push_back(traffic("permute", 2 * 4 * h * routed, 2));
  linear(out, Site::kExpertFc1, per_expert, (model.gated() ? 2 : 1) * width, h, true,
         local_experts);
  activation(out, model, choices, width, routed);
  linear(out, Site::kExpertFc2, per_expert, h, width, true, local_experts);
  if (moe.shared_ffn > 0) {
    dense_mlp(out, model, s, choices, Site::kSharedFc1, Site::kSharedFc2,
              static_cast<double>(moe.shared_ffn));
    out.forward.push_back(traffic("shared expert add", 6 * h * own));
  }
  out.messages.expert_bytes = 2 * h * routed / s.expert_tensor;
  out.messages.expert_tensor_bytes = s.expert_tensor > 1 ? 2 * h * routed : 0.0;
}

}  // namespace

std::string_view name_of(Site site) {
  switch (site) {
    case Site::kQkv:
      return "qkv";
    case Site::kProjection:
      return "projection";
    case Site::kFc1:
      return "fc1";
    case Site::kFc2:
      return "fc2";
    case Site::kQueryDown:
      return "query_down";
    case Site::kQueryUp:
      return "query_up";
    case Site::kKvDown:
      return "kv_down";
    case Site::kKvUp:
      return "kv_up";
    case Site::kRouter:
      return "router";
    case Site::kExpertFc1:
      return "expert_fc1";
    case Site::kExpertFc2:
      return "expert_fc2";
    case Site::kSharedFc1:
      return "shared_fc1";
    case Site::kSharedFc2:
      return "shared_fc2";
    case Site::kHead:
      return "vocabulary_head";
    case Site::kScores:
      return "attention_scores";
    case Site::kContext:
      return "attention_context";
    case Site::kAttention:
      return "attention";
    case Site::kAttentionRing:
      return "attention_ring";
    case Site::kElementwise:
      return "elementwise";
  }
  return "unknown";
}

double Work::flops() const {
  if (kind == WorkKind::kGemm) return 2 * m * n * k * batch;
  if (kind == WorkKind::kAttention) {
    return 2 * sequences * heads * query_tokens * kv_tokens * (head_dim + v_head_dim) *
           (causal ? 0.5 : 1.0);
  }
  return 0;
}

double padded_vocab(const ModelSpec& model, double tensor) {
  const double multiple = 128 * tensor;
  return std::ceil(static_cast<double>(model.vocab) / multiple) * multiple;
}

LayerWork layer_work(const ModelSpec& model, std::int64_t index, const LayerSharding& s,
                     const KernelChoices& choices) {
  LayerWork out;
  const double h = static_cast<double>(model.hidden);
  layer_parts::attention_block(out, model, model.is_windowed_layer(index), s, choices);
  norms_and_residuals(out, model, s, choices);
  double width = static_cast<double>(model.ffn) / s.tensor;
  if (model.is_moe_layer(index)) {
    moe_mlp(out, model, s, choices);
    width = static_cast<double>(model.moe->expert_ffn) * static_cast<double>(model.moe->top_k) /
            s.tensor;
  } else {
    dense_mlp(out, model, s, choices, Site::kFc1, Site::kFc2, static_cast<double>(model.ffn));
  }
  if (choices.fp8) fp8_casts(out, model, s, choices, width);

  out.messages.tensor_bytes = s.tensor > 1 ? 2 * s.tokens() * h : 0.0;
  if (s.context > 1) {
    const Heads heads = heads_of(model, s.tensor);
    const double kv = heads.g * (heads.d + heads.dv), q = heads.a * heads.d;
    out.messages.context_transfers = s.ulysses ? 2 : s.context - 1;
    // Ring: the KV block of s/c tokens passed on; Ulysses: q, k, v in, the output back, averaged.
    out.messages.context_bytes =
        s.ulysses ? 2 * (q + kv + heads.a * heads.dv) / 2 * s.tokens() : 2 * kv * s.tokens();
  }
  return out;
}

LayerWork embedding_work(const ModelSpec& model, const LayerSharding& s,
                         const KernelChoices& choices) {
  LayerWork out;
  const double h = static_cast<double>(model.hidden), tokens = s.tokens();
  out.forward.push_back(traffic("embedding", 4 * h * tokens));
  out.weight_grad.push_back(traffic("embedding gradient", 8 * h * tokens));
  if (choices.dropout) {
    out.forward.push_back(traffic("embedding dropout", 5 * h * tokens));
    out.input_grad.push_back(traffic("embedding dropout", 5 * h * tokens));
  }
  out.messages.tensor_bytes = s.tensor > 1 ? 2 * tokens * h : 0.0;
  out.parameters = padded_vocab(model, s.tensor) / s.tensor * h;
  return out;
}

LayerWork head_work(const ModelSpec& model, const LayerSharding& s, const KernelChoices& choices) {
  LayerWork out;
  const double h = static_cast<double>(model.hidden), tokens = s.tokens();
  const double rows = tokens / (s.sequence_parallel ? s.tensor : 1.0);
  const double columns = padded_vocab(model, s.tensor) / s.tensor;
  out.forward.push_back(traffic("final norm", 4 * h * rows));
  out.input_grad.push_back(traffic("final norm", (choices.transformer_engine ? 6 : 10) * h * rows));
  linear(out, Site::kHead, tokens, columns, h, false);
  out.forward.push_back(traffic(
      "cross-entropy", choices.cross_entropy_forward_bytes_per_logit * tokens * columns, 2));
  out.input_grad.push_back(traffic(
      "cross-entropy", choices.cross_entropy_backward_bytes_per_logit * tokens * columns, 1));
  out.messages.tensor_bytes = s.tensor > 1 ? 2 * tokens * h : 0.0;
  return out;
}

}  // namespace plumbline
