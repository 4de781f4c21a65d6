#include <filesystem>

#include "sim/cluster/read_profile.h"
#include "sim/scenario/read_parts.h"

namespace plumbline {

std::string base_folder(const YamlNode& node) {
  const std::string file = node.location().file;
  if (file.starts_with(kCommandLine)) return ".";
  const auto folder = std::filesystem::path(file).parent_path();
  return folder.empty() ? "." : folder.string();
}

std::string resolved_path(const YamlNode& node, const std::string& path) {
  const std::filesystem::path given(path);
  const std::string folder = base_folder(node);
  if (given.is_absolute() || folder == ".") return path;
  return (std::filesystem::path(folder) / given).string();
}

Cluster read_scenario_cluster(const KeyReader& keys, const DataFolders& folders,
                              Diagnostics& problems, std::vector<std::string>& assumptions) {
  keys.require("cluster");
  const YamlNode node = keys.node("cluster");
  // Mixed GPUs have been refused by the table of keys; reading on would only add noise.
  if (!node.present() || node.child("groups").present()) return {};
  return read_cluster(node, folders.hardware_profiles, base_folder(node), problems, &assumptions);
}

}  // namespace plumbline
