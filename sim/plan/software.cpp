// The table of software eras.  Each fact is what the named release does by default or what the
// named recipe sets; none is fitted to a run.
//
// The byte counts of the optimizer: Adam with fp32 master weights, fused, reads gradient (4),
// master (4), two moments (8), writes master, moments (12) and the bf16 weight (2) = 30, plus 4
// for clearing or scaling the gradient = 34.  The unfused 2021 step (Megatron-LM's
// Float16OptimizerWithFloat16Params) also copies gradients fp16 -> fp32 (2 + 4), unscales them
// (4) and copies the weights back (4 + 2) = 44.

#include "sim/plan/software.h"

#include <algorithm>
#include <array>

namespace plumbline {
namespace {

SoftwareFacts megatron_lm_2021() {
  SoftwareFacts f;
  f.name = "megatron_lm_2021";
  f.summary = "Megatron-LM of SC21: synchronous all-reduces, fused softmax kernel, blocking p2p";
  f.source = "Narayanan et al., arXiv:2104.04473; NVIDIA/Megatron-LM v2.5";
  f.tensor_overlap = TensorOverlap::kNone;
  f.data_overlap = false;
  f.param_gather_overlap = false;
  f.gradient_accumulation_fusion = false;
  f.gradient_dtype = Precision::kFp16;
  f.gradient_reduce_dtype = Precision::kFp16;
  f.cross_entropy = CrossEntropy::kUnfused;
  f.dropout = true;
  f.pipeline_transfer = PipelineTransfer::kBlocking;
  f.pipeline_scatter_gather = true;
  f.saved_tensors = SavedTensors::kMegatron2022;
  f.optimizer_bytes_per_param = 44.0;
  return f;
}

SoftwareFacts megatron_lm_2022() {
  SoftwareFacts f = megatron_lm_2021();
  f.name = "megatron_lm_2022";
  f.summary = "Megatron-LM of 2022: backward collectives under weight gradients, fused wgrad";
  f.source = "Korthikanti et al., arXiv:2205.05198; NVIDIA/Megatron-LM v3.0";
  f.tensor_overlap = TensorOverlap::kAsyncBackward;
  f.gradient_accumulation_fusion = true;
  return f;
}

SoftwareFacts megatron_deepspeed_2022() {
  SoftwareFacts f = megatron_lm_2021();
  f.name = "megatron_deepspeed_2022";
  f.summary = "Megatron-DeepSpeed: the 2021 kernels under DeepSpeed's pipeline engine";
  f.source = "microsoft/Megatron-DeepSpeed; Bang et al., MICRO 2024; BigScience tr11-176B";
  // PipelineEngine.is_pipe_partitioned: with model parallelism a stage's output is sent as a
  // PartitionedTensor, one slice per rank, and gathered by the receivers.
  f.pipeline_scatter_gather = true;
  return f;
}

SoftwareFacts zero_bubble_2023() {
  SoftwareFacts f = megatron_lm_2022();
  f.name = "zero_bubble_2023";
  f.summary = "sail-sg's Megatron-LM fork with split backward and optimizer post-validation";
  f.source = "Qi et al., arXiv:2401.10241; sail-sg/zero-bubble-pipeline-parallelism";
  // Peaks at micro-batch b and 2b (Qi et al., Tables 4 and 11) differ by 34h + 6as a token, one
  // byte a score more than Korthikanti's count: 0.96, 1.04 and 0.98 for the three models.  The
  // cause is not known; memory_model lists it among the assumptions.
  f.extra_score_bytes = 1.0;
  f.pipeline_scatter_gather = false;
  return f;
}

SoftwareFacts nemo_2024() {
  SoftwareFacts f;
  f.name = "nemo_2024";
  f.summary = "NeMo 24.05-24.09: Megatron-Core 0.7-0.8 + Transformer Engine, userbuffers";
  f.source = "NVIDIA/NeMo performance recipes, container 24.07";
  f.gradient_reduce_dtype = Precision::kBf16;
  f.cross_entropy = CrossEntropy::kJitFused;
  f.weight_grad_dummies = false;
  return f;
}

SoftwareFacts megatron_core_2024() {
  SoftwareFacts f = nemo_2024();
  f.name = "megatron_core_2024";
  f.summary = "Megatron-Core 0.9-0.10 + Transformer Engine 1.12, userbuffers, cuDNN attention";
  f.source = "NVIDIA dgxc-benchmarking recipes v24.11 (NeMo 24.09-24.12)";
  return f;
}

SoftwareFacts megatron_core_2025() {
  SoftwareFacts f = megatron_core_2024();
  f.name = "megatron_core_2025";
  f.summary = "Megatron-Core 0.11-0.15 + Transformer Engine 2, userbuffers, TE cross-entropy";
  f.source = "NVIDIA dgxc-benchmarking v25.04+, Megatron-Bridge 25.09+ recipes";
  f.cross_entropy = CrossEntropy::kTransformerEngine;
  f.weight_grad_dummies = true;
  return f;
}

SoftwareFacts megatron_core_plain_2025() {
  SoftwareFacts f;
  f.name = "megatron_core_plain_2025";
  f.summary = "Megatron-LM pretrain_gpt.py + Transformer Engine 2, no communication overlap";
  f.source = "MooreThreads/SimuMax simu_tools/megatron_scripts (Megatron-LM v0.14)";
  f.tensor_overlap = TensorOverlap::kNone;
  f.data_overlap = false;
  f.param_gather_overlap = false;
  f.cross_entropy = CrossEntropy::kUnfused;
  return f;
}

SoftwareFacts torchtitan_2024() {
  SoftwareFacts f;
  f.name = "torchtitan_2024";
  f.summary = "torchtitan with FSDP2, torch.compile, SDPA flash attention 2";
  f.source = "pytorch/torchtitan benchmarks/llama3_h100_202412_torchtitan.md";
  f.tensor_overlap = TensorOverlap::kNone;
  f.gradient_dtype = Precision::kFp32;
  f.gradient_reduce_dtype = Precision::kFp32;
  f.cross_entropy = CrossEntropy::kJitFused;
  f.gradient_accumulation_fusion = false;
  f.saved_tensors = SavedTensors::kTorchFsdp;
  f.fp8_param_gather = false;
  f.optimizer_bytes_per_param = 28.0;  // fp32 weights: no 16-bit copy to write back
  return f;
}

const std::array<SoftwareFacts, 9>& eras() {
  static const std::array<SoftwareFacts, 9> table{megatron_lm_2021(),
                                                  megatron_lm_2022(),
                                                  megatron_deepspeed_2022(),
                                                  zero_bubble_2023(),
                                                  nemo_2024(),
                                                  megatron_core_2024(),
                                                  megatron_core_2025(),
                                                  megatron_core_plain_2025(),
                                                  torchtitan_2024()};
  return table;
}

}  // namespace

std::span<const SoftwareFacts> all_software() { return eras(); }

const SoftwareFacts* find_software(std::string_view name) {
  const auto it = std::ranges::find(eras(), name, &SoftwareFacts::name);
  return it == eras().end() ? nullptr : &*it;
}

const SoftwareFacts& default_software(std::string_view gpu) {
  const bool ampere_or_older = gpu.starts_with("a100") || gpu.starts_with("v100");
  return *find_software(ampere_or_older ? "megatron_lm_2022" : "megatron_core_2025");
}

}  // namespace plumbline
