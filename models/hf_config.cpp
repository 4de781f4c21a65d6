// One row per model_type: what its implementation in transformers fixes (norm, gate, biases), and
// a function for what only that family has.  Source: the configuration_*.py and modeling_*.py of
// huggingface/transformers.

#include "models/hf_config.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "models/hf_fields.h"
#include "models/model_checks.h"

namespace plumbline {
namespace {

struct Family {
  std::string_view model_type;
  bool gated;
  Normalization normalization;
  Positions positions;
  bool tied_default;
  void (*read_rest)(HfFields&, ModelSpec&);  ///< nullptr: nothing of its own
};

constexpr auto kRms = Normalization::kRmsNorm;
constexpr auto kLayer = Normalization::kLayerNorm;

void attention_bias_on_all(HfFields& f, ModelSpec& m) {
  m.qkv_bias = m.attention_output_bias = f.flag_or({"attention_bias"}, false);
  m.mlp_bias = f.flag_or({"mlp_bias"}, false);
}

void biases_everywhere(HfFields&, ModelSpec& m) {
  m.qkv_bias = m.attention_output_bias = m.mlp_bias = true;
}

void mixtral(HfFields& f, ModelSpec& m) {
  MoeSpec moe;
  moe.experts = f.required({"num_local_experts"});
  moe.top_k = f.required({"num_experts_per_tok"});
  moe.expert_ffn = m.ffn;
  m.moe = moe;
}

void qwen2(HfFields& f, ModelSpec& m) {
  m.qkv_bias = true;
  if (!f.flag_or({"use_sliding_window"}, false)) {
    m.sliding_window.reset();
  } else if (f.integer_or({"max_window_layers"}, 0) > 0 && f.find({"layer_types"}) == nullptr) {
    f.problem("max_window_layers", "a window on the last layers only cannot be expressed");
  }
}

void qwen3(HfFields& f, ModelSpec& m) {
  qwen2(f, m);
  m.qkv_bias = m.attention_output_bias = f.flag_or({"attention_bias"}, false);
  m.qk_norm = true;
}

void qwen_experts(HfFields& f, ModelSpec& m) {
  MoeSpec moe;
  moe.experts = f.required({"num_experts"});
  moe.top_k = f.required({"num_experts_per_tok"});
  moe.expert_ffn = f.required({"moe_intermediate_size"});
  moe.shared_ffn = f.integer_or({"shared_expert_intermediate_size"}, 0);
  moe.shared_expert_gate = moe.shared_ffn > 0;
  // Layer i is a mixture where (i + 1) % decoder_sparse_step == 0 and i is not listed as dense.
  moe.every = f.integer_or({"decoder_sparse_step"}, 1);
  moe.first_dense_layers = moe.every - 1;
  if (const auto* dense = f.find({"mlp_only_layers"}); dense != nullptr && !dense->empty()) {
    for (std::size_t i = 0; i < dense->size(); ++i) {
      if (moe.every != 1 || (*dense)[i] != static_cast<std::int64_t>(i)) {
        f.problem("mlp_only_layers", "only the first layers can be the dense ones");
        break;
      }
    }
    moe.first_dense_layers = static_cast<std::int64_t>(dense->size());
  }
  m.moe = moe;
}

void qwen2_moe(HfFields& f, ModelSpec& m) {
  qwen2(f, m);
  qwen_experts(f, m);
}

void qwen3_moe(HfFields& f, ModelSpec& m) {
  qwen3(f, m);
  qwen_experts(f, m);
}

void shared_prefix_experts(HfFields& f, ModelSpec& m, bool router_bias) {
  MoeSpec moe;
  moe.experts = f.required({"n_routed_experts"});
  moe.top_k = f.required({"num_experts_per_tok"});
  moe.expert_ffn = f.required({"moe_intermediate_size"});
  moe.shared_ffn = moe.expert_ffn * f.integer_or({"n_shared_experts"}, 0);
  moe.every = f.integer_or({"moe_layer_freq"}, 1);
  // A mixture from first_k_dense_replace on, where the index is a multiple of moe_layer_freq.
  const std::int64_t first = f.integer_or({"first_k_dense_replace"}, 0);
  const std::int64_t every = std::max<std::int64_t>(moe.every, 1);
  moe.first_dense_layers = (first + every - 1) / every * every;
  moe.router_bias = router_bias;
  m.moe = moe;
  m.mtp_layers = f.integer_or({"num_nextn_predict_layers"}, 0);
}

void deepseek(HfFields& f, ModelSpec& m) {
  MlaSpec mla;
  mla.q_lora_rank = f.integer_or({"q_lora_rank"}, 0);
  mla.kv_lora_rank = f.required({"kv_lora_rank"});
  mla.qk_nope_head_dim = f.required({"qk_nope_head_dim"});
  mla.qk_rope_head_dim = f.required({"qk_rope_head_dim"});
  mla.v_head_dim = f.required({"v_head_dim"});
  m.mla = mla;
  m.head_dim = mla.qk_nope_head_dim + mla.qk_rope_head_dim;
  if (f.flag_or({"attention_bias"}, false)) {
    f.problem("attention_bias", "latent attention with biases cannot be expressed");
  }
}

void deepseek_v2(HfFields& f, ModelSpec& m) {
  deepseek(f, m);
  shared_prefix_experts(f, m, false);
}

void deepseek_v3(HfFields& f, ModelSpec& m) {
  deepseek(f, m);
  shared_prefix_experts(f, m, f.text_or({"topk_method"}, "noaux_tc") == "noaux_tc");
}

void glm4_moe(HfFields& f, ModelSpec& m) {
  m.qkv_bias = f.flag_or({"attention_bias"}, false);
  m.qk_norm = f.flag_or({"use_qk_norm"}, false);
  shared_prefix_experts(f, m, true);
}

void gpt_oss(HfFields& f, ModelSpec& m) {
  biases_everywhere(f, m);
  m.attention_sinks = true;
  if (f.find({"layer_types"}) == nullptr) m.full_attention_every = 2;
  MoeSpec moe;
  moe.experts = f.required({"num_local_experts", "num_experts"});
  moe.top_k = f.required({"num_experts_per_tok", "experts_per_token"});
  moe.expert_ffn = m.ffn;
  moe.router_bias = true;
  m.moe = moe;
}

void gemma2(HfFields& f, ModelSpec& m) {
  m.norms_per_layer = 4;
  if (f.find({"layer_types"}) == nullptr) m.full_attention_every = 2;
}

void gemma3(HfFields& f, ModelSpec& m) {
  m.norms_per_layer = 4;
  m.qk_norm = true;
  if (f.find({"layer_types"}) == nullptr) {
    m.full_attention_every = f.integer_or({"sliding_window_pattern"}, 6);
  }
}

void gpt_neox(HfFields& f, ModelSpec& m) {
  m.qkv_bias = m.attention_output_bias = f.flag_or({"attention_bias"}, true);
  m.mlp_bias = true;
}

void bloom(HfFields& f, ModelSpec& m) {
  biases_everywhere(f, m);
  m.ffn = 4 * m.hidden;
  m.embedding_norm = true;
}

void falcon(HfFields& f, ModelSpec& m) {
  const bool second_generation = f.flag_or({"new_decoder_architecture"}, false);
  m.qkv_bias = m.attention_output_bias = m.mlp_bias = f.flag_or({"bias"}, false);
  m.kv_heads = m.heads;
  if (second_generation) {
    m.kv_heads = f.integer_or({"num_kv_heads"}, m.heads);
  } else if (f.flag_or({"multi_query"}, true)) {
    m.kv_heads = 1;
  }
  // With attention and feed-forward side by side the first generation has one norm for both.
  const bool one_norm = f.flag_or({"parallel_attn"}, true) && !second_generation;
  m.norms_per_layer = f.integer_or({"num_ln_in_parallel_attn"}, one_norm ? 1 : 2);
  if (f.flag_or({"alibi"}, false)) m.positions = Positions::kAlibi;
}

void opt(HfFields& f, ModelSpec& m) {
  biases_everywhere(f, m);
  m.max_positions += 2;  // OPTLearnedPositionalEmbedding keeps two rows of padding
  if (f.integer_or({"word_embed_proj_dim"}, m.hidden) != m.hidden) {
    f.problem("word_embed_proj_dim", "a projected embedding cannot be expressed");
  }
}

void starcoder2(HfFields& f, ModelSpec& m) {
  m.qkv_bias = m.attention_output_bias = m.mlp_bias = f.flag_or({"use_bias"}, true);
}

constexpr std::array<Family, 24> kFamilies{{
    {"bloom", false, kLayer, Positions::kAlibi, true, bloom},
    {"deepseek_v2", true, kRms, Positions::kRope, false, deepseek_v2},
    {"deepseek_v3", true, kRms, Positions::kRope, false, deepseek_v3},
    {"falcon", false, kLayer, Positions::kRope, true, falcon},
    {"gemma", true, kRms, Positions::kRope, true, nullptr},
    {"gemma2", true, kRms, Positions::kRope, true, gemma2},
    {"gemma3_text", true, kRms, Positions::kRope, true, gemma3},
    {"glm4_moe", true, kRms, Positions::kRope, false, glm4_moe},
    {"gpt2", false, kLayer, Positions::kLearned, true, biases_everywhere},
    {"gpt_neox", false, kLayer, Positions::kRope, false, gpt_neox},
    {"gpt_oss", true, kRms, Positions::kRope, false, gpt_oss},
    {"granite", true, kRms, Positions::kRope, false, attention_bias_on_all},
    {"kimi_k2", true, kRms, Positions::kRope, false, deepseek_v3},
    {"llama", true, kRms, Positions::kRope, false, attention_bias_on_all},
    {"mistral", true, kRms, Positions::kRope, false, nullptr},
    {"mixtral", true, kRms, Positions::kRope, false, mixtral},
    {"nemotron", false, kLayer, Positions::kRope, false, attention_bias_on_all},
    {"opt", false, kLayer, Positions::kLearned, true, opt},
    {"phi3", true, kRms, Positions::kRope, false, nullptr},
    {"qwen2", true, kRms, Positions::kRope, false, qwen2},
    {"qwen2_moe", true, kRms, Positions::kRope, false, qwen2_moe},
    {"qwen3", true, kRms, Positions::kRope, false, qwen3},
    {"qwen3_moe", true, kRms, Positions::kRope, false, qwen3_moe},
    {"starcoder2", false, kLayer, Positions::kRope, true, starcoder2},
}};

const Family* family_of(std::string_view model_type) {
  const auto at = std::ranges::find(kFamilies, model_type, &Family::model_type);
  return at == kFamilies.end() ? nullptr : &*at;
}

Activation activation(HfFields& f, bool gated) {
  const std::string name =
      f.text_or({"hidden_activation", "hidden_act", "activation_function", "activation"},
                gated ? "silu" : "gelu");
  if (gated && (name == "silu" || name == "swish")) return Activation::kSwiglu;
  if (name.starts_with("gelu") || name == "quick_gelu") {
    return gated ? Activation::kGeglu : Activation::kGelu;
  }
  if (!gated && name == "relu") return Activation::kRelu;
  if (!gated && name == "relu2") return Activation::kSquaredRelu;
  f.problem("hidden_act", "the activation '" + name + "' is not known here");
  return gated ? Activation::kSwiglu : Activation::kGelu;
}

/// A window on all layers but every n-th; any other list is a problem.
void read_layer_types(HfFields& f, ModelSpec& m) {
  const nlohmann::json* types = f.find({"layer_types"});
  if (types == nullptr || !types->is_array()) return;
  std::int64_t windowed = 0, first_full = -1, index = 0;
  for (const auto& type : *types) {
    if (type == "sliding_attention") {
      ++windowed;
    } else if (type != "full_attention") {
      f.problem("layer_types", "layers of type " + type.dump() + " cannot be expressed");
      return;
    } else if (first_full < 0) {
      first_full = index;
    }
    ++index;
  }
  if (windowed == 0) {
    m.sliding_window.reset();
    return;
  }
  m.full_attention_every = first_full < 0 ? 0 : first_full + 1;
  for (index = 0; index < static_cast<std::int64_t>(types->size()); ++index) {
    const bool window = (*types)[static_cast<std::size_t>(index)] == "sliding_attention";
    if (window != m.is_windowed_layer(index)) {
      f.problem("layer_types", "the layers with full attention are not every n-th");
      return;
    }
  }
}

ModelSpec read(HfFields& f, const Family& family) {
  ModelSpec m;
  m.layers = f.required({"num_hidden_layers", "n_layer", "num_layers"});
  m.hidden = f.required({"hidden_size", "n_embd"});
  m.heads = std::max<std::int64_t>(f.required({"num_attention_heads", "n_head"}), 1);
  m.kv_heads = f.integer_or({"num_key_value_heads"}, m.heads);
  m.head_dim = f.integer_or({"head_dim"}, m.hidden / m.heads);
  m.ffn = f.integer_or({"intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"},
                       family.gated ? 0 : 4 * m.hidden);
  m.vocab = f.required({"vocab_size"});
  m.max_positions = f.integer_or({"max_position_embeddings", "n_positions", "n_ctx"}, 0);
  m.activation = activation(f, family.gated);
  m.normalization = family.normalization;
  m.positions = family.positions;
  m.tied_embeddings = f.flag_or({"tie_word_embeddings"}, family.tied_default);
  if (const auto window = f.integer({"sliding_window"})) m.sliding_window = *window;
  if (family.read_rest != nullptr) family.read_rest(f, m);
  read_layer_types(f, m);
  return m;
}

std::string known_types() {
  std::string list;
  for (const Family& family : kFamilies) {
    list += (list.empty() ? "" : ", ") + std::string(family.model_type);
  }
  return list;
}

InputError refuse(const std::string& file, std::string path, std::string problem,
                  std::string hint = {}) {
  Diagnostic found;
  found.at.file = file;
  found.path = std::move(path);
  found.problem = std::move(problem);
  found.hint = std::move(hint);
  return InputError({std::move(found)});
}

}  // namespace

std::vector<std::string_view> hf_model_types() {
  std::vector<std::string_view> types;
  for (const Family& family : kFamilies) types.push_back(family.model_type);
  return types;
}

ModelSpec parse_hf_config(const std::string& json, const std::string& file) {
  nlohmann::json object = nlohmann::json::parse(json, nullptr, false);
  if (!object.is_object()) throw refuse(file, "", "is not a JSON object");
  const auto type_of = [](const nlohmann::json& config) {
    const auto at = config.find("model_type");
    return at != config.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  std::string type = type_of(object);
  const std::string name = object.value("_name_or_path", std::string());
  std::string left_out;
  const auto text_config = object.find("text_config");
  if (family_of(type) == nullptr && text_config != object.end() && text_config->is_object()) {
    left_out = " (text model of " + type + "; other towers left out)";
    const nlohmann::json text = *text_config;  // a copy: `object` is about to become it
    object = text;
    type = type_of(object);
  }
  const Family* family = family_of(type);
  if (family == nullptr) {
    throw refuse(file, "model_type",
                 type.empty() ? "is missing" : "'" + type + "' is not known here",
                 "known: " + known_types());
  }
  HfFields fields(std::move(object), file);
  ModelSpec model = read(fields, *family);
  model.name = name.empty() ? type : name;
  model.source = file + left_out;
  if (fields.problems().empty()) {
    for (Diagnostic& problem : check_model(model)) {
      problem.at.file = file;
      fields.problems().push_back(std::move(problem));
    }
  }
  if (!fields.problems().empty()) throw InputError(std::move(fields.problems()));
  return model;
}

ModelSpec read_hf_config(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) throw refuse(path, "", "cannot be read");
  return parse_hf_config(text.str(), path);
}

}  // namespace plumbline
