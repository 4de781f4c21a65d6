#include "sim/search/candidate.h"

#include <algorithm>
#include <utility>

namespace plumbline {
namespace {

std::string listed(const std::vector<int>& numbers) {
  std::string text = "[";
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(numbers[i]);
  }
  return text + "]";
}

std::string listed(const std::vector<std::string>& words) {
  std::string text = "[";
  for (std::size_t i = 0; i < words.size(); ++i) text += (i == 0 ? "" : ", ") + words[i];
  return text + "]";
}

bool sequence_parallel(const Scenario& base, const Candidate& candidate) {
  if (candidate.tensor == 1) return false;
  const bool stated = base.locations.contains("parallelism.sequence_parallel");
  return stated ? base.parallelism.sequence_parallel : true;
}

// An assumption about a key that the candidate states is none any more.
bool about_the_plan(const std::string& assumption) {
  for (const char* key : {"parallelism.", "schedule", "training.micro_batch_size",
                          "training.recompute", "training.layers_per_stage"}) {
    if (assumption.starts_with(key)) return true;
  }
  return false;
}

std::string recompute_yaml(const RecomputeChoice& choice) {
  switch (choice.kind) {
    case Recompute::kNone:
      return "none";
    case Recompute::kSelective:
      return "selective";
    case Recompute::kFull:
      if (!choice.layers_per_stage) return "full";
      return "{granularity: full, layers_per_stage: " + std::to_string(*choice.layers_per_stage) +
             "}";
    case Recompute::kModules:
      return "{granularity: selective, modules: " + listed(choice.modules) + "}";
  }
  return "none";
}

}  // namespace

Cluster with_gpus(const Cluster& cluster, int gpus) {
  Cluster sized = cluster;
  const int node = cluster.gpus_per_node;
  if (gpus >= 1 && gpus % node == 0) {
    sized.nodes = gpus / node;
  } else if (gpus >= 1 && node % gpus == 0) {
    sized.nodes = 1;
    sized.gpus_per_node = gpus;
    sized.gpus_per_nvlink_domain = std::min(cluster.gpus_per_nvlink_domain, gpus);
    sized.nics_per_node = std::max(1, cluster.nics_per_node * gpus / node);
  } else {
    throw InputError({diagnose(
        "cluster.nodes",
        std::to_string(gpus) + " GPUs are no whole number of nodes of " + std::to_string(node),
        "try " + std::to_string(std::max(1, gpus / node) * node))});
  }
  return sized;
}

Scenario apply(const Scenario& base, const Candidate& candidate) {
  Scenario made = base;
  if (candidate.gpus != base.cluster.gpus()) made.cluster = with_gpus(base.cluster, candidate.gpus);
  ParallelOptions& p = made.parallelism;
  p.tensor = candidate.tensor;
  p.pipeline = candidate.pipeline;
  p.virtual_stages = candidate.virtual_stages;
  p.data = candidate.data;
  p.context = candidate.context;
  p.expert = candidate.expert;
  if (base.model.moe) p.expert_tensor = candidate.expert_tensor;
  p.zero_stage = candidate.zero_stage;
  p.sequence_parallel = sequence_parallel(base, candidate);
  made.layer_split = {};
  if (!candidate.layers_per_stage.empty()) {
    made.layer_split.split = LayerSplit::kGiven;
    made.layer_split.given = candidate.layers_per_stage;
  }
  made.schedule = {};
  made.schedule.name = candidate.schedule;
  TrainingOptions& training = made.training;
  training.micro_batch_size = candidate.micro_batch_size;
  training.global_batch_size = candidate.global_batch_size;
  training.recompute = candidate.recompute.kind;
  training.recompute_layers_per_stage = candidate.recompute.layers_per_stage;
  training.recompute_modules = candidate.recompute.modules;
  made.measured.reset();
  std::erase_if(made.assumptions, about_the_plan);
  return made;
}

