#include "sim/memory/memory_model.h"

#include <algorithm>

#include "models/parameters.h"
#include "sim/memory/buffers.h"
#include "sim/memory/saved_tensors.h"
#include "sim/memory/static_memory.h"
#include "sim/plan/software.h"

namespace plumbline {
namespace {

/// Layers of the stage that are recomputed as a whole, from its first on (Megatron's block method).
int recomputed_layers(const StageLayers& stage, const TrainingOptions& training) {
  if (training.recompute != Recompute::kFull) return 0;
  if (stage.head && !training.software.recompute_last_stage) return 0;
  return std::min(stage.layers(), training.recompute_layers_per_stage.value_or(stage.layers()));
}

/// Whole layers that FSDP (ZeRO-3) holds gathered while one of them runs: it and the next one.
constexpr double kGatheredLayers = 2.0;

class StageBuilder {
 public:
  StageBuilder(const ModelSpec& model, const ParallelPlan& plan, const TrainingOptions& training)
      : model_(model), plan_(plan), training_(training) {}

  StageMemory build(const StageLayers& stage) const {
    StageMemory out;
    double saved = 0, weight_grad = 0, forward_peak = 0, backward_peak = 0, largest_layer = 0;
    const int whole = recomputed_layers(stage, training_);
    for (int index = stage.first_layer; index < stage.end_layer; ++index) {
      const LayerActivations layer =
          layer_activations(model_.is_moe_layer(index), index - stage.first_layer < whole);
      saved += layer.saved;
      weight_grad += layer.weight_grad;
      forward_peak = std::max(forward_peak, layer.forward_peak);
      backward_peak = std::max(backward_peak, layer.backward_peak);
      StageLayers one{index, index + 1, false, false};
      const StageParameters parameters = stage_parameters(model_, plan_, one);
      largest_layer =
          std::max(largest_layer, parameters.linear + parameters.other + parameters.experts);
    }
    const ActivationShape shape = activation_shape(model_, plan_, training_);
    if (stage.embedding && training_.software.dropout) {
      saved += shape.tokens * static_cast<double>(model_.hidden) / shape.split;  // its mask
    }
    HeadActivations head;
    if (stage.head) {
      head = head_activations(model_, plan_, training_);
      saved += head.saved;
      weight_grad += head.weight_grad;
      if (model_.mtp_layers > 0) add_mtp(shape, saved, weight_grad);
    }
    out.activations = Bytes(saved);
    out.activations_after_input_grad = Bytes(weight_grad);
    out.logits = Bytes(head.logits);
    // The head and the layers run at different moments of F and B, and the logits are not there
    // while the layers run: of two sets, the larger one beside everything that is saved.
    out.forward_transient = larger(forward_peak, head.logits, 0.0, head.forward_peak_logits);
    out.backward_transient =
        larger(backward_peak, head.logits, head.backward_peak, head.backward_peak_logits);
    if (plan_.zero_stage >= 3) gather(largest_layer, out);
    return out;
  }

 private:
  LayerActivations layer_activations(bool moe_layer, bool whole) const {
    if (training_.software.saved_tensors == SavedTensors::kTorchFsdp) {
      return torch_fsdp_layer(model_, plan_, training_, moe_layer, whole);
    }
    return megatron_layer(model_, plan_, training_, moe_layer, whole);
  }

  /// Each MTP layer: its two norms' inputs and outputs, the projection's input, a layer, its head.
  void add_mtp(const ActivationShape& shape, double& saved, double& weight_grad) const {
    const double hidden = shape.tokens * bytes_of(training_.precision) *
                          static_cast<double>(model_.hidden) / shape.split;
    const LayerActivations layer = layer_activations(model_.is_moe_layer(model_.layers - 1), false);
    const auto count = static_cast<double>(model_.mtp_layers);
    saved += count * (layer.saved + (2.0 + 2.0 + 2.0) * hidden);
    weight_grad += count * (layer.weight_grad + (2.0 + 1.0) * hidden);
  }

  static MemoryBreakdown larger(double layers, double logits, double head, double head_logits) {
    MemoryBreakdown out;
    if (layers - logits > head + head_logits) {
      out.activations = Bytes(layers);
      out.logits = Bytes(-logits);
    } else {
      out.activations = Bytes(head);
      out.logits = Bytes(head_logits);
    }
    return out;
  }

