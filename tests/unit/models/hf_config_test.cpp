#include "models/hf_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "models/model_reader.h"
#include "models/parameters.h"
#include "sim/core/diagnostic.h"

namespace plumbline {
namespace {

using testing::HasSubstr;

std::int64_t total(const ModelSpec& model) { return count_parameters(model).total(); }

std::string problem_of(const std::string& json) {
  try {
    parse_hf_config(json, "config.json");
  } catch (const InputError& error) {
    std::string all;
    for (const Diagnostic& d : error.diagnostics()) all += to_string(d) + "\n";
    return all;
  }
  return "";
}

TEST(HfConfig, OfLlama31GivesTheCheckpointsParameters) {
  const ModelSpec model = parse_hf_config(R"({
    "architectures": ["LlamaForCausalLM"], "attention_bias": false, "hidden_act": "silu",
    "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 131072,
    "mlp_bias": false, "model_type": "llama", "num_attention_heads": 32,
    "num_hidden_layers": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-05,
    "rope_scaling": {"factor": 8.0}, "tie_word_embeddings": false, "vocab_size": 128256})",
                                          "config.json");
  EXPECT_EQ(total(model), 8'030'261'248);
}

TEST(HfConfig, OfDeepSeekV3GivesTheSameModelAsTheCatalogue) {
  const ModelSpec model = parse_hf_config(R"({
    "model_type": "deepseek_v3", "first_k_dense_replace": 3, "hidden_act": "silu",
    "hidden_size": 7168, "intermediate_size": 18432, "kv_lora_rank": 512,
    "max_position_embeddings": 163840, "moe_intermediate_size": 2048, "moe_layer_freq": 1,
    "n_group": 8, "n_routed_experts": 256, "n_shared_experts": 1, "num_attention_heads": 128,
    "num_experts_per_tok": 8, "num_hidden_layers": 61, "num_key_value_heads": 128,
    "num_nextn_predict_layers": 1, "q_lora_rank": 1536, "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64, "tie_word_embeddings": false, "topk_method": "noaux_tc",
    "v_head_dim": 128, "vocab_size": 129280})",
                                          "config.json");
  const ModelSpec named = find_model(std::string(PLUMBLINE_SOURCE_DIR) + "/models", "deepseek_v3");
  EXPECT_EQ(total(model), 671'026'419'200);
  EXPECT_EQ(count_parameters(model).mtp, count_parameters(named).mtp);
  EXPECT_EQ(model.head_dim, named.head_dim);
}

TEST(HfConfig, OfQwen3MoeReadsExpertsNormsAndTheMissingWindow) {
  const ModelSpec model = parse_hf_config(R"({
    "model_type": "qwen3_moe", "attention_bias": false, "decoder_sparse_step": 1,
    "head_dim": 128, "hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 6144,
    "max_window_layers": 48, "mlp_only_layers": [], "moe_intermediate_size": 768,
    "num_attention_heads": 32, "num_experts": 128, "num_experts_per_tok": 8,
    "num_hidden_layers": 48, "num_key_value_heads": 4, "sliding_window": null,
    "tie_word_embeddings": false, "use_sliding_window": false, "vocab_size": 151936})",
                                          "config.json");
  EXPECT_EQ(total(model), 30'532'122'624);
  EXPECT_FALSE(model.sliding_window.has_value());
}

TEST(HfConfig, OfGpt2ReadsItsOwnSpelling) {
  const ModelSpec model = parse_hf_config(R"({
    "model_type": "gpt2", "activation_function": "gelu_new", "n_ctx": 1024, "n_embd": 768,
    "n_head": 12, "n_layer": 12, "n_positions": 1024, "vocab_size": 50257})",
                                          "config.json");
  EXPECT_EQ(total(model), 124'439'808);
}

