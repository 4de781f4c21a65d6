// `cluster:` of a scenario, and what a folder of profiles holds.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "sim/cluster/read_profile.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDeviceSchema = "schema: plumbline.device/1";
constexpr std::string_view kLinkSchema = "schema: plumbline.link/1";
constexpr std::string_view kClusterSchema = "schema: plumbline.cluster/1";

std::vector<std::string> list(const fs::path& folder, std::string_view schema) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".yaml") continue;
    std::ifstream in(entry.path());
    std::string line;
    while (std::getline(in, line) && line.rfind('#', 0) == 0) {
    }
    if (line == schema) names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

bool is_path(const std::string& name) {
  return name.find('/') != std::string::npos || fs::path(name).extension() == ".yaml";
}

/// Where profiles are looked for, and who is told when there is none.
struct Lookup {
  std::string folder;
  std::string base_folder;
  Diagnostics* problems;

  /// The file of `name`, or nullopt with a problem at `node` that lists what there is.
  std::optional<std::string> find(const YamlNode& node, const std::string& name, const char* what,
                                  const fs::path& where,
                                  const std::vector<std::string>& known) const {
    if (is_path(name)) {
      const fs::path file =
          fs::path(name).is_absolute() ? fs::path(name) : fs::path(base_folder) / name;
      std::error_code none;  // a name too long for the file system is no file's
      if (fs::is_regular_file(file, none)) return file.string();
      node.problem("no " + std::string(what) + " profile is at '" + name + "'");
      return std::nullopt;
    }
    if (std::binary_search(known.begin(), known.end(), name)) {
      return (where / (name + ".yaml")).string();
    }
    const std::string_view near = nearest(name, std::span<const std::string>(known));
    node.problem("no " + std::string(what) + " is called '" + name + "'",
                 (near.empty() ? "" : "did you mean '" + std::string(near) + "'? ") + "there are " +
                     joined(known));
    return std::nullopt;
  }

  template <typename Spec>
  void read(const YamlNode& node, const char* what, const std::vector<std::string>& known,
            Spec (*reader)(const std::string&), Spec& into) const {
    const auto name = node.text();
    if (!name) return;
    const auto file = find(node, *name, what, folder, known);
    if (!file) return;
    try {
      into = reader(*file);
    } catch (const InputError& error) {
      for (const Diagnostic& d : error.diagnostics()) problems->add(d);
    }
  }
};

std::string with_sign(int value, const char* what) { return std::to_string(value) + " " + what; }

void read_map(const YamlNode& node, const Lookup& lookup, Cluster& cluster,
              std::vector<std::string>* assumptions, bool complete);

void read_named(const YamlNode& at, const std::string& name, const Lookup& lookup,
                Cluster& cluster) {
  const fs::path clusters = fs::path(lookup.folder) / "clusters";
  const auto file = lookup.find(at, name, "cluster", clusters, list_clusters(lookup.folder));
  if (!file) return;
  const YamlNode root = YamlNode::load(*file, *lookup.problems);
  if (!root.present()) return;
  Lookup beside = lookup;
  beside.base_folder = fs::path(*file).parent_path().string();
  read_map(root, beside, cluster, nullptr, true);
  cluster.name = root.child("name").text().value_or(name);
}