  /// Gathered weights in F and B; in B also a layer's whole gradient and its fp32 copy that the
  /// reduce-scatter reads.
  void gather(double layer, StageMemory& out) const {
    const double value = bytes_of(training_.precision);
    const Bytes weights(kGatheredLayers * layer * value);
    out.forward_transient.weights += weights;
    out.backward_transient.weights += weights;
    out.backward_transient.gradients +=
        Bytes(layer * (value + bytes_of(training_.software.gradient_reduce_dtype)));
  }

  const ModelSpec& model_;
  const ParallelPlan& plan_;
  const TrainingOptions& training_;
};

/// plan.stage_rank, or what `copies` stands for where it is empty.
std::vector<std::vector<int>> placement(const ParallelPlan& plan, int copies) {
  if (!plan.stage_rank.empty()) return plan.stage_rank;
  std::vector<std::vector<int>> rank(static_cast<std::size_t>(std::max(copies, 1)));
  for (std::size_t copy = 0; copy < rank.size(); ++copy) {
    for (std::size_t stage = 0; stage < plan.stages.size(); ++stage) {
      const int down = static_cast<int>(stage) % plan.pipeline;
      rank[copy].push_back(copy % 2 == 0 ? down : plan.pipeline - 1 - down);
    }
  }
  return rank;
}

std::vector<std::string> assumptions(const TrainingOptions& training) {
  std::vector<std::string> list = weight_assumptions(training);
  list.push_back(
      "memory: bytes that PyTorch's allocator has handed out (max_memory_allocated); the CUDA "
      "context, NCCL and fragmentation are left to the profile's usable_memory_bytes");
  const SoftwareFacts* era = find_software(training.software.name);
  if (training.software.extra_score_bytes > 0 && training.attention == AttentionKernel::kUnfused &&
      era != nullptr && era->extra_score_bytes == training.software.extra_score_bytes) {
    list.push_back("memory: " + training.software.name +
                   " keeps an extra byte per attention score, inferred from published peaks at "
                   "two micro-batch sizes (cause unknown)");
  }
  if (training.software.tensor_overlap == TensorOverlap::kUserBuffers) {
    list.emplace_back("memory: eight userbuffers of tokens x hidden where tensor > 1");
  }
  return list;
}

}  // namespace

MemoryBreakdown& MemoryBreakdown::operator+=(const MemoryBreakdown& other) {
  weights += other.weights;
  gradients += other.gradients;
  optimizer += other.optimizer;
  activations += other.activations;
  logits += other.logits;
  communication += other.communication;
  workspace += other.workspace;
  framework += other.framework;
  return *this;
}

MemoryModel memory_model(const ModelSpec& model, const Cluster& cluster, const ParallelPlan& plan,
                         const TrainingOptions& training, int weight_copies) {
  MemoryModel out;
  const StageBuilder builder(model, plan, training);
  for (const StageLayers& stage : plan.stages) out.stages.push_back(builder.build(stage));

  const auto stage_rank = placement(plan, weight_copies);
  const int copies = static_cast<int>(stage_rank.size());
  std::vector<std::vector<StageLayers>> held(static_cast<std::size_t>(plan.pipeline));
  for (const std::vector<int>& copy : stage_rank) {
    for (std::size_t stage = 0; stage < copy.size(); ++stage) {
      held[static_cast<std::size_t>(copy[stage])].push_back(plan.stages[stage]);
    }
  }
  for (const std::vector<StageLayers>& stages : held) {
    const bool embedding = std::ranges::any_of(stages, &StageLayers::embedding);
    MemoryBreakdown rank;
    double vocabularies = 0.0;
    for (const StageLayers& stage : stages) {
      const StageParameters parameters = stage_parameters(model, plan, stage, embedding);
      rank += static_memory(parameters, plan, training, copies);
      if (stage.embedding || stage.head) vocabularies += 1.0;
      if (stage.embedding && stage.head && !model.tied_embeddings) vocabularies += 1.0;
    }
    if (plan.zero_stage >= 3) {  // FSDP's root group: embedding and head stay gathered
      const double rows = activation_shape(model, plan, training).vocabulary;
      rank.weights += Bytes(vocabularies * rows * static_cast<double>(model.hidden) *
                            bytes_of(training.precision));
    }
    rank.communication = Bytes(user_buffers(model, plan, training));
    rank.workspace = Bytes(weight_grad_dummies(model, plan, training, stages) +
                           gemm_workspace(cluster, training));
    out.rank_static.push_back(rank);
  }
  out.assumptions = assumptions(training);
  return out;
}

}  // namespace plumbline
