// Hardware profiles: one YAML per GPU, per link and per named cluster.
//
// A folder holds NAME.yaml for GPUs (`schema: plumbline.device/1`) and links
// (`plumbline.link/1`) side by side, clusters/NAME.yaml (`plumbline.cluster/1`), and samples/ with
// the measured kernels that profiles name by SHA-256. Nothing here opens a sample.
#pragma once

#include <string>
#include <vector>

#include "sim/cluster/device.h"
#include "sim/yaml/yaml_node.h"

namespace plumbline {

/// Reads a GPU's profile. One that names a `relative` takes that profile's kernel forms, scaled by
/// the ratios of the peaks, and says so in its notes.
/// @throws InputError with every problem of the file
DeviceSpec read_device(const std::string& path);

/// @throws InputError with every problem of the file
LinkSpec read_link(const std::string& path);

/// Names of the profiles in a folder, sorted.
std::vector<std::string> list_devices(const std::string& folder);
std::vector<std::string> list_links(const std::string& folder);
std::vector<std::string> list_clusters(const std::string& folder);

/// Reads `cluster:` of a scenario: the name of a cluster, a path to one, or a map
///   {gpu: a100_sxm_80g, gpus_per_node: 8, nodes: 8, intra_node: nvlink3, inter_node: ib_hdr200,
///    gpus_per_nvlink_domain: 8, nics_per_node: 8, power_limit_w: 400}
/// A map may start from a named cluster: {name: selene, nodes: 64}. GPUs and links are names in
/// `folder` or paths to profiles, relative to `base_folder`. Problems go to `out`, located; what
/// could not be read keeps its default. `assumptions` receives a sentence per default taken.
Cluster read_cluster(const YamlNode& node, const std::string& folder,
                     const std::string& base_folder, Diagnostics& out,
                     std::vector<std::string>* assumptions = nullptr);

}  // namespace plumbline
