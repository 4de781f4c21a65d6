// `sweep:` of a scenario: the points that plumbline sweep simulates.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/scenario/scenario.h"
#include "sim/yaml/yaml_node.h"

namespace plumbline {

/// As written; what the texts mean is the sweep's business.
struct SweepBlock {
  std::vector<Override> over;  ///< path and values, as `--over PATH=VALUES` takes them
  std::vector<std::pair<std::string, SourceLocation>> where;
};

/// Reads the block at `node`; problems are recorded there.
SweepBlock read_sweep_block(const YamlNode& node);

/// The block of a scenario's file, or nullopt where it has none.
/// @throws InputError with every problem of the block, or for a file that is no YAML
std::optional<SweepBlock> read_sweep_block(const std::string& path);

/// Whether the file has a `serving` block; one that is no YAML has none.
bool states_serving(const std::string& path);

}  // namespace plumbline
