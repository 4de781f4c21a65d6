#include "models/model_reader.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>

#include "models/hf_config.h"
#include "models/model_checks.h"

namespace plumbline {
namespace {

constexpr std::array<std::string_view, 5> kActivations{"gelu", "swiglu", "geglu", "relu",
                                                       "squared_relu"};
constexpr std::array<std::string_view, 2> kNormalizations{"layernorm", "rmsnorm"};
constexpr std::array<std::string_view, 4> kPositions{"rope", "learned", "alibi", "none"};

constexpr std::array<std::string_view, 28> kKeys{"base",
                                                 "aliases",
                                                 "name",
                                                 "source",
                                                 "layers",
                                                 "hidden",
                                                 "heads",
                                                 "kv_heads",
                                                 "head_dim",
                                                 "ffn",
                                                 "vocab",
                                                 "max_positions",
                                                 "activation",
                                                 "normalization",
                                                 "positions",
                                                 "tied_embeddings",
                                                 "qkv_bias",
                                                 "mlp_bias",
                                                 "qk_norm",
                                                 "attention_output_bias",
                                                 "moe",
                                                 "embedding_norm",
                                                 "mla",
                                                 "norms_per_layer",
                                                 "mtp_layers",
                                                 "sliding_window",
                                                 "attention_sinks",
                                                 "full_attention_every"};

constexpr std::int64_t kLargest = std::int64_t{1} << 40;

void read_count(const YamlNode& node, std::string_view key, std::int64_t& field) {
  if (const auto value = node.child(key).integer_in(0, kLargest)) field = *value;
}

void read_flag(const YamlNode& node, std::string_view key, bool& field) {
  if (const auto value = node.child(key).boolean()) field = *value;
}

void read_text(const YamlNode& node, std::string_view key, std::string& field) {
  if (const auto value = node.child(key).text()) field = *value;
}

template <typename Enum>
void read_choice(const YamlNode& node, std::string_view key,
                 std::span<const std::string_view> names, Enum& field) {
  if (const auto index = node.child(key).choice(names, key)) field = static_cast<Enum>(*index);
}

void read_latent_attention(const YamlNode& node, std::optional<MlaSpec>& field) {
  if (!node.present()) return;
  node.allow_keys(
      {"q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"});
  MlaSpec mla = field.value_or(MlaSpec{});
  read_count(node, "q_lora_rank", mla.q_lora_rank);
  read_count(node, "kv_lora_rank", mla.kv_lora_rank);
  read_count(node, "qk_nope_head_dim", mla.qk_nope_head_dim);
  read_count(node, "qk_rope_head_dim", mla.qk_rope_head_dim);
  read_count(node, "v_head_dim", mla.v_head_dim);
  field = mla;
}

void read_experts(const YamlNode& node, std::optional<MoeSpec>& field) {
  if (!node.present()) return;
  node.allow_keys({"experts", "top_k", "expert_ffn", "shared_ffn", "first_dense_layers", "every",
                   "router_bias", "shared_expert_gate"});
  MoeSpec moe = field.value_or(MoeSpec{});
  read_count(node, "experts", moe.experts);
  read_count(node, "top_k", moe.top_k);
  read_count(node, "expert_ffn", moe.expert_ffn);
  read_count(node, "shared_ffn", moe.shared_ffn);
  read_count(node, "first_dense_layers", moe.first_dense_layers);
  read_count(node, "every", moe.every);
  read_flag(node, "router_bias", moe.router_bias);
  read_flag(node, "shared_expert_gate", moe.shared_expert_gate);
  field = moe;
}

/// kv_heads, head_dim and ffn where they follow from the rest; see read_model.
void complete(const YamlNode& node, const std::optional<ModelSpec>& base, ModelSpec& model) {
  const bool narrower = node.child("hidden").present() || node.child("heads").present();
  const auto follows = [&](std::string_view key, bool default_in_base) {
    return !node.child(key).present() && (!base || (narrower && default_in_base));
  };
  if (follows("kv_heads", base && base->kv_heads == base->heads)) model.kv_heads = model.heads;
  if (!model.mla && model.heads > 0 &&
      follows("head_dim", base && base->head_dim * base->heads == base->hidden)) {
    if (model.hidden % model.heads != 0) {
      node.child("heads").problem("hidden (" + std::to_string(model.hidden) +
                                      ") is not a multiple of heads (" +
                                      std::to_string(model.heads) + ")",
                                  "state head_dim");
    }
    model.head_dim = model.hidden / model.heads;
  }
  if (!model.gated() && follows("ffn", base && base->ffn == 4 * base->hidden)) {
    model.ffn = 4 * model.hidden;
  }
}

/// The problems of another file, told at the place that named it.
void report(const YamlNode& at, const InputError& error) {
  for (const Diagnostic& d : error.diagnostics()) {
    const bool elsewhere = !d.at.file.empty();
    at.problem(elsewhere ? to_string(d) : d.problem, elsewhere ? std::string() : d.hint);
  }
}

std::string normalised(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') {
      plain += static_cast<char>(c - 'A' + 'a');
    } else {
      plain += (c == '-' || c == '.' || c == ' ') ? '_' : c;
    }
  }
  return plain;
}

