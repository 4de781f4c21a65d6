// What a training run is told to do: the `training:` block of a scenario, resolved.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/core/units.h"

namespace plumbline {

enum class Precision { kBf16, kFp16, kFp32, kFp8, kMxfp8, kNvfp4 };
/// As scenarios and profiles write it: "bf16".
constexpr std::string_view to_string(Precision precision) {
  constexpr std::string_view kNames[] = {"bf16", "fp16", "fp32", "fp8", "mxfp8", "nvfp4"};
  return kNames[static_cast<int>(precision)];
}

enum class Recompute { kNone, kSelective, kFull, kModules };
enum class AttentionKernel { kFlash, kUnfused };

/// Which tensor-parallel collectives hide behind GEMMs.
enum class TensorOverlap {
  kNone,           ///< every collective exposed
  kAsyncBackward,  ///< backward collectives under the weight-gradient GEMM (Megatron-LM 2022)
  kUserBuffers,    ///< Transformer Engine userbuffers: ring exchange, pipelined and bulk
};
enum class CrossEntropy { kUnfused, kJitFused, kTransformerEngine };
enum class SoftmaxFusion { kMegatronKernel, kUnfused };
enum class PipelineTransfer { kBlocking, kOverlapped };
enum class SavedTensors {
  kMegatron2022,       ///< Korthikanti et al.: sbh(34 + 5as/h)
  kTransformerEngine,  ///< Megatron-Core + TE modules
  kTorchFsdp,          ///< torchtitan: FSDP2, op-level selective checkpointing
};
enum class Fp8Recipe { kDelayed, kCurrent, kBlockwise, kMx };

/// Facts about the training software that move time or memory.  A named era supplies all of
/// them (`software: megatron_core_2024`); a scenario may override each by its own key.
struct SoftwareFacts {
  std::string name;
  std::string summary;  ///< one line for the schema and the report
  std::string source;   ///< where each fact was read
  TensorOverlap tensor_overlap = TensorOverlap::kUserBuffers;
  bool data_overlap = true;                     ///< gradient reduction overlaps the backward
  bool param_gather_overlap = true;             ///< parameter all-gather overlaps the next forward
  bool gradient_accumulation_fusion = true;     ///< weight gradients accumulate inside the GEMM
  Precision gradient_dtype = Precision::kFp32;  ///< main gradients
  Precision gradient_reduce_dtype = Precision::kFp32;  ///< on the wire
  CrossEntropy cross_entropy = CrossEntropy::kTransformerEngine;
  SoftmaxFusion softmax = SoftmaxFusion::kMegatronKernel;  ///< with unfused attention only
  bool fused_elementwise = true;  ///< bias-gelu, bias-dropout-add in one kernel each
  bool dropout = false;
  PipelineTransfer pipeline_transfer = PipelineTransfer::kOverlapped;
  bool pipeline_scatter_gather = false;  ///< send 1/tp over the NIC, all-gather over NVLink
  SavedTensors saved_tensors = SavedTensors::kTransformerEngine;
  Fp8Recipe fp8_recipe = Fp8Recipe::kDelayed;
  bool fp8_param_gather = true;
  /// Saved bytes per attention score (batch x heads x s x s) beyond what the kernels account for.
  double extra_score_bytes = 0.0;
  bool weight_grad_dummies = true;          ///< TE >= 2.3 keeps a dummy gradient per weight shape
  bool recompute_last_stage = true;         ///< false: no recompute of the last stage's last layers
  double optimizer_bytes_per_param = 34.0;  ///< memory traffic of one step per local parameter
  Seconds host_forward_per_layer{0.0};  ///< host launch time of a layer; a floor under the GPU's
  Seconds host_backward_per_layer{0.0};
  double moe_capacity_factor = 0.0;  ///< 0: dropless
  double moe_imbalance = 1.0;        ///< busiest expert rank over the mean

  friend bool operator==(const SoftwareFacts&, const SoftwareFacts&) = default;
};

/// Activations that wait in host memory between their forward and backward (PipeOffload, Wan et
/// al., arXiv:2503.01328).
struct ActivationOffload {
  std::vector<double> share;  ///< of a stage's activations, in [0, 1]: one for all, or [num_stages]
  int reload_ahead = 2;       ///< operations that a copy back may run beside, before its backward

  friend bool operator==(const ActivationOffload&, const ActivationOffload&) = default;
};

struct TrainingOptions {
  std::int64_t sequence_length = 0;
  std::int64_t micro_batch_size = 1;
  std::int64_t global_batch_size = 1;
  Precision precision = Precision::kBf16;
  AttentionKernel attention = AttentionKernel::kFlash;
  Recompute recompute = Recompute::kNone;
  /// With Recompute::kFull: layers of each stage that are recomputed; nullopt means all.
  std::optional<int> recompute_layers_per_stage;
  /// With Recompute::kModules: Megatron-Core's names (core_attn, mlp, layernorm, moe_act, ...).
  std::vector<std::string> recompute_modules;
  std::optional<ActivationOffload> activation_offload;
  /// A rank's optimizer does not wait for the other ranks' gradients: the norm is checked
  /// afterwards (Qi et al., arXiv:2401.10241, section 4).
  bool optimizer_post_validation = false;
  SoftwareFacts software;

  friend bool operator==(const TrainingOptions&, const TrainingOptions&) = default;
};

}  // namespace plumbline
