// models/*.yaml and the `model:` of a scenario -> ModelSpec.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/model_spec.h"
#include "sim/yaml/yaml_node.h"

namespace plumbline {

/// Reads a mapping whose keys are ModelSpec's fields (activation: gelu | swiglu | geglu | relu |
/// squared_relu; normalization: layernorm | rmsnorm; positions: rope | learned | alibi | none).
///
/// `base: NAME` starts from a model of `models_folder` and overrides it.  What is left out:
/// kv_heads = heads, head_dim = hidden/heads, ffn = 4*hidden (not when gated: required then); under
/// a base the same, where the base's value was such a default and what it follows is overridden.
/// Problems are recorded at the node; the returned value is usable only when there are none.
ModelSpec read_model(const YamlNode& node, const std::string& models_folder);

/// Whatever a scenario may write after `model:`: a name in `models_folder`, a path to a YAML or to
/// a Hugging Face config.json, `{hf: path}`, or an inline mapping.  Paths are relative to
/// `base_folder`.  Problems are recorded as by read_model.
ModelSpec resolve_model(const YamlNode& node, const std::string& models_folder,
                        const std::string& base_folder);

/// A file of models/.
struct ModelEntry {
  std::string path;
  std::vector<std::string> aliases;  ///< other spellings, as the file lists them
  ModelSpec model;
};

/// Every model of the folder by name, in alphabetical order.
/// @throws InputError with the problems of every file that is not a model
std::vector<ModelEntry> list_models(const std::string& models_folder);

/// The model called `name` or an alias of it; upper case, '-', '.' and blanks count as '_'.
/// @throws InputError (path "model") with the nearest name, or with the file's problems
ModelSpec find_model(const std::string& models_folder, std::string_view name);

}  // namespace plumbline
