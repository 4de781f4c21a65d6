// What one layer does, operation by operation: each GEMM with its m, n, k, attention, and the
// memory traffic of the elementwise kernels, for forward, input gradient and weight gradient.
//
// Notation: T tokens of a micro-batch on one rank (micro_batch * sequence / context), h hidden,
// a heads, g key-value heads, d head dimension, f feed-forward width, t tensor-parallel size.
// A GEMM is C[m,n] = A[m,k] B[k,n]; the forward of a linear layer is (T, out, in), its input
// gradient (T, in, out), its weight gradient (out, in, T).
#pragma once

#include <string_view>
#include <vector>

#include "models/model_spec.h"
#include "sim/core/units.h"

namespace plumbline {

/// How the model is cut and fed.
struct LayerSharding {
  double micro_batch = 1;
  double sequence = 0;
  double tensor = 1, context = 1, expert = 1, expert_tensor = 1;
  bool sequence_parallel = false;
  bool ulysses = false;  ///< context parallelism by all-to-all instead of the ring
  double tokens() const { return micro_batch * sequence / context; }
};

/// Which kernels the training software uses.
struct KernelChoices {
  bool flash_attention = true;
  bool softmax_kernel = true;     ///< unfused attention: Megatron's scaled-masked-softmax kernel
  bool fused_elementwise = true;  ///< bias+gelu and bias+dropout+add in one kernel each
  bool dropout = false;
  bool transformer_engine = true;  ///< biases live in GEMM epilogues; rope, no context copies
  bool fp8 = false;                ///< linear layers in 8 bits: operands are cast and transposed
  /// fp8 with scales from the tensor at hand (current scaling): one more read finds its maximum.
  bool fp8_amax_pass = false;
  double cross_entropy_forward_bytes_per_logit = 6;
  double cross_entropy_backward_bytes_per_logit = 4;
  double moe_imbalance = 1.0;
  double moe_capacity_factor = 0.0;  ///< 0: dropless
};

enum class Site {
  kQkv,
  kProjection,
  kFc1,
  kFc2,  ///< linear layers of a dense layer
  kQueryDown,
  kQueryUp,
  kKvDown,
  kKvUp,  ///< MLA
  kRouter,
  kExpertFc1,
  kExpertFc2,
  kSharedFc1,
  kSharedFc2,
  kHead,
  kScores,
  kContext,        ///< the two products of unfused attention
  kAttention,      ///< one fused kernel
  kAttentionRing,  ///< the blocks of other ranks under ring attention
  kElementwise,
};
std::string_view name_of(Site site);

enum class WorkKind { kGemm, kAttention, kElementwise };

/// One operation.
struct Work {
  WorkKind kind = WorkKind::kElementwise;
  Site site = Site::kElementwise;
  double m = 0, n = 0, k = 0;  ///< of one GEMM of the batch
  double batch = 1;            ///< experts of equal size
  bool low_precision = true;   ///< runs in fp8 where the run does; false: stays 16 bits
  // attention
  double sequences = 0, heads = 0, kv_heads = 0, head_dim = 0, v_head_dim = 0;
  double query_tokens = 0, kv_tokens = 0;
  bool causal = false;
  // elementwise
  std::string_view what;
  double bytes = 0;
  double kernels = 1;

  /// Floating-point operations as executed (causal attention: half the square).
  double flops() const;
};

/// One collective that the layer's parallelism needs, by what it belongs to.
struct LayerMessages {
  double tensor_bytes = 0;   ///< nccl-tests size of one TP all-gather, reduce-scatter, all-reduce
  double context_bytes = 0;  ///< one rank's KV block (ring) or one all-to-all (Ulysses)
  double context_transfers = 0;    ///< ring: steps; Ulysses: all-to-alls of one direction
  double expert_bytes = 0;         ///< one all-to-all of the dispatch (the combine moves the same)
  double expert_tensor_bytes = 0;  ///< gathered tokens when an expert is cut (ETP > 1)
};

struct LayerWork {
  std::vector<Work> forward;
  std::vector<Work> input_grad;
  std::vector<Work> weight_grad;
  std::vector<Work> attention_core;  ///< the part of `forward` that selective recompute repeats
  LayerMessages messages;
  double parameters = 0;         ///< weights on one tensor rank, without routed experts
  double expert_parameters = 0;  ///< weights of the routed experts on one expert rank
};

/// Layer `index` of the model.
LayerWork layer_work(const ModelSpec& model, std::int64_t index, const LayerSharding& sharding,
                     const KernelChoices& choices);

/// The token embedding of the first stage.
LayerWork embedding_work(const ModelSpec& model, const LayerSharding& sharding,
                         const KernelChoices& choices);

/// Final norm, vocabulary head and loss of the last stage.
LayerWork head_work(const ModelSpec& model, const LayerSharding& sharding,
                    const KernelChoices& choices);

/// Vocabulary rows after Megatron-LM's padding to a multiple of 128 * tensor.
double padded_vocab(const ModelSpec& model, double tensor);

}  // namespace plumbline
