#include "sim/scenario/scenario_yaml.h"

#include <filesystem>

#include "sim/scenario/read_parts.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

// Keys that may hold the path of a file, relative to the scenario's.
constexpr const char* kPaths[] = {"model",       "model.hf",           "cluster",
                                  "cluster.gpu", "cluster.intra_node", "cluster.inter_node",
                                  "schedule.csv"};

bool is_path(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(".yaml") ||
         name.ends_with(".json") || name.ends_with(".csv");
}

}  // namespace

std::string scenario_yaml(const std::string& path, const std::vector<Override>& overrides,
                          const std::string& folder) {
  Diagnostics problems;
  YamlNode root = YamlNode::load(path, problems);
  problems.throw_if_any();
  for (const auto& [key, value] : overrides) {
    root.set(key, value, std::string(kCommandLine) + key + "=" + value);
  }
  problems.throw_if_any();
  for (const std::string key : kPaths) {
    const std::size_t dot = key.find('.');
    const YamlNode node = dot == std::string::npos
                              ? root.child(key)
                              : root.child(key.substr(0, dot)).child(key.substr(dot + 1));
    if (!node.is_scalar()) continue;
    const std::string text = node.text().value_or("");
    if (!is_path(text) || fs::path(text).is_absolute()) continue;
    const fs::path moved = fs::proximate(fs::path(base_folder(node)) / text, folder);
    root.set(key, '"' + moved.string() + '"', key);
  }
  problems.throw_if_any();
  return root.to_yaml();
}

}  // namespace plumbline
