// Attention and the projections around it: fused or not, multi-head, grouped or latent, whole or
// cut over the sequence.
//
// Example (GPT-3 175B, tensor 8, one sequence of 2048, unfused): the scores are one product of
// m = 12 heads x 2048 rows, n = 2048, k = 128, the context another with n = 128, k = 2048.

#include <algorithm>
#include <cmath>
#include <vector>

#include "models/layer_work_parts.h"

namespace plumbline::layer_parts {
namespace {

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
void fused_attention(LayerWork& out, const ModelSpec& model, bool windowed,
                     const LayerSharding& s) {
  const bool ring = s.context > 1 && !s.ulysses;
  const double local = ring ? s.sequence / s.context : s.sequence;
  std::vector<Work> forward{attention(model, s, Site::kAttention, local, local, true)};
  if (windowed && static_cast<double>(*model.sliding_window) < local) {
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

// Attention as separate products and a softmax over the full square of scores; a window masks
// scores that are computed all the same.  REQUIRES: s.context == 1 or Ulysses
void unfused_attention(LayerWork& out, const ModelSpec& model, const LayerSharding& s,
                       const KernelChoices& choices) {
  const Heads heads = heads_of(model, s.tensor * (s.ulysses ? s.context : 1.0));
  const double length = s.sequence;
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

}  // namespace

void attention_block(LayerWork& out, const ModelSpec& model, bool windowed, const LayerSharding& s,
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
    fused_attention(out, model, windowed, s);
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

}  // namespace plumbline::layer_parts
