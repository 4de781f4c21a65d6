// Buffers that stand for the whole step beside weights and activations.
#pragma once

#include <vector>

#include "sim/memory/saved_tensors.h"

namespace plumbline {

/// Transformer Engine's dummy weight gradients: with gradients accumulated inside the GEMM,
/// autograd still wants a tensor of the weight's shape, and one per distinct shape is kept for ever
/// (TE >= 2.3, grouped layers >= 2.10: module/base.py get_dummy_wgrad).  0 where the software has
/// none.
double weight_grad_dummies(const ModelSpec& model, const ParallelPlan& plan,
                           const TrainingOptions& training,
                           const std::vector<StageLayers>& stages_of_rank);

/// Buffers of Transformer Engine's userbuffers: eight of [T, h], for the forward and input-gradient
/// collectives of a layer's four linear layers; 0 without TensorOverlap::kUserBuffers.
double user_buffers(const ModelSpec& model, const ParallelPlan& plan,
                    const TrainingOptions& training);

/// Workspaces of cuBLAS: PyTorch's own (32 MiB on Hopper and later, 8.125 MiB before:
/// ATen/cuda/CublasHandlePool.cpp) and Transformer Engine's (32 MiB and 4 MiB).
double gemm_workspace(const Cluster& cluster, const TrainingOptions& training);

}  // namespace plumbline
