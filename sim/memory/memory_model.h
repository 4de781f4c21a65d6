// Bytes a rank holds, by cause.
//
// Static parts stand for the whole step; an activation lives from its forward to its backward
// (or weight gradient).  sim/measure walks the timeline with these figures and finds the peak.
#pragma once

#include <string>
#include <vector>

#include "models/model_spec.h"
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
};

/// What one stage holds for one micro-batch.
struct StageMemory {
  Bytes activations;          ///< saved from F until B (or W)
  Bytes activations_after_input_grad;  ///< the part that W still needs after I
  MemoryBreakdown forward_transient;   ///< extra while F runs (at its end it is gone)
  MemoryBreakdown backward_transient;  ///< extra while B or I runs
};

struct MemoryModel {
  std::vector<MemoryBreakdown> rank_static;  ///< [pipeline ranks] one copy of its stages' weights
  std::vector<StageMemory> stages;           ///< [num_stages]
  std::vector<std::string> assumptions;
};

/// @param weight_copies  [pipeline ranks] copies of the weights (2 for bidirectional schedules)
MemoryModel memory_model(const ModelSpec& model, const Cluster& cluster, const ParallelPlan& plan,
                         const TrainingOptions& training, int weight_copies);

}  // namespace plumbline