TEST(HfConfig, OfGptOssReadsSinksBiasesAndTheAlternatingWindow) {
  const ModelSpec model = parse_hf_config(R"({
    "model_type": "gpt_oss", "attention_bias": true, "head_dim": 64, "hidden_act": "silu",
    "hidden_size": 2880, "intermediate_size": 2880,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention",
                    "full_attention"],
    "num_attention_heads": 64, "num_experts_per_tok": 4, "num_hidden_layers": 4,
    "num_key_value_heads": 8, "num_local_experts": 32, "sliding_window": 128,
    "tie_word_embeddings": false, "vocab_size": 201088})",
                                          "config.json");
  ModelSpec named = find_model(std::string(PLUMBLINE_SOURCE_DIR) + "/models", "gpt_oss_20b");
  named.layers = 4;
  EXPECT_EQ(total(model), total(named));
  EXPECT_TRUE(model.is_windowed_layer(0));
  EXPECT_FALSE(model.is_windowed_layer(3));
}

TEST(HfConfig, OfTheFirstFalconsKnowsOneKeyHeadAndOneNorm) {
  // tiiuae/falcon-7b: 6,921,720,704 parameters on the hub.
  const ModelSpec model = parse_hf_config(R"({
    "model_type": "falcon", "alibi": false, "bias": false, "hidden_size": 4544,
    "multi_query": true, "new_decoder_architecture": false, "num_attention_heads": 71,
    "num_hidden_layers": 32, "parallel_attn": true, "vocab_size": 65024})",
                                          "config.json");
  EXPECT_EQ(total(model), 6'921'720'704);
}

TEST(HfConfig, OfAMultiModalModelReadsTheTextPartAndSaysSo) {
  const ModelSpec model = parse_hf_config(R"({
    "model_type": "kimi_k25", "vision_config": {"hidden_size": 1152},
    "text_config": {
      "model_type": "kimi_k2", "first_k_dense_replace": 1, "hidden_size": 7168,
      "intermediate_size": 18432, "kv_lora_rank": 512, "moe_intermediate_size": 2048,
      "n_routed_experts": 384, "n_shared_experts": 1, "num_attention_heads": 64,
      "num_experts_per_tok": 8, "num_hidden_layers": 61, "q_lora_rank": 1536,
      "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
      "vocab_size": 163840}})",
                                          "config.json");
  EXPECT_EQ(total(model), 1'026'408'232'448);
  EXPECT_THAT(model.source, HasSubstr("other towers left out"));
}

TEST(HfConfig, OfAnUnknownTypeListsTheKnownOnes) {
  const std::string problem = problem_of(R"({"model_type": "mamba2"})");
  EXPECT_THAT(problem, HasSubstr("config.json: model_type: 'mamba2' is not known here"));
  EXPECT_THAT(problem, HasSubstr("deepseek_v3"));
  EXPECT_THAT(problem, HasSubstr("qwen3_moe"));
}

TEST(HfConfig, ReportsEverythingThatIsMissingAtOnce) {
  const std::string problem =
      problem_of(R"({"model_type": "llama", "hidden_size": "wide", "num_hidden_layers": 2})");
  EXPECT_THAT(problem, HasSubstr("hidden_size: must be a whole number"));
  EXPECT_THAT(problem, HasSubstr("num_attention_heads: is missing"));
  EXPECT_THAT(problem, HasSubstr("vocab_size: is missing"));
}

TEST(HfConfig, RefusesWhatAModelSpecCannotSay) {
  const std::string head = R"({"model_type": "qwen3", "hidden_size": 64, "vocab_size": 10,
    "num_attention_heads": 2, "num_hidden_layers": 3, "intermediate_size": 64, )";
  EXPECT_THAT(problem_of(head + R"("layer_types": ["linear_attention"]})"),
              HasSubstr("linear_attention"));
  EXPECT_THAT(problem_of(head + R"("use_sliding_window": true, "sliding_window": 8,
    "layer_types": ["full_attention", "sliding_attention", "sliding_attention"]})"),
              HasSubstr("not every n-th"));
  EXPECT_THAT(problem_of("not json"), HasSubstr("is not a JSON object"));
}

TEST(HfConfig, KnowsItsTypesInAlphabeticalOrder) {
  const auto types = hf_model_types();
  EXPECT_TRUE(std::is_sorted(types.begin(), types.end()));
  EXPECT_EQ(std::count(types.begin(), types.end(), "mixtral"), 1);
}

}  // namespace
}  // namespace plumbline