std::vector<Override> settings_of(const Scenario& base, const Candidate& candidate) {
  const Scenario made = apply(base, candidate);
  const ParallelOptions& p = made.parallelism;
  std::string groups =
      "{tensor: " + std::to_string(p.tensor) + ", pipeline: " + std::to_string(p.pipeline) +
      ", virtual_stages: " + std::to_string(p.virtual_stages) +
      ", data: " + std::to_string(*p.data) + ", context: " + std::to_string(p.context) +
      ", expert: " + std::to_string(p.expert);
  if (p.expert_tensor) groups += ", expert_tensor: " + std::to_string(*p.expert_tensor);
  groups += std::string(", sequence_parallel: ") + (p.sequence_parallel ? "true" : "false") +
            ", zero_stage: " + std::to_string(p.zero_stage);
  if (p.order != ParallelOptions{}.order) groups += ", order: " + listed(p.order);
  if (p.context_communication != "p2p") {
    groups += ", context_communication: " + p.context_communication;
  }
  std::vector<Override> settings{
      {"parallelism", groups + "}"},
      {"schedule", candidate.schedule},
      {"training.micro_batch_size", std::to_string(candidate.micro_batch_size)},
      {"training.global_batch_size", std::to_string(candidate.global_batch_size)},
      {"training.recompute", recompute_yaml(candidate.recompute)},
      {"training.layers_per_stage", candidate.layers_per_stage.empty()
                                        ? std::string("uniform")
                                        : listed(candidate.layers_per_stage)}};
  for (const char* key :
       {"training.num_layers_in_first_pipeline_stage", "training.num_layers_in_last_pipeline_stage",
        "training.account_for_embedding_in_pipeline_split",
        "training.account_for_loss_in_pipeline_split", "measured"}) {
    if (base.locations.contains(key)) settings.emplace_back(key, "null");
  }
  if (candidate.gpus != base.cluster.gpus()) {
    const Cluster& cluster = made.cluster;
    const auto below = base.locations.lower_bound("cluster.");
    if (below == base.locations.end() || !below->first.starts_with("cluster.")) {
      settings.emplace_back("cluster", "{name: " + base.cluster.name + "}");  // it was a name alone
    }
    settings.emplace_back("cluster.nodes", std::to_string(cluster.nodes));
    if (cluster.gpus_per_node != base.cluster.gpus_per_node) {
      settings.emplace_back("cluster.gpus_per_node", std::to_string(cluster.gpus_per_node));
      settings.emplace_back("cluster.gpus_per_nvlink_domain",
                            std::to_string(cluster.gpus_per_nvlink_domain));
      settings.emplace_back("cluster.nics_per_node", std::to_string(cluster.nics_per_node));
    }
  }
  return settings;
}

std::optional<Candidate> candidate_of(const Scenario& scenario) {
  if (scenario.schedule.csv_path) return std::nullopt;
  const ParallelOptions& p = scenario.parallelism;
  const TrainingOptions& training = scenario.training;
  Candidate c;
  c.gpus = scenario.cluster.gpus();
  c.tensor = p.tensor;
  c.pipeline = p.pipeline;
  c.virtual_stages = p.virtual_stages;
  c.context = p.context;
  c.expert = p.expert;
  c.zero_stage = p.zero_stage;
  c.data = p.data.value_or(std::max(1, c.gpus / std::max(1, p.tensor * p.pipeline * p.context)));
  c.expert_tensor = p.expert_tensor.value_or(
      scenario.model.moe ? default_expert_tensor(c.tensor, c.expert, c.tensor * c.context * c.data)
                         : 1);
  c.micro_batch_size = training.micro_batch_size;
  c.global_batch_size = training.global_batch_size;
  c.recompute = {training.recompute, training.recompute_layers_per_stage,
                 training.recompute_modules};
  c.schedule = scenario.schedule.name;
  c.layers_per_stage = scenario.layer_split.given;
  return c;
}

std::string to_string(const RecomputeChoice& choice) {
  switch (choice.kind) {
    case Recompute::kNone:
      return "none";
    case Recompute::kSelective:
      return "selective";
    case Recompute::kFull:
      if (!choice.layers_per_stage) return "full";
      return "full (" + std::to_string(*choice.layers_per_stage) + " layers of a stage)";
    case Recompute::kModules:
      return "modules " + listed(choice.modules);
  }
  return "none";
}

std::string to_string(const Candidate& c) {
  std::string text;
  const auto size = [&](const char* name, int value) {
    if (value > 1) text += std::string(name) + " " + std::to_string(value) + ", ";
  };
  size("TP", c.tensor);
  size("CP", c.context);
  text += "PP " + std::to_string(c.pipeline);
  if (c.virtual_stages > 1) text += " x " + std::to_string(c.virtual_stages);
  text += ", ";
  size("DP", c.data);
  size("EP", c.expert);
  size("ETP", c.expert_tensor);
  if (c.data * c.context > 1 && c.zero_stage != 1) {
    text += "ZeRO-" + std::to_string(c.zero_stage) + ", ";
  }
  text += "mb " + std::to_string(c.micro_batch_size);
  if (c.recompute.kind != Recompute::kNone) text += ", recompute " + to_string(c.recompute);
  text += ", " + c.schedule;
  if (!c.layers_per_stage.empty()) text += ", balanced layers";
  return text;
}

}  // namespace plumbline
