// Byte counts are of 16-bit tensors, written as the sum of what a kernel must read and write at
// least once.  Sources: Megatron-LM's fused kernels (megatron/fused_kernels, core/fusions) for
// the 2021-2022 stack, Transformer Engine's modules for the current one.
//
// Example (GPT-3 175B, tensor 8, one sequence of 2048): qkv is m=2048 n=4608 k=12288, the
// projection m=2048 n=12288 k=1536, fc1 m=2048 n=6144 k=12288, fc2 m=2048 n=12288 k=6144.

#include "models/layer_work.h"

#include <algorithm>
#include <cmath>

namespace plumbline {
namespace {

Work gemm(Site site, double m, double n, double k, bool low_precision = true, double batch = 1) {
  Work work;
  work.kind = WorkKind::kGemm;
  work.site = site;
  work.m = m;
  work.n = n;
  work.k = k;
  work.batch = batch;
  work.low_precision = low_precision;
  return work;
}

Work traffic(std::string_view what, double bytes, double kernels = 1) {
  Work work;
  work.what = what;
  work.bytes = bytes;
  work.kernels = kernels;
  return work;
}

// A linear layer with its two gradients.
void linear(LayerWork& out, Site site, double tokens, double outputs, double inputs,
            bool low_precision = true, double batch = 1) {
  out.forward.push_back(gemm(site, tokens, outputs, inputs, low_precision, batch));
  out.input_grad.push_back(gemm(site, tokens, inputs, outputs, low_precision, batch));
  out.weight_grad.push_back(gemm(site, outputs, inputs, tokens, low_precision, batch));
  const bool routed = site == Site::kExpertFc1 || site == Site::kExpertFc2;
  (routed ? out.expert_parameters : out.parameters) += outputs * inputs * batch;
}

// Head counts and widths as the attention kernel sees them; MLA trains with full heads
// (DeepSeek-V2, arXiv:2405.04434, eq. 9-19: no weight absorption in training).
struct Heads {
  double a, g, d, dv;  ///< per tensor rank
};

Heads heads_of(const ModelSpec& model, double tensor) {
  Heads heads{};
  heads.a = static_cast<double>(model.heads) / tensor;
  if (model.mla) {
    heads.g = heads.a;
    heads.d = static_cast<double>(model.mla->qk_nope_head_dim + model.mla->qk_rope_head_dim);
    heads.dv = static_cast<double>(model.mla->v_head_dim);
  } else {
    // With more ranks than key-value heads each rank keeps one of its own.
    heads.g = std::max(1.0, static_cast<double>(model.kv_heads) / tensor);
    heads.d = heads.dv = static_cast<double>(model.head_dim);
  }
  return heads;
}

Work attention(const ModelSpec& model, const LayerSharding& s, Site site, double query_tokens,
               double kv_tokens, bool causal) {
  const Heads heads = heads_of(model, s.tensor * (s.ulysses ? s.context : 1.0));
  Work work;
  work.kind = WorkKind::kAttention;
  work.site = site;
  work.low_precision = false;
  work.sequences = s.micro_batch;
  work.heads = heads.a;
  work.kv_heads = std::max(1.0, heads.g);
  work.head_dim = heads.d;
  work.v_head_dim = heads.dv;
  work.query_tokens = query_tokens;
  work.kv_tokens = kv_tokens;
  work.causal = causal;
  return work;
}

// Fused attention.  Ring context parallelism: the causal diagonal block of s/c tokens, then the
// other ranks' blocks, which the zig-zag order makes (s - s/c) / 2 unmasked tokens on average,
// and a correction pass over the output per further block.
void fused_attention(LayerWork& out, const ModelSpec& model, const LayerSharding& s) {
  const bool ring = s.context > 1 && !s.ulysses;
  const double local = ring ? s.sequence / s.context : s.sequence;
  std::vector<Work> forward{attention(model, s, Site::kAttention, local, local, true)};
  if (model.sliding_window && static_cast<double>(*model.sliding_window) < local) {
    // A window of w: every query sees w keys but the first w, which see w/2 on average.
    const auto window = static_cast<double>(*model.sliding_window);
    forward[0] = attention(model, s, Site::kAttention, local,
                           window - window * window / (2.0 * local), false);
  }
  if (ring) {
    forward.push_back(
        attention(model, s, Site::kAttentionRing, local, (s.sequence - local) / 2.0, false));
    const Heads heads = heads_of(model, s.tensor);
    const double tokens = s.tokens(), steps = s.context - 1;
    out.forward.push_back(
        traffic("ring correction", steps * 6 * heads.a * heads.dv * tokens, steps));
    out.input_grad.push_back(
        traffic("ring correction", steps * 6 * (heads.a * heads.d + 2 * heads.g * heads.d) * tokens,
                steps));
  }
  for (const Work& work : forward) {
    out.forward.push_back(work);
    out.attention_core.push_back(work);
    out.input_grad.push_back(work);  // priced with the backward's rate
  }
}

// Attention as separate products and a softmax over the full square of scores.
void unfused_attention(LayerWork& out, const ModelSpec& model, const LayerSharding& s,
                       const KernelChoices& choices) {
  const Heads heads = heads_of(model, s.tensor);
  const double length = s.sequence / s.context;
  const double rows = s.micro_batch * heads.a * length;
  const double scores = rows * length;
  // Megatron's kernel needs batch * heads in multiples of four and at most 2,048 keys (16,384
  // from 2022 on); otherwise five eager kernels in fp32: cast, scale, mask, softmax, cast back.
  const bool kernel =
      choices.softmax_kernel && length <= 16384 && std::fmod(s.micro_batch * heads.a, 4.0) == 0.0;
  const double dropout = choices.dropout ? 5.0 : 0.0;  // read, write, one mask byte
  const double softmax_forward = kernel ? 3.0 : 37.0;  // causal: only half is read
  const double softmax_backward = kernel ? 6.0 : 41.0;
  std::vector<Work> forward;
  forward.push_back(gemm(Site::kScores, rows, length, heads.d, false));
  forward.push_back(traffic("softmax", softmax_forward * scores, kernel ? 1 : 5));
  if (choices.dropout) forward.push_back(traffic("attention dropout", dropout * scores));
  forward.push_back(gemm(Site::kContext, rows, heads.dv, length, false));
  for (const Work& work : forward) {
    out.forward.push_back(work);
    out.attention_core.push_back(work);
  }
  out.input_grad.push_back(gemm(Site::kContext, rows, length, heads.dv, false));
  out.input_grad.push_back(gemm(Site::kContext, rows, heads.dv, length, false));
  out.input_grad.push_back(gemm(Site::kScores, rows, heads.d, length, false));
  out.input_grad.push_back(gemm(Site::kScores, rows, heads.d, length, false));
  out.input_grad.push_back(traffic("softmax", softmax_backward * scores, kernel ? 1 : 5));
  if (choices.dropout) out.input_grad.push_back(traffic("attention dropout", dropout * scores));
}

void attention_block(LayerWork& out, const ModelSpec& model, const LayerSharding& s,
                     const KernelChoices& choices) {
  const double tokens = s.tokens(), h = static_cast<double>(model.hidden);
  const Heads heads = heads_of(model, s.tensor);
  const double qkv = (heads.a * heads.d + heads.g * (heads.d + heads.dv));
  if (model.mla) {
    const MlaSpec& mla = *model.mla;
    const auto q_rank = static_cast<double>(mla.q_lora_rank);
    const auto kv_rank = static_cast<double>(mla.kv_lora_rank);
    const auto rope = static_cast<double>(mla.qk_rope_head_dim);
    // The down projections are replicated over the tensor ranks, each on its sequence shard.
    const double own = tokens / (s.sequence_parallel ? s.tensor : 1.0);
    if (q_rank > 0) {
      linear(out, Site::kQueryDown, own, q_rank, h);
      linear(out, Site::kQueryUp, tokens, heads.a * heads.d, q_rank);
    } else {
      linear(out, Site::kQueryUp, tokens, heads.a * heads.d, h);
    }
    linear(out, Site::kKvDown, own, kv_rank + rope, h);
    linear(out, Site::kKvUp, tokens,
           heads.a * (static_cast<double>(mla.qk_nope_head_dim) + heads.dv), kv_rank);
    out.forward.push_back(traffic("latent norms", 4 * (q_rank + kv_rank) * own, 2));
    out.input_grad.push_back(traffic("latent norms", 6 * (q_rank + kv_rank) * own, 2));
    out.forward.push_back(traffic("key assembly", 4 * (heads.g * heads.d) * tokens));
    out.input_grad.push_back(traffic("key assembly", 4 * (heads.g * heads.d) * tokens));
  } else {
    linear(out, Site::kQkv, tokens, qkv, h);
  }

  if (choices.flash_attention) {
    fused_attention(out, model, s);
  } else {
    unfused_attention(out, model, s, choices);
  }
  linear(out, Site::kProjection, tokens, h, heads.a * heads.dv);

  if (model.positions == Positions::kRope) {
    const double rotated = model.mla
                               ? heads.a * static_cast<double>(model.mla->qk_rope_head_dim) * 2
                               : (heads.a + heads.g) * heads.d;
    out.forward.push_back(traffic("rope", 4 * rotated * tokens));
    out.input_grad.push_back(traffic("rope", 4 * rotated * tokens));
  }
  if (choices.transformer_engine) {
    out.forward.push_back(traffic("value copy", 4 * heads.g * heads.dv * tokens));
    out.input_grad.push_back(traffic("qkv gradient copy", 4 * qkv * tokens));
  } else {
    out.forward.push_back(traffic("context copy", 4 * heads.a * heads.dv * tokens));
    out.input_grad.push_back(traffic("context copy", 4 * heads.a * heads.dv * tokens));
    out.input_grad.push_back(traffic("qkv gradient permute", 4 * qkv * tokens));
    if (model.qkv_bias) {
      out.forward.push_back(traffic("qkv bias", 4 * qkv * tokens));
      out.input_grad.push_back(traffic("qkv bias gradient", 2 * qkv * tokens));
    }
  }
}

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
// transposed, 2 bytes read and 2 x 1 written.
void fp8_casts(LayerWork& out, const ModelSpec& model, const LayerSharding& s, double width) {
  const double tokens = s.tokens(), h = static_cast<double>(model.hidden);
  const Heads heads = heads_of(model, s.tensor);
  const double fc1 = (model.gated() ? 2 : 1) * width;
  const double share = tokens / s.tensor;
  // The norms write fp8 themselves; its transpose is an extra 2 B per element of one shard.
  out.forward.push_back(traffic(
      "fp8 casts", 4 * heads.a * heads.dv * tokens + 4 * width * tokens + 2 * h * share, 3));
  out.input_grad.push_back(traffic(
      "fp8 casts",
      2 * 4 * h * share + 4 * (heads.a * heads.d + heads.g * (heads.d + heads.dv)) * tokens +
          4 * fc1 * tokens,
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
  attention_block(out, model, s, choices);
  norms_and_residuals(out, model, s, choices);
  double width = static_cast<double>(model.ffn) / s.tensor;
  if (model.is_moe_layer(index)) {
    moe_mlp(out, model, s, choices);
    width = static_cast<double>(model.moe->expert_ffn) * static_cast<double>(model.moe->top_k) /
            s.tensor;
  } else {
    dense_mlp(out, model, s, choices, Site::kFc1, Site::kFc2, static_cast<double>(model.ffn));
  }
  if (choices.fp8) fp8_casts(out, model, s, width);

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
