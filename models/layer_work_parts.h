// Pieces that the files of layer_work share.
#pragma once

#include <algorithm>
#include <string_view>

#include "models/layer_work.h"

namespace plumbline::layer_parts {

inline Work gemm(Site site, double m, double n, double k, bool low_precision = true,
                 double batch = 1) {
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

inline Work traffic(std::string_view what, double bytes, double kernels = 1) {
  Work work;
  work.what = what;
  work.bytes = bytes;
  work.kernels = kernels;
  return work;
}

// A linear layer with its two gradients.
inline void linear(LayerWork& out, Site site, double tokens, double outputs, double inputs,
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

inline Heads heads_of(const ModelSpec& model, double tensor) {
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

/// Appends projections, attention core and the copies around them.
/// @param windowed  whether this layer sees model.sliding_window tokens only
void attention_block(LayerWork& out, const ModelSpec& model, bool windowed, const LayerSharding& s,
                     const KernelChoices& choices);

}  // namespace plumbline::layer_parts
