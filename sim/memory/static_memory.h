// What a stage holds whether or not anything runs: weights, gradients and optimizer state.
#pragma once

#include <string>
#include <vector>

#include "sim/memory/memory_model.h"

namespace plumbline {

/// Parameters of one stage on one rank of its tensor group.
struct StageParameters {
  double linear = 0;   ///< weights of the layers' matrices outside the routed experts
  double other = 0;    ///< embedding, head, norms, router: never in 8 bits
  double experts = 0;  ///< routed experts of this rank's expert group
};

/// A stage's share: matrices split over the tensor group, experts over expert * expert_tensor,
/// norms, router and MLA's compressions on every rank, vocabulary padded as Megatron-LM does.
///
/// @param shares_embedding  the head reuses the embedding of another stage on the same rank
StageParameters stage_parameters(const ModelSpec& model, const ParallelPlan& plan,
                                 const StageLayers& stage, bool shares_embedding = false);

/// Weights, gradients and optimizer state of `parameters` on one rank.
///
/// Adam with fp32 master weights: 12 bytes a parameter, divided over data*context (experts: over
/// expert_data) from zero_stage 1 on; gradients from 2 on, weights from 3 on.
///
/// @param copies  of the weights in the pipeline; their optimizer state is shared between them
MemoryBreakdown static_memory(const StageParameters& parameters, const ParallelPlan& plan,
                              const TrainingOptions& training, int copies = 1);

/// Bytes of a value that a tensor of `precision` holds in memory.
double bytes_of(Precision precision);

/// What the numbers assume about 8-bit weights; empty in 16 and 32 bits.
std::vector<std::string> weight_assumptions(const TrainingOptions& training);

}  // namespace plumbline