// A file may name another as its base; this many in a row are a circle.
constexpr int kLongestChain = 8;

ModelSpec find_in(const std::string& folder, std::string_view name, int depth);

ModelSpec read_node(const YamlNode& node, const std::string& folder, int depth) {
  ModelSpec model;
  if (!node.is_map()) {
    node.problem("must be a mapping of a model's dimensions");
    return model;
  }
  node.allow_keys(kKeys);
  std::optional<ModelSpec> base;
  bool base_failed = false;
  const YamlNode base_node = node.child("base");
  if (const auto name = base_node.text()) {
    try {
      base = find_in(folder, *name, depth + 1);
      model = *base;
    } catch (const InputError& error) {
      report(base_node, error);
      base_failed = true;
    }
  }
  read_text(node, "name", model.name);
  read_text(node, "source", model.source);
  read_count(node, "layers", model.layers);
  read_count(node, "hidden", model.hidden);
  read_count(node, "heads", model.heads);
  read_count(node, "kv_heads", model.kv_heads);
  read_count(node, "head_dim", model.head_dim);
  read_count(node, "ffn", model.ffn);
  read_count(node, "vocab", model.vocab);
  read_count(node, "max_positions", model.max_positions);
  read_choice(node, "activation", kActivations, model.activation);
  read_choice(node, "normalization", kNormalizations, model.normalization);
  read_choice(node, "positions", kPositions, model.positions);
  read_flag(node, "tied_embeddings", model.tied_embeddings);
  read_flag(node, "qkv_bias", model.qkv_bias);
  read_flag(node, "attention_output_bias", model.attention_output_bias);
  read_flag(node, "mlp_bias", model.mlp_bias);
  read_flag(node, "qk_norm", model.qk_norm);
  read_flag(node, "attention_sinks", model.attention_sinks);
  read_flag(node, "embedding_norm", model.embedding_norm);
  read_count(node, "norms_per_layer", model.norms_per_layer);
  read_count(node, "mtp_layers", model.mtp_layers);
  read_count(node, "full_attention_every", model.full_attention_every);
  if (const auto window = node.child("sliding_window").integer_in(1, kLargest)) {
    model.sliding_window = *window;
  }
  read_latent_attention(node.child("mla"), model.mla);
  read_experts(node.child("moe"), model.moe);
  complete(node, base, model);
  if (base_failed) return model;  // every missing dimension would be reported again
  for (const Diagnostic& d : check_model(model)) {
    YamlNode place = node;
    std::string rest = d.path;
    for (auto dot = rest.find('.'); dot != std::string::npos; dot = rest.find('.')) {
      place = place.child(rest.substr(0, dot));
      rest = rest.substr(dot + 1);
    }
    const YamlNode value = place.child(rest);
    const bool stated = value.present();
    value.problem(stated ? d.problem : "is missing", d.hint);
  }
  return model;
}

