// What must hold between a model's dimensions, whatever file they were read from.
#pragma once

#include <vector>

#include "models/model_spec.h"
#include "sim/core/diagnostic.h"

namespace plumbline {

/// Every rule that `model` breaks; `path` is the field as YAML names it ("moe.top_k"), no location.
std::vector<Diagnostic> check_model(const ModelSpec& model);

}  // namespace plumbline
