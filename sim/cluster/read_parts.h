// Pieces that the readers of devices and links share.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "sim/cluster/device.h"
#include "sim/yaml/yaml_node.h"

namespace plumbline {

/// `samples:` of a profile; paths become relative to where the profile lies.
std::vector<SampleFile> read_sample_list(const YamlNode& node, const std::string& profile_path);

}  // namespace plumbline
