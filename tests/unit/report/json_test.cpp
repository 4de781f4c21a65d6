#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/report/report.h"
#include "tests/unit/report/example_step.h"

namespace plumbline {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& item : object.items()) names.push_back(item.key());
  return names;
}

/// Whether `promised` are the first keys of the object, in that order.
void expect_begins_with(const Json& object, const std::vector<std::string>& promised) {
  std::vector<std::string> found = keys(object);
  ASSERT_GE(found.size(), promised.size());
  found.resize(promised.size());
  EXPECT_EQ(found, promised);
}

TEST(ResultJson, HasTheKeysOfTheDocumentInTheirOrder) {
  const Json json = Json::parse(to_json(example_step().result));

  EXPECT_EQ(keys(json),
            (std::vector<std::string>{"schema", "scenario", "fits", "assumptions",
                                      "outside_calibration", "training", "cost", "engine"}));
  EXPECT_EQ(json["schema"], "plumbline.result/1");
  EXPECT_EQ(keys(json["outside_calibration"]),
            (std::vector<std::string>{"share_of_time", "operations"}));
  expect_begins_with(json["engine"], {"tasks", "executor", "wall_s"});
  expect_begins_with(
      json["training"],
      {"iteration_time_s", "iteration_time_interval_s", "samples_per_s", "tokens_per_s",
       "tokens_per_s_per_gpu", "model_tflops_per_gpu", "hardware_tflops_per_gpu", "mfu", "hfu",
       "bubble_fraction", "bubble_overhead", "span_idle_fraction", "lower_bound_s", "breakdown_s",
       "peak_memory_bytes", "ranks"});
  EXPECT_EQ(keys(json["training"]["breakdown_s"]),
            (std::vector<std::string>{"compute", "recompute", "tensor_comm", "context_comm",
                                      "pipeline_comm", "data_comm", "expert_comm", "bubble", "host",
                                      "optimizer"}));
}

TEST(ResultJson, SaysOfEachRankWhatItHoldsHowItSpendsItsTimeAndItsMemory) {
  const Json rank = Json::parse(to_json(example_step().result))["training"]["ranks"][0];

  expect_begins_with(rank, {"pipeline_rank", "layers", "stages", "busy_s", "idle_s",
                            "idle_by_cause_s", "peak_memory_bytes", "memory_bytes"});
  EXPECT_EQ(keys(rank["memory_bytes"]),
            (std::vector<std::string>{"weights", "gradients", "optimizer", "activations", "logits",
                                      "communication", "workspace", "framework"}));
  EXPECT_EQ(rank["peak_operation"], "0B0");
}

TEST(ResultJson, GivesLayersHalfOpenOfTheFirstChunkAndStagesOfAll) {
  const ExampleStep example =
      example_step({.schedule = "interleaved_1f1b", .ranks = 2, .chunks = 2, .microbatches = 4});
  const Json rank = Json::parse(to_json(example.result))["training"]["ranks"][1];

  EXPECT_EQ(rank["layers"], Json({2, 4}));  // stage 1 of four stages of two layers each
  ASSERT_EQ(rank["stages"].size(), 2u);
  EXPECT_EQ(rank["stages"][0]["stage"], 1);
  EXPECT_EQ(rank["stages"][0]["layers"], Json({2, 4}));
  EXPECT_EQ(rank["stages"][1]["stage"], 3);
  EXPECT_EQ(rank["stages"][1]["layers"], Json({6, 8}));
}

TEST(ResultJson, ReadsBackToTheVeryNumbersOfTheResult) {
  const Result result = example_step().result;
  const Json json = Json::parse(to_json(result));

  EXPECT_EQ(json["training"]["iteration_time_s"].get<double>(), result.training.iteration_time_s);
  EXPECT_EQ(json["training"]["tokens_per_s"].get<double>(), result.training.tokens_per_s);
  double causes = 0;
  for (const auto& cause : json["training"]["ranks"][2]["memory_bytes"].items()) {
    causes += cause.value().get<double>();
  }
  EXPECT_DOUBLE_EQ(causes, json["training"]["ranks"][2]["peak_memory_bytes"].get<double>());
}

TEST(ResultJson, IsTheSameTextForTheSameResult) {
  EXPECT_EQ(to_json(example_step().result), to_json(example_step().result));
}

TEST(ResultJson, WritesTheIntervalWhereThereIsOneAndNullWhereNoneWasComputed) {
  Result result = example_step().result;
  EXPECT_TRUE(Json::parse(to_json(result))["training"]["iteration_time_interval_s"].is_null());

  result.training.iteration_time_interval_s = {1.5, 1.75};
  EXPECT_EQ(Json::parse(to_json(result))["training"]["iteration_time_interval_s"],
            Json({1.5, 1.75}));
}

TEST(ResultJson, HoldsEveryRankOfALongPipelineAndNoneOfAnEmptyResult) {
  EXPECT_EQ(Json::parse(to_json(
                example_step({.ranks = 64, .microbatches = 64}).result))["training"]["ranks"]
                .size(),
            64u);
  const Json empty = Json::parse(to_json(Result{}));
  EXPECT_TRUE(empty["training"]["ranks"].empty());
  EXPECT_TRUE(empty["training"]["critical_path"].empty());
}

}  // namespace
}  // namespace plumbline
