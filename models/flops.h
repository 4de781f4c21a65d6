// The arithmetic of one training step, by the conventions in which TFLOP/s are published.
//
// These count a model's work for a report (MFU, HFU); what a GPU executes, operation by operation,
// is in models/layer_work.h.
#pragma once

#include <cstdint>
#include <optional>

#include "models/model_spec.h"
#include "sim/core/units.h"

namespace plumbline {

/// How attention scores are counted: all s*s of them, or the half that a causal mask leaves.
enum class AttentionCount { kFullSquare, kCausal };

struct FlopConvention {
  AttentionCount attention = AttentionCount::kFullSquare;
  /// Vocabulary rows as padded; nullopt: the model's own.
  std::optional<std::int64_t> vocab = std::nullopt;
};

/// Forward and backward of `batch` sequences of `sequence` tokens: three times the forward GEMMs.
///
/// Megatron-LM's num_floating_point_operations (megatron/training/training.py): attention,
/// feed-forward, routed (top_k) and shared experts, MLA, MTP layers and the vocabulary head;
/// norms, router and element-wise work are not in it, and a sliding window does not reduce it.
/// Older releases count attention as a full square, since 2025 as its causal half.
Flops model_flops(const ModelSpec& model, std::int64_t sequence, std::int64_t batch,
                  const FlopConvention& convention = {});

/// What is computed a second time.
enum class Recomputed {
  kNothing,
  kCoreAttention,  ///< scores and their product with V once more: 4*B*s*s*a*d a layer
  /// The same as Korthikanti et al. (arXiv:2205.05198, appendix A) count it for their published
  /// HFU: 72*B*L*s*h*h*(1 + s/3h + V/12hL), which charges attention twice in full (12, not 4).
  kCoreAttentionKorthikanti,
  kLayers,  ///< whole layers: one more forward of each
};

/// model_flops and the recomputation.
///
/// @param layers  how many layers are recomputed; nullopt: all.  With kLayers, learned or untied
///                vocabulary and MTP work is never recomputed.
/// For a GPT with kLayers it is Narayanan et al., SC21 (arXiv:2104.04473), eq. 3:
/// 96*B*s*l*h*h*(1 + s/6h + V/16lh).
Flops hardware_flops(const ModelSpec& model, std::int64_t sequence, std::int64_t batch,
                     Recomputed recomputed, std::optional<std::int64_t> layers = std::nullopt,
                     const FlopConvention& convention = {});

}  // namespace plumbline
