// A Hugging Face config.json, as it is, -> ModelSpec.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/model_spec.h"

namespace plumbline {

/// The `model_type` values that are understood, in alphabetical order.
std::vector<std::string_view> hf_model_types();

/// Reads the text of a config.json; `file` is its name in messages.
///
/// Of a multi-modal configuration the `text_config` is read, the other towers are left out and the
/// model's `source` says so.  What a family does that ModelSpec cannot say (linear attention,
/// windows without a rhythm) is an error, not ignored.
/// @throws InputError for text that is not JSON, an unknown model_type (the message lists the known
///         ones), missing or impossible dimensions
ModelSpec parse_hf_config(const std::string& json, const std::string& file);

/// The same of a file.
/// @throws InputError also when it cannot be read
ModelSpec read_hf_config(const std::string& path);

}  // namespace plumbline
