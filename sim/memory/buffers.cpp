#include "sim/memory/buffers.h"

#include <algorithm>
#include <set>
#include <utility>

#include "sim/memory/static_memory.h"

namespace plumbline {
namespace {

using Shapes = std::set<std::pair<double, double>>;

void attention_shapes(const ModelSpec& m, double t, Shapes& shapes) {
  const auto h = static_cast<double>(m.hidden);
  const auto a = static_cast<double>(m.heads);
  if (!m.mla) {
    const auto d = static_cast<double>(m.head_dim);
    shapes.insert({(a / t + 2.0 * std::max(static_cast<double>(m.kv_heads) / t, 1.0)) * d, h});
    shapes.insert({h, a * d / t});
    return;
  }
  const auto q_rank = static_cast<double>(m.mla->q_lora_rank);
  const auto kv_rank = static_cast<double>(m.mla->kv_lora_rank);
  const auto rope = static_cast<double>(m.mla->qk_rope_head_dim);
  const double qk = static_cast<double>(m.mla->qk_nope_head_dim) + rope;
  const auto v = static_cast<double>(m.mla->v_head_dim);
  if (q_rank > 0.0) {
    shapes.insert({q_rank, h});
    shapes.insert({a * qk / t, q_rank});
  } else {
    shapes.insert({a * qk / t, h});
  }
  shapes.insert({kv_rank + rope, h});
  shapes.insert({a * (qk - rope + v) / t, kv_rank});
  shapes.insert({h, a * v / t});
}

void feed_forward_shapes(const ModelSpec& m, double width, Shapes& shapes) {
  const auto h = static_cast<double>(m.hidden);
  shapes.insert({(m.gated() ? 2.0 : 1.0) * width, h});
  shapes.insert({h, width});
}

bool eight_bit_units(const Cluster& cluster) { return cluster.device.peak_flops.contains("fp8"); }

constexpr double kMiB = 1048576.0;

}  // namespace

double weight_grad_dummies(const ModelSpec& model, const ParallelPlan& plan,
                           const TrainingOptions& training,
                           const std::vector<StageLayers>& stages_of_rank) {
  const SoftwareFacts& facts = training.software;
  if (facts.saved_tensors != SavedTensors::kTransformerEngine || !facts.weight_grad_dummies ||
      !facts.gradient_accumulation_fusion) {
    return 0.0;
  }
  const double t = plan.tensor;
  Shapes shapes;
  for (const StageLayers& stage : stages_of_rank) {
    for (int index = stage.first_layer; index < stage.end_layer; ++index) {
      attention_shapes(model, t, shapes);
      if (!model.is_moe_layer(index)) {
        feed_forward_shapes(model, static_cast<double>(model.ffn) / t, shapes);
        continue;
      }
      feed_forward_shapes(model, static_cast<double>(model.moe->expert_ffn) / plan.expert_tensor,
                          shapes);
      if (model.moe->shared_ffn > 0) {
        feed_forward_shapes(model, static_cast<double>(model.moe->shared_ffn) / t, shapes);
      }
    }
  }
  double values = 0.0;
  for (const auto& shape : shapes) values += shape.first * shape.second;
  return values * bytes_of(training.precision);
}

double user_buffers(const ModelSpec& model, const ParallelPlan& plan,
                    const TrainingOptions& training) {
  const SoftwareFacts& facts = training.software;
  if (facts.tensor_overlap != TensorOverlap::kUserBuffers || plan.tensor == 1 ||
      !plan.sequence_parallel) {
    return 0.0;
  }
  const ActivationShape shape = activation_shape(model, plan, training);
  return 8.0 * shape.tokens * bytes_of(training.precision) * static_cast<double>(model.hidden);
}

double gemm_workspace(const Cluster& cluster, const TrainingOptions& training) {
  const bool hopper_or_later = eight_bit_units(cluster);
  const double torch = (hopper_or_later ? 32.0 : 8.125) * kMiB;
  const double engine = (hopper_or_later ? 32.0 : 4.0) * kMiB;
  const bool has_engine = training.software.saved_tensors == SavedTensors::kTransformerEngine;
  return torch + (has_engine ? engine : 0.0);
}

}  // namespace plumbline
