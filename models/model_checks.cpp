#include "models/model_checks.h"

#include <string>
#include <utility>

namespace plumbline {
namespace {

class Checks {
 public:
  void positive(const std::string& path, std::int64_t value) {
    if (value <= 0) add(path, "must be at least 1, not " + std::to_string(value));
  }
  void at_least_zero(const std::string& path, std::int64_t value) {
    if (value < 0) add(path, "must be at least 0, not " + std::to_string(value));
  }
  void add(const std::string& path, std::string problem, std::string hint = {}) {
    list_.push_back(diagnose(path, problem, hint));
  }
  std::vector<Diagnostic> take() { return std::move(list_); }

 private:
  std::vector<Diagnostic> list_;
};

void check_latent_attention(const MlaSpec& mla, Checks& checks) {
  checks.at_least_zero("mla.q_lora_rank", mla.q_lora_rank);
  checks.positive("mla.kv_lora_rank", mla.kv_lora_rank);
  checks.positive("mla.qk_nope_head_dim", mla.qk_nope_head_dim);
  checks.at_least_zero("mla.qk_rope_head_dim", mla.qk_rope_head_dim);
  checks.positive("mla.v_head_dim", mla.v_head_dim);
}

void check_experts(const ModelSpec& model, Checks& checks) {
  const MoeSpec& moe = *model.moe;
  checks.positive("moe.experts", moe.experts);
  checks.positive("moe.top_k", moe.top_k);
  checks.positive("moe.expert_ffn", moe.expert_ffn);
  checks.at_least_zero("moe.shared_ffn", moe.shared_ffn);
  checks.at_least_zero("moe.first_dense_layers", moe.first_dense_layers);
  checks.positive("moe.every", moe.every);
  if (moe.experts > 0 && moe.top_k > moe.experts) {
    checks.add("moe.top_k", std::to_string(moe.top_k) + " experts a token of only " +
                                std::to_string(moe.experts));
  }
  if (moe.first_dense_layers > model.layers) {
    checks.add("moe.first_dense_layers", std::to_string(moe.first_dense_layers) +
                                             " dense layers in a model of " +
                                             std::to_string(model.layers));
  }
}

bool has_dense_layer(const ModelSpec& model) {
  return !model.moe || model.moe->every > 1 || model.moe->first_dense_layers > 0;
}

}  // namespace

std::vector<Diagnostic> check_model(const ModelSpec& model) {
  Checks checks;
  checks.positive("layers", model.layers);
  checks.positive("hidden", model.hidden);
  checks.positive("heads", model.heads);
  checks.positive("vocab", model.vocab);
  if (has_dense_layer(model)) checks.positive("ffn", model.ffn);
  if (!model.mla) {
    checks.positive("kv_heads", model.kv_heads);
    if (model.hidden > 0 && model.heads > 0) checks.positive("head_dim", model.head_dim);
    if (model.kv_heads > 0 && model.heads > 0 && model.heads % model.kv_heads != 0) {
      checks.add("kv_heads", "heads (" + std::to_string(model.heads) +
                                 ") is not a multiple of kv_heads (" +
                                 std::to_string(model.kv_heads) + ")");
    }
  }
  checks.positive("norms_per_layer", model.norms_per_layer);
  checks.at_least_zero("mtp_layers", model.mtp_layers);
  checks.at_least_zero("full_attention_every", model.full_attention_every);
  if (model.sliding_window) checks.positive("sliding_window", *model.sliding_window);
  if (model.positions == Positions::kLearned) {
    checks.positive("max_positions", model.max_positions);
  }
  if (model.mla) check_latent_attention(*model.mla, checks);
  if (model.moe) check_experts(model, checks);
  return checks.take();
}

}  // namespace plumbline
