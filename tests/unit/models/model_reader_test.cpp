#include "models/model_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "models/parameters.h"

namespace plumbline {
namespace {

using testing::HasSubstr;

const std::string kModels = std::string(PLUMBLINE_SOURCE_DIR) + "/models";

struct Reading {
  ModelSpec model;
  std::string problems;
};

Reading resolve(const std::string& value) {
  Diagnostics problems;
  const YamlNode root = YamlNode::parse("model: " + value + "\n", "a.yaml", problems);
  Reading reading{resolve_model(root.child("model"), kModels, kModels), {}};
  for (const Diagnostic& d : problems.list()) reading.problems += to_string(d) + "\n";
  return reading;
}

TEST(Catalogue, HoldsOnlyModelsThatAreCompleteAndHaveASource) {
  const auto entries = list_models(kModels);
  EXPECT_GE(entries.size(), 30u);
  for (const ModelEntry& entry : entries) {
    EXPECT_FALSE(entry.model.source.empty()) << entry.path;
    EXPECT_GT(count_parameters(entry.model).total(), 1e8) << entry.path;
  }
}

TEST(Catalogue, NamesAndAliasesAreUnambiguous) {
  std::set<std::string> seen;
  for (const ModelEntry& entry : list_models(kModels)) {
    EXPECT_TRUE(seen.insert(entry.model.name).second) << entry.model.name;
    for (const std::string& alias : entry.aliases) {
      EXPECT_TRUE(seen.insert(alias).second) << alias;
      EXPECT_EQ(find_model(kModels, alias).name, entry.model.name);
    }
  }
}

TEST(Catalogue, FindsAModelInTheSpellingOfItsModelCard) {
  EXPECT_EQ(find_model(kModels, "Meta-Llama-3.1-8B").name, "llama3_8b");
  EXPECT_EQ(find_model(kModels, "Mixtral-8x7B").name, "mixtral_8x7b");
  EXPECT_EQ(find_model(kModels, "GPT-3").name, "gpt3_175b");
}

TEST(Catalogue, SuggestsTheNearestName) {
  const Reading reading = resolve("lama3_70b");
  EXPECT_THAT(reading.problems, HasSubstr("a.yaml:1:8"));
  EXPECT_THAT(reading.problems, HasSubstr("no model is called 'lama3_70b'"));
  EXPECT_THAT(reading.problems, HasSubstr("did you mean 'llama3_70b'?"));
}

TEST(InlineModel, OfTheSmallestKindTakesTheDefaultsOfAGpt) {
  const Reading reading =
      resolve("{layers: 24, hidden: 2048, heads: 16, vocab: 131072, activation: gelu}");
  EXPECT_EQ(reading.problems, "");
  EXPECT_EQ(reading.model.ffn, 4 * 2048);
  EXPECT_EQ(reading.model.kv_heads, 16);
  EXPECT_EQ(reading.model.head_dim, 128);
}

TEST(InlineModel, OverridesWhatItNamesOfItsBase) {
  const Reading reading = resolve("{base: llama3_70b, layers: 12, name: llama3_70b_l12}");
  EXPECT_EQ(reading.problems, "");
  EXPECT_EQ(reading.model.layers, 12);
  EXPECT_EQ(reading.model.hidden, 8192);
  EXPECT_EQ(reading.model.kv_heads, 8);
  EXPECT_EQ(reading.model.name, "llama3_70b_l12");
}

TEST(InlineModel, KeepsDerivedDimensionsDerivedWhenItWidensItsBase) {
  const Reading wider = resolve("{base: gpt3_175b, hidden: 14336, heads: 64, vocab: 250880}");
  EXPECT_EQ(wider.problems, "");
  EXPECT_EQ(wider.model.head_dim, 224);
  EXPECT_EQ(wider.model.kv_heads, 64);
  EXPECT_EQ(wider.model.ffn, 4 * 14336);
  // Qwen3-30B's heads are wider than hidden/heads and its KV heads are its own.
  const Reading own = resolve("{base: qwen3_30b_a3b, hidden: 4096, ffn: 8192}");
  EXPECT_EQ(own.model.head_dim, 128);
  EXPECT_EQ(own.model.kv_heads, 4);
}

TEST(InlineModel, OverridesPartOfAMixture) {
  const Reading reading = resolve("{base: deepseek_v2, layers: 4, moe: {first_dense_layers: 0}}");
  EXPECT_EQ(reading.problems, "");
  EXPECT_EQ(reading.model.moe_layers(), 4);
  EXPECT_EQ(reading.model.moe->experts, 160);
}

TEST(InlineModel, ReportsEveryProblemAtItsPlace) {
  const Reading reading = resolve(
      "{layers: 24, hiden: 2048, heads: 16, kv_heads: 5, activation: swilu, moe: {top_k: 2}}");
  for (const char* expected : {"model.hiden: unknown key", "did you mean 'hidden'?",
                               "model.hidden: is missing", "not a multiple of kv_heads (5)",
                               "did you mean 'swiglu'?", "model.vocab", "model.moe.experts"}) {
    EXPECT_THAT(reading.problems, HasSubstr(expected));
  }
}

TEST(InlineModel, OfAGatedKindMustStateItsWidth) {
  EXPECT_THAT(resolve("{layers: 2, hidden: 64, heads: 2, vocab: 100}").problems,
              HasSubstr("model.ffn: is missing"));
}

TEST(InlineModel, ReportsAnUnknownBaseOnceAndNotItsConsequences) {
  const Reading reading = resolve("{base: llama3_7b, layers: 12}");
  EXPECT_THAT(reading.problems, HasSubstr("model.base: no model is called 'llama3_7b'"));
  EXPECT_EQ(std::count(reading.problems.begin(), reading.problems.end(), '\n'), 1);
}

TEST(ModelPath, MayNameAYamlFileBesideTheScenario) {
  const Reading reading = resolve("llama3_8b.yaml");
  EXPECT_EQ(reading.problems, "");
  EXPECT_EQ(reading.model.layers, 32);
}

TEST(Mixture, BeginsAfterTheDenseLayersAndKeepsItsRhythm) {
  ModelSpec model = find_model(kModels, "deepseek_v3");
  EXPECT_FALSE(model.is_moe_layer(2));
  EXPECT_TRUE(model.is_moe_layer(3));
  EXPECT_EQ(model.moe_layers(), 58);
  model.moe->every = 2;
  EXPECT_FALSE(model.is_moe_layer(4));
  EXPECT_EQ(model.moe_layers(), 29);
}

TEST(SlidingWindow, LeavesEveryNthLayerWithFullAttention) {
  const ModelSpec model = find_model(kModels, "gpt_oss_120b");
  EXPECT_TRUE(model.is_windowed_layer(0));
  EXPECT_FALSE(model.is_windowed_layer(1));
  EXPECT_TRUE(find_model(kModels, "mistral_7b").is_windowed_layer(1));
  EXPECT_FALSE(find_model(kModels, "llama3_8b").is_windowed_layer(0));
}

}  // namespace
}  // namespace plumbline
