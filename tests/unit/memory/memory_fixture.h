// A plan, a cluster and options built by hand: the tests of sim/memory need no scenario.
#pragma once

#include <string>
#include <vector>

#include "models/model_reader.h"
#include "sim/memory/memory_model.h"

namespace plumbline {

constexpr double kGiB = 1073741824.0;

inline ModelSpec named(const std::string& name) {
  return find_model(std::string(PLUMBLINE_SOURCE_DIR) + "/models", name);
}

/// Stages of equal length; with `lighter_ends` the first and last have one layer less.
inline std::vector<StageLayers> even_stages(int layers, int stages, bool lighter_ends = false) {
  std::vector<StageLayers> list;
  const int each = (layers + (lighter_ends ? 2 : 0)) / stages;
  int next = 0;
  for (int stage = 0; stage < stages; ++stage) {
    const bool end = stage == 0 || stage == stages - 1;
    const int count = each - (lighter_ends && end ? 1 : 0);
    list.push_back({next, next + count, stage == 0, stage == stages - 1});
    next += count;
  }
  return list;
}

inline ParallelPlan plan_of(const ModelSpec& model, int tensor, int pipeline, int data = 1,
                            int virtual_stages = 1, bool lighter_ends = false) {
  ParallelPlan plan;
  plan.tensor = tensor;
  plan.pipeline = pipeline;
  plan.data = data;
  plan.expert_data = data;
  plan.virtual_stages = virtual_stages;
  plan.sequence_parallel = tensor > 1;
  plan.stages =
      even_stages(static_cast<int>(model.layers), pipeline * virtual_stages, lighter_ends);
  return plan;
}

/// Megatron-LM of Korthikanti et al.: fp16, dropout, unfused attention with the fused softmax.
inline TrainingOptions megatron_2022(std::int64_t micro_batch, std::int64_t sequence) {
  TrainingOptions training;
  training.micro_batch_size = micro_batch;
  training.sequence_length = sequence;
  training.precision = Precision::kFp16;
  training.attention = AttentionKernel::kUnfused;
  training.software.saved_tensors = SavedTensors::kMegatron2022;
  training.software.dropout = true;
  training.software.softmax = SoftmaxFusion::kMegatronKernel;
  training.software.gradient_dtype = Precision::kFp16;
  training.software.cross_entropy = CrossEntropy::kUnfused;
  training.software.tensor_overlap = TensorOverlap::kNone;
  training.software.weight_grad_dummies = false;
  return training;
}

/// Megatron-LM v0.14 with Transformer Engine 2, as SimuMax ran it.
inline TrainingOptions transformer_engine(std::int64_t micro_batch, std::int64_t sequence) {
  TrainingOptions training;
  training.micro_batch_size = micro_batch;
  training.sequence_length = sequence;
  training.software.tensor_overlap = TensorOverlap::kNone;
  return training;
}

/// One whose GPU is not asked about.
inline const Cluster kAnyCluster;

inline Cluster hopper_or_later() {
  Cluster cluster;
  cluster.device.peak_flops["fp8"] = FlopsPerSecond(1.0);
  return cluster;
}

}  // namespace plumbline
