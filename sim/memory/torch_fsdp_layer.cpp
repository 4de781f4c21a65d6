// torchtitan's TransformerBlock.  Its selective checkpointing (torchtitan/parallelisms
// parallelize_llama.py, _save_list) keeps the outputs of the attention kernel and of every second
// aten.mm in the order of a block, wq wk wv wo w1 w3 w2: those of wq, wv, w1 and w2.  Everything
// else is computed again, so a block's whole list lives while its backward runs.

#include <algorithm>

#include "sim/memory/saved_tensors.h"
#include "sim/memory/static_memory.h"

namespace plumbline {

LayerActivations torch_fsdp_layer(const ModelSpec& model, const ParallelPlan& plan,
                                  const TrainingOptions& training, bool moe_layer, bool whole) {
  TrainingOptions everything = training;
  everything.recompute = Recompute::kNone;
  if (whole || training.recompute != Recompute::kSelective) {
    return megatron_layer(model, plan, whole ? everything : training, moe_layer, whole);
  }
  const ActivationShape shape = activation_shape(model, plan, training);
  const LayerActivations all = megatron_layer(model, plan, everything, moe_layer, false);
  const double value = bytes_of(training.precision);
  const auto h = static_cast<double>(model.hidden);
  const auto a = static_cast<double>(model.heads);
  const auto d = static_cast<double>(model.head_dim);
  const double kv_heads = std::max(static_cast<double>(model.kv_heads) / shape.tensor, 1.0);
  const double query = a * d / shape.tensor;
  // A mixture's grouped products are not aten.mm: their outputs are computed again.
  const double first_product = moe_layer ? 0.0 : static_cast<double>(model.ffn) / shape.tensor;
  const double second_product = moe_layer ? 0.0 : h;
  const double kept =
      value * (h / shape.split + query + kv_heads * d + query + first_product + second_product) +
      4.0 * a / shape.tensor;
  LayerActivations out = all;
  out.saved = std::min(shape.tokens * kept, all.saved);
  out.forward_peak = all.saved - out.saved;
  out.backward_peak = all.backward_peak + all.saved - out.saved;
  return out;
}

}  // namespace plumbline