ModelEntry read_file(const std::filesystem::path& file, const std::string& folder, int depth) {
  Diagnostics problems;
  ModelEntry entry;
  entry.path = file.string();
  const YamlNode root = YamlNode::load(entry.path, problems);
  if (root.present()) {
    entry.model = read_node(root, folder, depth);
    if (!root.child("name").present()) entry.model.name = file.stem().string();
    for (const YamlNode& alias : root.child("aliases").items()) {
      if (const auto text = alias.text()) entry.aliases.push_back(*text);
    }
  } else if (problems.empty()) {
    root.problem("is empty");
  }
  problems.throw_if_any();
  return entry;
}

std::vector<std::filesystem::path> model_files(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code none;  // a folder that cannot be read holds no models; the caller says so
  for (const auto& item : std::filesystem::directory_iterator(folder, none)) {
    if (item.path().extension() == ".yaml") files.push_back(item.path());
  }
  std::ranges::sort(files);
  return files;
}

InputError refuse(std::string_view problem, std::string_view hint) {
  return InputError({diagnose("model", problem, hint)});
}

ModelSpec find_in(const std::string& folder, std::string_view name, int depth) {
  if (depth > kLongestChain) throw refuse("base: models name each other in a circle", "");
  const std::string wanted = normalised(name);
  const std::filesystem::path direct = std::filesystem::path(folder) / (wanted + ".yaml");
  std::error_code none;  // a name too long for the file system is no file's
  if (wanted.find('/') == std::string::npos && std::filesystem::is_regular_file(direct, none)) {
    return read_file(direct, folder, depth).model;
  }
  std::vector<std::string> known;
  for (const std::filesystem::path& file : model_files(folder)) {
    known.push_back(file.stem().string());
    Diagnostics ignored;  // a broken file is reported when it is asked for by its name
    const YamlNode root = YamlNode::load(file.string(), ignored);
    if (!root.present()) continue;
    for (const YamlNode& alias : root.child("aliases").items()) {
      const auto text = alias.text();
      if (!text) continue;
      if (normalised(*text) == wanted) return read_file(file, folder, depth).model;
      known.push_back(*text);
    }
  }
  if (known.empty()) throw refuse("there are no models in '" + folder + "'", "");
  const std::string_view near = nearest(wanted, known);
  throw refuse("no model is called '" + std::string(name) + "'",
               near.empty() ? "`plumbline list models` names them; or state its dimensions"
                            : "did you mean '" + std::string(near) + "'?");
}

}  // namespace

ModelSpec read_model(const YamlNode& node, const std::string& models_folder) {
  return read_node(node, models_folder, 0);
}

ModelSpec find_model(const std::string& models_folder, std::string_view name) {
  return find_in(models_folder, name, 0);
}

std::vector<ModelEntry> list_models(const std::string& models_folder) {
  std::vector<ModelEntry> entries;
  std::vector<Diagnostic> problems;
  for (const std::filesystem::path& file : model_files(models_folder)) {
    try {
      entries.push_back(read_file(file, models_folder, 0));
    } catch (const InputError& error) {
      problems.insert(problems.end(), error.diagnostics().begin(), error.diagnostics().end());
    }
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  return entries;
}

ModelSpec resolve_model(const YamlNode& node, const std::string& models_folder,
                        const std::string& base_folder) {
  const auto located = [&](const std::string& path) {
    return (std::filesystem::path(base_folder) / path).string();
  };
  const YamlNode hf = node.is_map() ? node.child("hf") : YamlNode(node);
  try {
    if (node.is_map() && hf.present()) {
      node.allow_keys({"hf"});
      const auto path = hf.text();
      return path ? read_hf_config(located(*path)) : ModelSpec{};
    }
    if (node.is_map()) return read_model(node, models_folder);
    const auto text = node.text();
    if (!text) return {};
    if (text->ends_with(".json")) return read_hf_config(located(*text));
    if (text->ends_with(".yaml") || text->ends_with(".yml")) {
      return read_file(located(*text), models_folder, 0).model;
    }
    return find_model(models_folder, *text);
  } catch (const InputError& error) {
    report(hf, error);
    return {};
  }
}

}  // namespace plumbline
