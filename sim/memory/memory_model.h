// Bytes a rank holds, by cause.
//
// Static parts stand for the whole step; an activation lives from its forward to its backward
// (or weight gradient).  sim/measure walks the timeline with these figures and finds the peak.
//
// The quantity is what PyTorch's caching allocator has handed out (torch.cuda.max_memory_allocated,
// which is what Megatron-LM, SimuMax and torchtitan print).  Not in it: the CUDA context, NCCL's
// buffers and the allocator's fragmentation (max_memory_reserved is 1.03 to 1.09 times this in the
// runs that print both).  DeviceSpec::usable_memory leaves room for those and decides what fits.
#pragma once

#include <string>
#include <vector>

#include "models/model_spec.h"
#include "sim/cluster/device.h"
#include "sim/core/units.h"
#include "sim/plan/parallel_plan.h"
#include "sim/plan/training_options.h"

namespace plumbline {

/// Bytes of one rank at one moment, by cause (CONTRACT's names).
struct MemoryBreakdown {
  Bytes weights, gradients, optimizer, activations, logits, communication, workspace, framework;
  Bytes total() const {
    return weights + gradients + optimizer + activations + logits + communication + workspace +
           framework;
  }
  MemoryBreakdown& operator+=(const MemoryBreakdown& other);
};

/// What one stage holds for one micro-batch.
struct StageMemory {
  Bytes activations;                   ///< saved from F until B (or I)
  Bytes activations_after_input_grad;  ///< what W still needs after I: inputs, output gradients
  /// Of the stage with the vocabulary head: what the loss keeps from F until B (or I).
  Bytes logits;
  Bytes offloaded;                     ///< of `activations`, what waits in host memory meanwhile
  MemoryBreakdown forward_transient;   ///< extra while F runs (at its end it is gone)
  MemoryBreakdown backward_transient;  ///< extra while B or I runs
};

struct MemoryModel {
  /// [pipeline ranks] all copies of the stages that plan.stage_rank puts on the rank.
  std::vector<MemoryBreakdown> rank_static;
  std::vector<StageMemory> stages;  ///< [num_stages]
  std::vector<std::string> assumptions;
};

/// The memory of every rank and stage; SavedTensors selects the list of saved tensors:
///   kMegatron2022       Korthikanti et al., arXiv:2205.05198, table 2, and what it becomes with
///                       grouped-query attention, a gate, no dropout, an unfused softmax
///   kTransformerEngine  Megatron-Core with Transformer Engine modules
///   kTorchFsdp          torchtitan: FSDP2, selective checkpointing of operations
///
/// @param weight_copies  copies of the weights on every rank where plan.stage_rank is empty (2 for
///                       bidirectional schedules: stage s on ranks s and P-1-s)
MemoryModel memory_model(const ModelSpec& model, const Cluster& cluster, const ParallelPlan& plan,
                         const TrainingOptions& training, int weight_copies);

}  // namespace plumbline
