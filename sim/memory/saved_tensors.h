// What a transformer layer keeps for its backward pass, tensor by tensor.
//
// All sizes are bytes of one micro-batch on one rank.  T is its tokens (micro_batch * sequence /
// context), t the tensor-parallel size, h, a, g, d, f the model's hidden size, heads, KV heads,
// head dimension and feed-forward width.
#pragma once

#include "sim/memory/memory_model.h"

namespace plumbline {

/// How the micro-batch is cut.
struct ActivationShape {
  double tokens = 0;      ///< T
  double tensor = 1;      ///< t
  double split = 1;       ///< t under sequence parallelism, else 1: norms, dropouts, layer inputs
  double vocabulary = 0;  ///< padded rows of one rank
};
ActivationShape activation_shape(const ModelSpec& model, const ParallelPlan& plan,
                                 const TrainingOptions& training);

struct LayerActivations {
  double saved = 0;         ///< from F until B (or I)
  double weight_grad = 0;   ///< what W needs after I: the linear layers' inputs, output gradients
  double forward_peak = 0;  ///< beside `saved` while the layer's forward runs
  double backward_peak =
      0;  ///< beside `saved` while its backward runs, recomputed tensors included
};

/// One layer under Megatron-LM, without or with Transformer Engine: the two lists differ in what
/// SoftwareFacts and AttentionKernel say (dropout masks, the softmax, 8-bit inputs), not in kind.
///
/// @param whole  the layer is recomputed as a whole (it keeps its input alone); otherwise what
///               `training.recompute` says of modules and the attention's core
LayerActivations megatron_layer(const ModelSpec& model, const ParallelPlan& plan,
                                const TrainingOptions& training, bool moe_layer, bool whole);

/// One layer under torchtitan: Recompute::kSelective keeps the output of every second matrix
/// product and of the attention kernel (torchtitan's op-level selective checkpointing).
LayerActivations torch_fsdp_layer(const ModelSpec& model, const ParallelPlan& plan,
                                  const TrainingOptions& training, bool moe_layer, bool whole);

/// The stage's last part: final norm, vocabulary head and loss.
struct HeadActivations {
  double saved = 0;
  double weight_grad = 0;
  double logits = 0;                ///< kept by the loss from F until B
  double forward_peak_logits = 0;   ///< beside `logits`
  double backward_peak_logits = 0;  ///< beside `logits`
  double backward_peak = 0;         ///< gradients that are not logits
};
HeadActivations head_activations(const ModelSpec& model, const ParallelPlan& plan,
                                 const TrainingOptions& training);

}  // namespace plumbline
