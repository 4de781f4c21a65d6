// What there is to list, for those who complete it.
#pragma once

#include <string>
#include <vector>

namespace plumbline {

/// What `plumbline list` lists: "models", "gpus", ...
std::vector<std::string> list_kinds();

}  // namespace plumbline
