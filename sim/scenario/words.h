// The words of a scenario beside the enums they stand for, index by index.
#pragma once

#include <array>
#include <string_view>

#include "sim/plan/serving_options.h"
#include "sim/plan/training_options.h"

namespace plumbline::words {

using Text = std::string_view;

inline constexpr std::array<Text, 1> kVersion{"plumbline.scenario/1"};
/// enum Precision
inline constexpr std::array<Text, 6> kPrecision{"bf16", "fp16", "fp32", "fp8", "mxfp8", "nvfp4"};
/// The formats gradients are kept and sent in: the first three of enum Precision.
inline constexpr std::array<Text, 3> kGradient{"bf16", "fp16", "fp32"};
/// enum Recompute, less the one that only its mapping can say
inline constexpr std::array<Text, 3> kRecompute{"none", "selective", "full"};
/// Megatron-Core's --recompute-modules
inline constexpr std::array<Text, 7> kModules{
    "core_attn", "moe_act", "layernorm", "mla_up_proj", "mlp", "moe", "shared_experts"};
/// enum AttentionKernel
inline constexpr std::array<Text, 2> kAttention{"flash", "unfused"};
/// Megatron-Core's --attention-backend; see `attention_of_backend`
inline constexpr std::array<Text, 5> kAttentionBackend{"flash", "fused", "auto", "unfused",
                                                       "local"};
/// enum LayerSplit, less the one that a list says
inline constexpr std::array<Text, 2> kLayerSplit{"uniform", "balanced"};
/// enum TensorOverlap
inline constexpr std::array<Text, 3> kTensorOverlap{"none", "async_backward", "userbuffers"};
/// enum CrossEntropy
inline constexpr std::array<Text, 3> kCrossEntropy{"unfused", "jit_fused", "transformer_engine"};
/// enum SoftmaxFusion
inline constexpr std::array<Text, 2> kSoftmax{"megatron_kernel", "unfused"};
/// enum PipelineTransfer
inline constexpr std::array<Text, 2> kPipelineTransfer{"blocking", "overlapped"};
/// enum SavedTensors
inline constexpr std::array<Text, 3> kSavedTensors{"megatron_2022", "transformer_engine",
                                                   "torch_fsdp"};
/// enum Fp8Recipe
inline constexpr std::array<Text, 4> kFp8Recipe{"delayed", "current", "blockwise", "mx"};
inline constexpr std::array<Text, 5> kDimensions{"tensor", "context", "expert", "data", "pipeline"};
inline constexpr std::array<Text, 2> kContextCommunication{"p2p", "a2a"};
inline constexpr std::array<Text, 2> kFlops{"full_attention", "causal_attention"};

/// enum Statistic of a measured latency
inline constexpr std::array<Text, 4> kStatistic{"mean", "p50", "p90", "p99"};
/// enum WeightPrecision
inline constexpr std::array<Text, 7> kWeights{"bf16", "fp16",  "fp8",  "int8",
                                              "int4", "nvfp4", "mxfp4"};
/// enum KvPrecision
inline constexpr std::array<Text, 2> kKvCache{"bf16", "fp8"};
/// enum BatchingPolicy
inline constexpr std::array<Text, 4> kBatching{"vllm", "orca", "sarathi", "static"};
/// enum StageHandover
inline constexpr std::array<Text, 2> kHandover{"asynchronous", "synchronous"};
/// enum RouterPolicy
inline constexpr std::array<Text, 3> kRouter{"round_robin", "least_loaded", "prefix_aware"};
/// enum Preemption
inline constexpr std::array<Text, 2> kPreemption{"recompute", "swap"};

/// fused is cuDNN's flash attention and auto picks it; local is Megatron's own unfused one.
constexpr AttentionKernel attention_of_backend(std::size_t index) {
  return index < 3 ? AttentionKernel::kFlash : AttentionKernel::kUnfused;
}

static_assert(static_cast<std::size_t>(Precision::kNvfp4) + 1 == kPrecision.size());
static_assert(static_cast<std::size_t>(Precision::kFp32) + 1 == kGradient.size());
static_assert(static_cast<std::size_t>(Recompute::kModules) == kRecompute.size());
static_assert(static_cast<std::size_t>(AttentionKernel::kUnfused) + 1 == kAttention.size());
static_assert(static_cast<std::size_t>(TensorOverlap::kUserBuffers) + 1 == kTensorOverlap.size());
static_assert(static_cast<std::size_t>(CrossEntropy::kTransformerEngine) + 1 ==
              kCrossEntropy.size());
static_assert(static_cast<std::size_t>(SoftmaxFusion::kUnfused) + 1 == kSoftmax.size());
static_assert(static_cast<std::size_t>(PipelineTransfer::kOverlapped) + 1 ==
              kPipelineTransfer.size());
static_assert(static_cast<std::size_t>(SavedTensors::kTorchFsdp) + 1 == kSavedTensors.size());
static_assert(static_cast<std::size_t>(Fp8Recipe::kMx) + 1 == kFp8Recipe.size());
static_assert(static_cast<std::size_t>(WeightPrecision::kMxfp4) + 1 == kWeights.size());
static_assert(static_cast<std::size_t>(KvPrecision::kFp8) + 1 == kKvCache.size());
static_assert(static_cast<std::size_t>(BatchingPolicy::kStatic) + 1 == kBatching.size());
static_assert(static_cast<std::size_t>(StageHandover::kSynchronous) + 1 == kHandover.size());
static_assert(static_cast<std::size_t>(Preemption::kSwap) + 1 == kPreemption.size());
static_assert(static_cast<std::size_t>(RouterPolicy::kPrefixAware) + 1 == kRouter.size());

}  // namespace plumbline::words
