// A scenario with its overrides, written down.
#pragma once

#include "sim/scenario/scenario.h"

namespace plumbline {

/// The file's scenario with the overrides, as YAML for a file in `folder`: paths that are relative
/// to the scenario's own folder are written relative to the other one.  Comments are lost.
/// @throws InputError when the file is no YAML or an override has no place in it
std::string scenario_yaml(const std::string& path, const std::vector<Override>& overrides,
                          const std::string& folder);

}  // namespace plumbline
