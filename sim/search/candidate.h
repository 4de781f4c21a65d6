// One point of a plan search: everything that the search may choose, and the scenario it makes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/scenario/scenario.h"

namespace plumbline {

/// `training.recompute` as one choice.
struct RecomputeChoice {
  Recompute kind = Recompute::kNone;
  std::optional<int> layers_per_stage;  ///< with kFull; nullopt: all
  std::vector<std::string> modules;     ///< with kModules

  friend bool operator==(const RecomputeChoice&, const RecomputeChoice&) = default;
};

/// How the layers lie on the stages: uniform, or the list that the balanced split works out to.
struct Candidate {
  int gpus = 1;
  int tensor = 1, pipeline = 1, data = 1, context = 1, expert = 1, expert_tensor = 1;
  int virtual_stages = 1;  ///< `parallelism.virtual_stages`: 2 for schedules of two chunks
  int zero_stage = 1;
  std::int64_t micro_batch_size = 1, global_batch_size = 1;
  RecomputeChoice recompute;
  std::string schedule = "1f1b";
  std::vector<int> layers_per_stage;  ///< empty: uniform

  friend bool operator==(const Candidate&, const Candidate&) = default;
  std::int64_t microbatches() const { return global_batch_size / (micro_batch_size * data); }
};

/// The cluster with another number of GPUs: whole nodes, or a part of one node (and of its NICs).
/// @throws InputError at "cluster.nodes" when `gpus` is neither
Cluster with_gpus(const Cluster& cluster, int gpus);

/// The scenario as `candidate` has it: `base`'s model, software and links, the candidate's plan.
/// Tensor-parallel ranks run Megatron's sequence parallelism unless `base` states otherwise.
Scenario apply(const Scenario& base, const Candidate& candidate);

/// What `apply` does to a scenario, as settings of its file: "parallelism" -> "{tensor: 8, ...}".
/// Keys that have to go are set to null.
std::vector<Override> settings_of(const Scenario& base, const Candidate& candidate);

/// The plan that a scenario states, as far as a candidate can say it: GPUs, groups, micro-batch,
/// recomputation, schedule; a list of layers is kept, other splits become uniform.
/// nullopt for a schedule from a CSV.
std::optional<Candidate> candidate_of(const Scenario& scenario);

/// "none", "selective", "full", "full (2 layers of a stage)", "modules (mlp, layernorm)".
std::string to_string(const RecomputeChoice& choice);

/// "TP 8, PP 4 x 2, DP 2, mb 1, selective, interleaved_1f1b": what differs from 1 is named.
std::string to_string(const Candidate& candidate);

}  // namespace plumbline
