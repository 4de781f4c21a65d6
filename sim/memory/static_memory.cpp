// Worked example, Llama-3-70B cut to 12 layers on 8 GPUs, pipeline 2, data 4: a stage has
// 6 * 855,654,400 + 128,256 * 8,192 = 6.18 G parameters, so 2 + 4 + 12/4 = 9 bytes of each are
// 51.8 GiB (SimuMax docs/b200 measures 66.55 GiB with activations).

#include "sim/memory/static_memory.h"

#include "models/parameters.h"

namespace plumbline {
namespace {

bool eight_bit(Precision precision) {
  return precision == Precision::kFp8 || precision == Precision::kMxfp8 ||
         precision == Precision::kNvfp4;
}

/// Bytes of one weight of a linear layer.
///
/// In 8 bits Transformer Engine keeps a row-wise and a transposed copy: Hopper multiplies only
/// TN, and MX scales run along the contracted dimension.  With --fp8-param-gather they are the
/// weight; otherwise they are cached beside the bf16 weight.
double linear_weight_bytes(const TrainingOptions& training) {
  if (!eight_bit(training.precision)) return bytes_of(training.precision);
  const double copies = training.precision == Precision::kNvfp4 ? 2 * (0.5 + 1.0 / 16) : 2.0;
  return training.software.fp8_param_gather ? copies : 2.0 + copies;
}

/// Master weight, first and second moment; the master is the weight itself in fp32.
double optimizer_bytes(Precision precision) { return precision == Precision::kFp32 ? 8.0 : 12.0; }

}  // namespace

double bytes_of(Precision precision) {
  switch (precision) {
    case Precision::kFp32:
      return 4.0;
    case Precision::kBf16:
    case Precision::kFp16:
    case Precision::kFp8:  // activations outside the 8-bit GEMMs
    case Precision::kMxfp8:
    case Precision::kNvfp4:
      return 2.0;
  }
  return 2.0;
}

StageParameters stage_parameters(const ModelSpec& model, const ParallelPlan& plan,
                                 const StageLayers& stage, bool shares_embedding) {
  const double tensor = plan.tensor;
  const auto hidden = static_cast<double>(model.hidden);
  StageParameters sum;
  for (int index = stage.first_layer; index < stage.end_layer; ++index) {
    const bool moe = model.is_moe_layer(index);
    const LayerParameters layer = layer_parameters(model, moe);
    double replicated = 0.0;  // MLA's down projections are not split (Megatron-Core)
    if (model.mla) {
      replicated = hidden * static_cast<double>(model.mla->q_lora_rank + model.mla->kv_lora_rank +
                                                model.mla->qk_rope_head_dim);
    }
    const auto matrices = static_cast<double>(layer.attention + layer.mlp + layer.shared_experts);
    sum.linear += (matrices - replicated) / tensor + replicated;
    sum.other += static_cast<double>(layer.norms + layer.router);
    sum.experts += static_cast<double>(layer.experts) / (plan.expert * plan.expert_tensor);
  }
  const double vocabulary =
      static_cast<double>(padded_vocab(model.vocab, plan.tensor)) * hidden / tensor;
  if (stage.embedding) {
    sum.other += vocabulary;
    if (model.positions == Positions::kLearned) {
      sum.other += static_cast<double>(model.max_positions) * hidden;
    }
    if (model.embedding_norm) sum.other += static_cast<double>(norm_parameters(model));
  }
  if (stage.head) {
    sum.other += static_cast<double>(norm_parameters(model));
    const bool one_copy = model.tied_embeddings && (stage.embedding || shares_embedding);
    if (!one_copy) sum.other += vocabulary;
    for (std::int64_t i = 0; i < model.mtp_layers; ++i) {
      StageLayers one{static_cast<int>(model.layers) - 1, static_cast<int>(model.layers), false,
                      false};
      const StageParameters layer = stage_parameters(model, plan, one);
      sum.linear += layer.linear + 2.0 * hidden * hidden / tensor;
      sum.other += layer.other + 3.0 * static_cast<double>(norm_parameters(model));
      sum.experts += layer.experts;
    }
  }
  return sum;
}

MemoryBreakdown static_memory(const StageParameters& p, const ParallelPlan& plan,
                              const TrainingOptions& training, int copies) {
  const double dense = p.linear + p.other;
  const double group = static_cast<double>(plan.data) * plan.context;
  const double expert_group = plan.expert_data;
  const auto over = [&](int from_stage, double dense_bytes, double expert_bytes, double shares) {
    const bool split = plan.zero_stage >= from_stage;
    return Bytes(dense_bytes / (split ? group * shares : 1.0) +
                 expert_bytes / (split ? expert_group * shares : 1.0));
  };
  // torchtitan keeps fp32 weights and casts what it gathers.
  const bool fp32_shards = training.software.saved_tensors == SavedTensors::kTorchFsdp;
  const Precision precision = fp32_shards ? Precision::kFp32 : training.precision;
  const double linear = fp32_shards ? 4.0 : linear_weight_bytes(training);
  const double gradient = bytes_of(training.software.gradient_dtype);
  const double state = optimizer_bytes(precision);
  MemoryBreakdown held;
  held.weights = over(3, p.linear * linear + p.other * bytes_of(precision), p.experts * linear, 1);
  held.gradients = over(2, dense * gradient, p.experts * gradient, 1);
  held.optimizer = over(1, dense * state, p.experts * state, copies);
  return held;
}

std::vector<std::string> weight_assumptions(const TrainingOptions& training) {
  if (!eight_bit(training.precision)) return {};
  if (training.software.fp8_param_gather) {
    return {
        "memory: 8-bit weights are stored once row-wise and once transposed, without a "
        "16-bit copy (fp8_param_gather)"};
  }
  return {"memory: 8-bit weights are cached row-wise and transposed beside the 16-bit ones"};
}

}  // namespace plumbline
