#include <algorithm>
#include <filesystem>

#include "models/model_reader.h"
#include "sim/scenario/read_parts.h"

namespace plumbline {
namespace {

void collect_locations(const YamlNode& node, std::map<std::string, SourceLocation>& locations) {
  if (!node.present()) return;
  locations.emplace(node.path(), node.location());
  if (node.is_map()) {
    for (const auto& entry : node.entries()) collect_locations(entry.second, locations);
  } else if (node.is_list()) {
    for (const YamlNode& item : node.items()) collect_locations(item, locations);
  }
}

}  // namespace

Scenario read_scenario(const std::string& path, const std::vector<Override>& overrides,
                       const DataFolders& folders) {
  Diagnostics problems;
  YamlNode root = YamlNode::load(path, problems);
  problems.throw_if_any();  // nothing can be said about a file that is no YAML
  for (const auto& [key, value] : overrides) {
    root.set(key, value, std::string(kCommandLine) + key + "=" + value);
  }

  Scenario scenario;
  scenario.file = path;
  if (!root.is_map()) {
    if (problems.empty())
      root.problem("must be a mapping with model, cluster and training or serving");
    problems.throw_if_any();
  }
  const KeyReader keys(root, scenario.assumptions);
  keys.word("schema");
  scenario.name = keys.text("name").value_or(std::filesystem::path(path).stem().string());
  keys.require("model");
  const YamlNode model = keys.node("model");
  if (model.present()) {
    scenario.model = resolve_model(model, folders.models, base_folder(model));
  }
  scenario.cluster = read_scenario_cluster(keys, folders, problems, scenario.assumptions);
  if (keys.stated("serving")) {
    for (const char* block : {"training", "schedule"}) {
      if (keys.stated(block)) {
        keys.node(block).problem("belongs to training; this scenario serves",
                                 "leave out either it or serving");
      }
    }
    scenario.parallelism = read_serving_parallelism(keys);
    scenario.serving = read_serving(keys, scenario.parallelism);
  } else {
    scenario.schedule = read_schedule_request(keys);
    scenario.parallelism = read_parallelism(keys, scenario.schedule);
    keys.require("training");
    scenario.training = read_training(keys, scenario.cluster.device.name);
    scenario.layer_split = read_layer_split(keys, scenario.parallelism);
  }
  scenario.measured = read_measured(keys);
  if (const auto seed = keys.integer("seed")) scenario.seed = static_cast<std::uint64_t>(*seed);
  scenario.usd_per_gpu_hour = keys.number("cost.usd_per_gpu_hour");
  problems.throw_if_any();
  collect_locations(root, scenario.locations);
  return scenario;
}

InputError locate(const InputError& error, const Scenario& scenario) {
  std::vector<Diagnostic> located = error.diagnostics();
  for (Diagnostic& diagnostic : located) {
    if (!diagnostic.at.file.empty()) continue;
    diagnostic.at.file = scenario.file;
    for (std::string path = diagnostic.path; !path.empty();) {
      const auto found = scenario.locations.find(path);
      if (found != scenario.locations.end()) {
        diagnostic.at = found->second;
        break;
      }
      const std::size_t dot = path.rfind('.');
      path = dot == std::string::npos ? std::string() : path.substr(0, dot);
    }
  }
  return InputError(std::move(located));
}

}  // namespace plumbline
