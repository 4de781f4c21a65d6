// Named software eras: what a training stack does when a scenario only gives its name.
#pragma once

#include <span>
#include <string_view>

#include "sim/plan/training_options.h"

namespace plumbline {

/// Every era, oldest first.
std::span<const SoftwareFacts> all_software();

/// The era called `name`, or nullptr.
const SoftwareFacts* find_software(std::string_view name);

/// The era of current releases on a GPU's generation: what a scenario gets that names none.
const SoftwareFacts& default_software(std::string_view gpu);

}  // namespace plumbline
