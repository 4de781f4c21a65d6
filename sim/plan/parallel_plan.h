// How a model is spread over a cluster: sizes of the groups, layers of the stages, ranks on nodes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/model_spec.h"
#include "sim/cluster/device.h"
#include "sim/core/diagnostic.h"
#include "sim/plan/training_options.h"

namespace plumbline {

/// The `parallelism:` block as written.
struct ParallelOptions {
  int tensor = 1;
  int pipeline = 1;
  int virtual_stages = 1;
  std::optional<int> data;  ///< nullopt: what the GPUs leave
  int context = 1;
  int expert = 1;
  std::optional<int> expert_tensor;  ///< nullopt: see default_expert_tensor
  bool sequence_parallel = false;
  int zero_stage = 1;
  /// Megatron's order, fastest first; pipeline last unless the scenario says otherwise.
  std::vector<std::string> order = {"tensor", "context", "expert", "data", "pipeline"};
  std::string context_communication = "p2p";  ///< p2p (ring) or a2a (Ulysses)
};

enum class LayerSplit { kUniform, kBalanced, kGiven };

struct LayerSplitOptions {
  LayerSplit split = LayerSplit::kUniform;
  std::vector<int> given;                 ///< [stages], in stage order
  std::optional<int> first_stage_layers;  ///< num_layers_in_first_pipeline_stage
  std::optional<int> last_stage_layers;   ///< num_layers_in_last_pipeline_stage
  bool account_for_embedding = false;     ///< account_for_embedding_in_pipeline_split
  bool account_for_loss = false;          ///< account_for_loss_in_pipeline_split
};

/// What one stage holds.
struct StageLayers {
  int first_layer = 0;  ///< half-open range of transformer layers
  int end_layer = 0;
  bool embedding = false;  ///< stage 0
  bool head = false;       ///< last stage: final norm, vocabulary head, loss
  int layers() const { return end_layer - first_layer; }

  friend bool operator==(const StageLayers&, const StageLayers&) = default;
};

/// How many members of a communication group share a node, and what they cross.
struct GroupSpan {
  int ranks = 1;
  int ranks_per_node = 1;  ///< members inside one NVLink domain

  friend bool operator==(const GroupSpan&, const GroupSpan&) = default;
};

struct ParallelPlan {
  int tensor = 1, pipeline = 1, virtual_stages = 1, data = 1, context = 1;
  int expert = 1, expert_tensor = 1, expert_data = 1;
  bool sequence_parallel = false;
  int zero_stage = 1;
  bool ulysses = false;
  int microbatches = 1;
  std::vector<StageLayers> stages;  ///< [pipeline * virtual_stages], global stage order
  /// [copies of the weights][num_stages] the pipeline rank that holds a stage.  make_plan fills in
  /// the loop placement (stage s on rank s mod pipeline); a schedule with another one replaces it.
  std::vector<std::vector<int>> stage_rank;
  GroupSpan tensor_group, context_group, data_group, data_context_group, expert_group,
      expert_data_group, expert_tensor_group;
  double nics_per_gpu = 1;  ///< of a node
  /// [pipeline] whether the hop from pipeline rank r to r+1 (mod P) stays inside a node.
  std::vector<bool> hop_inside_node;
  int gpus() const { return tensor * pipeline * context * data; }

  friend bool operator==(const ParallelPlan&, const ParallelPlan&) = default;
};

/// Whether neighbouring pipeline ranks `a` and `b` (or the same rank) talk inside a node.
bool hop_inside_node(const ParallelPlan& plan, int a, int b);

/// Tensor-parallel ranks inside an expert where a scenario does not say: as many as the dense
/// layers have, as Megatron-LM (`--expert-tensor-parallel-size`, megatron/training/arguments.py);
/// 1 where `expert` times as many does not divide the GPUs of a stage, which Megatron would refuse.
int default_expert_tensor(int tensor, int expert, int stage_gpus);

/// Checks every rule and returns the plan, or throws InputError with all problems (paths like
/// "parallelism.tensor", no locations).
///
/// `balance` gives the relative cost of a layer, the embedding and the head for LayerSplit::
/// kBalanced; it is not used otherwise.
struct LayerWeights {
  std::vector<double> layer;  ///< [model.layers] or empty: all 1
  double embedding = 0.0;
  double head = 0.0;
};
ParallelPlan make_plan(const ModelSpec& model, const Cluster& cluster,
                       const ParallelOptions& parallelism, const LayerSplitOptions& split,
                       const TrainingOptions& training, const LayerWeights& weights = {});

}  // namespace plumbline