void read_map(const YamlNode& node, const Lookup& lookup, Cluster& cluster,
              std::vector<std::string>* assumptions, bool complete) {
  node.allow_keys({"schema", "name", "summary", "sources", "notes", "gpu", "gpus_per_node", "nodes",
                   "intra_node", "inter_node", "gpus_per_nvlink_domain", "nics_per_node",
                   "host_link", "power_limit_w"});
  const auto assume = [&](const std::string& sentence) {
    if (assumptions) assumptions->push_back("cluster: " + sentence);
  };
  if (complete) {
    node.required("gpu");
    node.required("intra_node");
    // One node sends nothing out of it.
    if (node.child("nodes").present() && node.child("nodes").number() != 1.0) {
      node.required("inter_node");
    }
  }
  lookup.read(node.child("gpu"), "GPU", list_devices(lookup.folder), read_device, cluster.device);
  const auto links = list_links(lookup.folder);
  lookup.read(node.child("intra_node"), "link", links, read_link, cluster.intra_node);
  lookup.read(node.child("inter_node"), "link", links, read_link, cluster.inter_node);
  if (node.child("host_link").present()) {
    lookup.read(node.child("host_link"), "link", links, read_link, cluster.host_link.emplace());
  }

  if (complete && !node.child("inter_node").present()) cluster.inter_node = cluster.intra_node;

  const int gpus_before = cluster.gpus_per_node;
  const auto whole = [&](const char* key, std::int64_t high) {
    return node.child(key).integer_in(1, high);
  };
  if (const auto gpus = whole("gpus_per_node", 1024)) {
    cluster.gpus_per_node = static_cast<int>(*gpus);
  } else if (complete) {
    assume(with_sign(cluster.gpus_per_node, "GPUs per node"));
  }
  if (const auto nodes = whole("nodes", 1 << 20)) {
    cluster.nodes = static_cast<int>(*nodes);
  } else if (complete) {
    assume("1 node");
  }
  const bool resized = complete || cluster.gpus_per_node != gpus_before;
  if (const auto domain = whole("gpus_per_nvlink_domain", 1 << 20)) {
    cluster.gpus_per_nvlink_domain = static_cast<int>(*domain);
    const int smaller = std::min(cluster.gpus_per_nvlink_domain, cluster.gpus_per_node);
    const int larger = std::max(cluster.gpus_per_nvlink_domain, cluster.gpus_per_node);
    if (larger % smaller != 0) {
      node.child("gpus_per_nvlink_domain")
          .problem(with_sign(cluster.gpus_per_nvlink_domain, "GPUs in an NVLink domain") + " and " +
                   with_sign(cluster.gpus_per_node, "GPUs per node") + " do not divide each other");
    }
  } else if (resized) {
    cluster.gpus_per_nvlink_domain = cluster.gpus_per_node;
    assume(with_sign(cluster.gpus_per_node, "GPUs in an NVLink domain"));
  }
  if (const auto nics = whole("nics_per_node", 1024)) {
    cluster.nics_per_node = static_cast<int>(*nics);
  } else if (resized) {
    cluster.nics_per_node = cluster.gpus_per_node;
    assume("a NIC per GPU");
  }
  if (const auto watts = node.child("power_limit_w").number_in(1, 1e5)) {
    cluster.power_limit_w = *watts;
  }
}

}  // namespace

std::vector<std::string> list_devices(const std::string& folder) {
  return list(folder, kDeviceSchema);
}

std::vector<std::string> list_links(const std::string& folder) { return list(folder, kLinkSchema); }

std::vector<std::string> list_clusters(const std::string& folder) {
  return list(fs::path(folder) / "clusters", kClusterSchema);
}

Cluster read_cluster(const YamlNode& node, const std::string& folder,
                     const std::string& base_folder, Diagnostics& out,
                     std::vector<std::string>* assumptions) {
  Cluster cluster;
  const Lookup lookup{folder, base_folder, &out};
  if (node.is_scalar()) {
    if (const auto name = node.text()) read_named(node, *name, lookup, cluster);
    return cluster;
  }
  if (!node.is_map()) {
    node.problem("is neither a cluster's name nor a map",
                 "there are " + joined(list_clusters(folder)));
    return cluster;
  }
  const auto name = node.child("name").text();
  if (name && !node.child("gpu").present()) {
    read_named(node.child("name"), *name, lookup, cluster);
    read_map(node, lookup, cluster, assumptions, false);
  } else {
    read_map(node, lookup, cluster, assumptions, true);
    if (name) cluster.name = *name;
  }
  return cluster;
}

}  // namespace plumbline
