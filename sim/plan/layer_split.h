// Which layers each stage holds.
#pragma once

#include <vector>

#include "sim/plan/parallel_plan.h"

namespace plumbline {

/// Splits the model's layers over pipeline * virtual_stages stages; problems are appended, and
/// then the answer is empty.
///
/// Uniform splits follow Megatron-LM: every stage the same number, the first or last pipeline
/// rank given numbers of its own (num_layers_in_first_pipeline_stage), or the embedding and the
/// loss counted as layers (account_for_embedding_in_pipeline_split).
std::vector<StageLayers> split_layers(const ModelSpec& model, int pipeline, int virtual_stages,
                                      const LayerSplitOptions& options, const LayerWeights& weights,
                                      std::vector<Diagnostic>& problems);

}  // namespace plumbline
