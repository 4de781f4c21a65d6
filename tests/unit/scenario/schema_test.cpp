#include "sim/scenario/schema.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "sim/scenario/keys.h"

namespace plumbline {
namespace {

using nlohmann::json;

json schema() {
  const std::string_view schedules[] = {"1f1b", "gpipe"};
  const std::string_view software[] = {"megatron_core_2025"};
  return json::parse(scenario_schema(schedules, software));
}

/// The schema of a mapping, where a key may also be written another way.
const json* mapping_in(const json& node) {
  if (node.contains("properties")) return &node;
  if (!node.contains("anyOf")) return nullptr;
  for (const json& way : node.at("anyOf")) {
    if (way.contains("properties")) return &way;
  }
  return nullptr;
}

TEST(Schema, HasEveryKeyOfTheTableWithADescription) {
  const json whole = schema();
  for (const Key& key : all_keys()) {
    const json* here = &whole;
    std::stringstream path{std::string(key.path)};
    for (std::string name; std::getline(path, name, '.');) {
      const json* mapping = mapping_in(*here);
      ASSERT_NE(mapping, nullptr) << key.path;
      ASSERT_TRUE(mapping->at("properties").contains(name)) << key.path;
      here = &mapping->at("properties").at(name);
    }
    const json& way = here->contains("anyOf") ? here->at("anyOf").at(0) : *here;
    EXPECT_FALSE(way.at("description").get<std::string>().empty()) << key.path;
  }
}

TEST(Schema, RefusesUnknownKeysAndAsksForTheRequiredOnes) {
  const json whole = schema();
  EXPECT_EQ(whole.at("additionalProperties"), false);
  EXPECT_EQ(whole.at("required"), json({"model", "cluster"}));
  EXPECT_EQ(whole.at("oneOf"),
            json::parse(R"([{"required": ["training"]}, {"required": ["serving"]}])"));
  EXPECT_EQ(whole.at("properties").at("training").at("required"),
            json({"sequence_length", "global_batch_size"}));
}

TEST(Schema, StatesDefaultsRangesAndWords) {
  const json training = schema().at("properties").at("training").at("properties");
  EXPECT_EQ(training.at("precision").at("default"), "bf16");
  EXPECT_EQ(training.at("precision").at("enum"),
            json({"bf16", "fp16", "fp32", "fp8", "mxfp8", "nvfp4"}));
  EXPECT_EQ(training.at("micro_batch_size").at("default"), 1);
  EXPECT_EQ(training.at("micro_batch_size").at("minimum"), 1);
  EXPECT_EQ(training.at("layers_per_stage").at("anyOf").at(1).at("type"), "array");
  EXPECT_EQ(training.at("recompute").at("anyOf").at(0).at("enum").at(1), "selective");
}

TEST(Schema, CompletesTheNamesOfSchedulesAndSoftware) {
  const json properties = schema().at("properties");
  EXPECT_EQ(properties.at("schedule").at("anyOf").at(0).at("examples"), json({"1f1b", "gpipe"}));
  EXPECT_EQ(properties.at("training").at("properties").at("software").at("examples"),
            json({"megatron_core_2025"}));
}

TEST(KeyTable, EveryDefaultIsAmongTheWordsOrInsideTheRange) {
  for (const Key& key : all_keys()) {
    if (key.fallback.empty()) continue;
    if (key.type == KeyType::kWord) {
      EXPECT_NE(std::ranges::find(key.words, key.fallback), key.words.end()) << key.path;
    }
    if (key.type == KeyType::kInteger || key.type == KeyType::kNumber) {
      const double value = std::stod(std::string(key.fallback));
      EXPECT_GE(value, key.low) << key.path;
      EXPECT_LE(value, key.high) << key.path;
    }
  }
}

TEST(KeyTable, HoldsAKeyOncePerWayOfWritingIt) {
  std::set<std::pair<std::string_view, KeyType>> seen;
  for (const Key& key : all_keys()) {
    EXPECT_TRUE(seen.emplace(key.path, key.type).second) << key.path;
    EXPECT_TRUE(key.doc.ends_with('.')) << key.path;
  }
}

TEST(KeyTable, IsWhatTheReadmeSays) {
  std::ifstream file(std::string(PLUMBLINE_SOURCE_DIR) + "/sim/scenario/README.md");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), scenario_reference())
      << "plumbline schema --format markdown > sim/scenario/README.md";
}

}  // namespace
}  // namespace plumbline
