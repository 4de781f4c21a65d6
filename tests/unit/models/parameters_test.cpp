#include "models/parameters.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "models/model_reader.h"

namespace plumbline {
namespace {

ModelSpec named(const std::string& name) {
  return find_model(std::string(PLUMBLINE_SOURCE_DIR) + "/models", name);
}

struct PublishedCount {
  const char* model;
  std::int64_t parameters;  ///< of the checkpoint on the Hugging Face hub
};

class PublishedCounts : public testing::TestWithParam<PublishedCount> {};

TEST_P(PublishedCounts, ComeOutToTheLastParameter) {
  EXPECT_EQ(count_parameters(named(GetParam().model)).total(), GetParam().parameters);
}

// Llama-2's checkpoints hold 64 rotary frequencies per layer more, which are not parameters.
INSTANTIATE_TEST_SUITE_P(
    OfTheHub, PublishedCounts,
    testing::Values(
        PublishedCount{"llama2_7b", 6'738'415'616}, PublishedCount{"llama2_13b", 13'015'864'320},
        PublishedCount{"llama2_70b", 68'976'648'192}, PublishedCount{"llama3_1b", 1'235'814'400},
        PublishedCount{"llama3_8b", 8'030'261'248}, PublishedCount{"llama3_70b", 70'553'706'496},
        PublishedCount{"llama3_405b", 405'853'388'800}, PublishedCount{"mistral_7b", 7'241'732'096},
        PublishedCount{"mixtral_8x7b", 46'702'792'704},
        PublishedCount{"mixtral_8x22b", 140'620'634'112},
        PublishedCount{"qwen2_5_7b", 7'615'616'512}, PublishedCount{"qwen2_5_32b", 32'763'876'352},
        PublishedCount{"qwen2_5_72b", 72'706'203'648}, PublishedCount{"qwen3_0_6b", 596'049'920},
        PublishedCount{"qwen3_1_7b", 1'720'574'976}, PublishedCount{"qwen3_8b", 8'190'735'360},
        PublishedCount{"qwen3_32b", 32'762'123'264},
        PublishedCount{"qwen3_30b_a3b", 30'532'122'624},
        PublishedCount{"qwen3_235b_a22b", 235'093'634'560},
        PublishedCount{"qwen3_coder_480b_a35b", 480'154'875'392},
        PublishedCount{"deepseek_v2_lite", 15'706'484'224},
        PublishedCount{"deepseek_v2", 235'741'434'880},
        PublishedCount{"deepseek_v3", 671'026'419'200},
        PublishedCount{"kimi_k2", 1'026'408'232'448}, PublishedCount{"gemma2_27b", 27'227'128'320},
        PublishedCount{"phi3_mini", 3'821'079'552}, PublishedCount{"gpt2_124m", 124'439'808},
        PublishedCount{"gpt2_1_5b", 1'557'611'200}, PublishedCount{"gpt_neox_20b", 20'554'567'680},
        PublishedCount{"bloom_176b", 176'247'271'424}),
    [](const auto& info) { return std::string(info.param.model); });

struct PrintedSize {
  const char* model;
  double billions;   ///< as a paper prints it
  double tolerance;  ///< half a unit of the last printed digit
};

class PrintedSizes : public testing::TestWithParam<PrintedSize> {};

TEST_P(PrintedSizes, AgreeToTheDigitsThatArePrinted) {
  const double total = static_cast<double>(count_parameters(named(GetParam().model)).total());
  EXPECT_NEAR(total / 1e9, GetParam().billions, GetParam().tolerance);
}

INSTANTIATE_TEST_SUITE_P(
    OfThePapers, PrintedSizes,
    testing::Values(
        PrintedSize{"gpt3_175b", 174.6, 0.05},  // SC21, section 5
        PrintedSize{"gpt_1_7b", 1.7, 0.05}, PrintedSize{"gpt_3_6b", 3.6, 0.05},
        PrintedSize{"gpt_7_5b", 7.5, 0.05}, PrintedSize{"gpt_18_4b", 18.4, 0.06},
        PrintedSize{"gpt_39_1b", 39.1, 0.05}, PrintedSize{"gpt_76_1b", 76.1, 0.05},
        PrintedSize{"gpt_145_6b", 145.6, 0.05}, PrintedSize{"gpt_310_1b", 310.1, 0.05},
        PrintedSize{"mt_nlg_530b", 529.6, 0.05}, PrintedSize{"gpt_1t", 1008.0, 0.5},
        PrintedSize{"palm_540b", 540.35, 0.01}, PrintedSize{"gpt_oss_120b", 116.83, 0.005},
        PrintedSize{"gpt_oss_20b", 20.91, 0.005}, PrintedSize{"qwen3_30b_a3b", 30.53, 0.005},
        PrintedSize{"nemotron4_15b", 15.6, 0.05}, PrintedSize{"nemotron4_340b", 341.0, 0.1},
        PrintedSize{"falcon_180b", 179.5, 0.05}),
    [](const auto& info) { return std::string(info.param.model); });

TEST(Parameters, OfAGptFollowTheFormulaOfNarayananEtAl) {
  // 12*L*h*h*(1 + 13/12h + (V+s)/12Lh), without the last LayerNorm's 2h.
  for (const char* name : {"gpt3_175b", "gpt_18_4b", "gpt_1t"}) {
    const ModelSpec m = named(name);
    const ParameterCounts counts = count_parameters(m);
    const std::int64_t formula = 12 * m.layers * m.hidden * m.hidden + 13 * m.layers * m.hidden +
                                 (m.vocab + m.max_positions) * m.hidden;
    EXPECT_EQ(counts.total() - counts.final_norm, formula) << name;
  }
}

TEST(Parameters, OfGPipesTransformersAreAsInItsTable1) {
  // Huang et al., arXiv:1811.06965, table 1: L layers, hidden 2048, feed-forward 8192, 32 heads, a
  // vocabulary of 32k; "12 bytes per parameter" in GiB.  Of Naive-1 the table has the two memories
  // the wrong way round: 3.15 is the one of the parameters.
  struct Row {
    std::int64_t layers;
    double parameters, gib;  // as printed
  };
  for (const Row& row : {Row{3, 282.2e6, 3.15}, Row{13, 785.8e6, 8.8}, Row{103, 5.3e9, 59.5},
                         Row{415, 21.0e9, 235.1}, Row{1663, 83.9e9, 937.9}}) {
    ModelSpec m;
    m.layers = row.layers;
    m.hidden = 2048;
    m.heads = m.kv_heads = 32;
    m.head_dim = 64;
    m.ffn = 8192;
    m.vocab = 32000;
    m.activation = Activation::kRelu;
    m.normalization = Normalization::kLayerNorm;
    m.positions = Positions::kNone;
    m.qkv_bias = m.attention_output_bias = m.mlp_bias = true;
    const auto total = static_cast<double>(count_parameters(m).total());
    EXPECT_NEAR(total / row.parameters, 1.0, 0.004) << row.layers;
    EXPECT_NEAR(12 * total / (1 << 30) / row.gib, 1.0, 0.003) << row.layers;
  }
}

TEST(Parameters, OfDeepSeekV3AreMadeOfTheseParts) {
  const ModelSpec m = named("deepseek_v3");
  const LayerParameters moe = layer_parameters(m, true);
  // q: h*1536 + 1536 + 1536*128*192; kv: h*576 + 512 + 512*128*256; output: 128*128*h.
  EXPECT_EQ(moe.attention, 187'107'328);
  EXPECT_EQ(moe.experts, 256LL * 3 * 7168 * 2048);
  EXPECT_EQ(moe.shared_experts, 3LL * 7168 * 2048);
  EXPECT_EQ(moe.router, 256 * 7168 + 256);
  EXPECT_EQ(layer_parameters(m, false).mlp, 3LL * 7168 * 18432);
  // Model card: 37 B active; README_WEIGHTS.md: 11.5 B of the MTP module are its own.
  EXPECT_NEAR(static_cast<double>(active_parameters(m)) / 1e9, 37.0, 0.6);
  EXPECT_NEAR(static_cast<double>(count_parameters(m).mtp) / 1e9, 11.5, 0.12);
}

TEST(Parameters, ThatAreActiveAgreeWithTheModelCards) {
  EXPECT_NEAR(static_cast<double>(active_parameters(named("mixtral_8x7b"))) / 1e9, 12.9, 0.05);
  EXPECT_NEAR(static_cast<double>(active_parameters(named("qwen3_30b_a3b"))) / 1e9, 3.3, 0.06);
  EXPECT_NEAR(static_cast<double>(active_parameters(named("qwen3_235b_a22b"))) / 1e9, 22.0, 0.5);
  EXPECT_NEAR(static_cast<double>(active_parameters(named("deepseek_v2"))) / 1e9, 21.0, 0.5);
  EXPECT_EQ(active_parameters(named("llama3_8b")), 8'030'261'248);
}

TEST(KvCache, HoldsTwoHeadsWorthPerLayerOrTheCompressedLatent) {
  EXPECT_EQ(kv_bytes_per_token(named("llama3_70b")).base(), 2.0 * 80 * 2 * 8 * 128);
  EXPECT_EQ(kv_bytes_per_token(named("deepseek_v3")).base(), 2.0 * 61 * (512 + 64));
  EXPECT_EQ(kv_bytes_per_token(named("llama3_70b"), 1.0).base(), 80.0 * 2 * 8 * 128);
}

TEST(Vocabulary, IsPaddedToAMultipleOf128PerTensorRank) {
  EXPECT_EQ(padded_vocab(50257, 1), 50304);
  EXPECT_EQ(padded_vocab(50257, 8), 51200);  // SC21's V
  EXPECT_EQ(padded_vocab(51200, 8), 51200);
}

}  // namespace
}  // namespace plumbline
