#include "sim/report/validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace plumbline {
namespace {

using testing::HasSubstr;

/// Predictions with errors +10 %, -20 %, +30 % and, outside the summary, +100 %.
std::vector<ValidationRow> rows() {
  return {{"a.yaml", "Narayanan et al.", true, "iteration_time_s", 10, 11},
          {"b.yaml", "Narayanan et al.", true, "iteration_time_s", 10, 8},
          {"c.yaml", "own cluster", true, "iteration_time_s", 10, 13},
          {"d.yaml", "own cluster", false, "iteration_time_s", 10, 20},
          {"a.yaml", "Narayanan et al.", true, "peak_memory_gib", 50, 51}};
}

TEST(Percentile, InterpolatesBetweenOrderStatistics) {
  EXPECT_DOUBLE_EQ(percentile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(percentile({1, 2, 3, 4, 5}, 0.5), 3);
  EXPECT_DOUBLE_EQ(percentile({0, 10}, 0.9), 9);
  EXPECT_DOUBLE_EQ(percentile({1, 2, 3, 4, 5}, 0.9), 4.6);  // position 3.6
  EXPECT_DOUBLE_EQ(percentile({7}, 0.9), 7);
  EXPECT_DOUBLE_EQ(percentile({3, 1, 2}, 0), 1);
  EXPECT_DOUBLE_EQ(percentile({3, 1, 2}, 1), 3);
}

TEST(Validation, ErrorIsRelativeAndSigned) {
  EXPECT_DOUBLE_EQ((ValidationRow{"", "", true, "", 10, 8, {}}.error()), -0.2);
}

TEST(Validation, SummarisesAbsoluteErrorsAndTheMedianOfTheSignedOnes) {
  const ErrorStatistics s = summarize(rows()).by_metric.at("iteration_time_s");
  EXPECT_EQ(s.n, 3);  // the run with gate: false is not among them
  EXPECT_NEAR(s.mean_abs_error, 0.2, 1e-12);
  EXPECT_NEAR(s.median_abs_error, 0.2, 1e-12);
  EXPECT_NEAR(s.p90_abs_error, 0.28, 1e-12);  // 0.2 + 0.8 · 0.1
  EXPECT_NEAR(s.bias, 0.1, 1e-12);
}

TEST(Validation, SummarisesEachSourceByItself) {
  const ValidationSummary summary = summarize(rows());
  EXPECT_EQ(summary.by_source.at("Narayanan et al.").at("iteration_time_s").n, 2);
  EXPECT_DOUBLE_EQ(summary.by_source.at("own cluster").at("iteration_time_s").bias, 13.0 / 10 - 1);
  EXPECT_EQ(error_statistics({}).n, 0);
}

TEST(ValidationJson, HasTheRunsTheSummaryAndTheSources) {
  const auto json = nlohmann::json::parse(validation_json(rows()));
  ASSERT_EQ(json["runs"].size(), 5u);
  const auto& run = json["runs"][3];
  EXPECT_EQ(run["file"], "d.yaml");
  EXPECT_EQ(run["source"], "own cluster");
  EXPECT_EQ(run["gate"], false);
  EXPECT_EQ(run["metric"], "iteration_time_s");
  EXPECT_EQ(run["measured"], 10);
  EXPECT_EQ(run["predicted"], 20);
  EXPECT_EQ(run["error"], 1.0);
  for (const char* key : {"n", "mean_abs_error", "median_abs_error", "p90_abs_error", "bias"}) {
    EXPECT_TRUE(json["summary"]["iteration_time_s"].contains(key)) << key;
  }
  EXPECT_EQ(json["summary"]["peak_memory_gib"]["n"], 1);
  EXPECT_EQ(json["by_source"]["own cluster"]["iteration_time_s"]["n"], 1);
}

TEST(ValidationTable, MarksTheRunsThatDoNotCount) {
  const std::string table = validation_table(rows());
  EXPECT_THAT(table, HasSubstr("(+100.0 %)"));
  EXPECT_THAT(table, HasSubstr("-20.0 %"));
  EXPECT_LT(table.find("\n  d "), table.find("\n  c "));  // worst first
  EXPECT_NE(table.find("\n  c "), std::string::npos);
  EXPECT_THAT(table, HasSubstr("own cluster"));
  EXPECT_THAT(validation_table({}), HasSubstr("No scenario with a measured: block"));
}

TEST(Intervals, CountWhatLiesInsideAndChargeWidthAndDistance) {
  // Width 2 around 10, once hit and once missed by 1 of 12: alpha = 0.1, so the miss costs 20.
  ValidationRow hit{"a.yaml", "s", true, "iteration_time_s", 10, 10, {{9, 11}}};
  ValidationRow miss{"b.yaml", "s", true, "iteration_time_s", 12, 10, {{9, 11}}};
  ValidationRow none{"c.yaml", "s", true, "bubble_fraction", 1, 1, {}};
  const std::vector<const ValidationRow*> all{&hit, &miss, &none};
  const IntervalStatistics s = interval_statistics(all, 0.9);
  EXPECT_EQ(s.n, 2);
  EXPECT_DOUBLE_EQ(s.coverage, 0.5);
  EXPECT_DOUBLE_EQ(s.median_half_width, 0.1);
  EXPECT_NEAR(s.score, (2.0 / 10 + (2 + 20.0) / 12) / 2, 1e-12);
  const std::vector<ValidationRow> rows{hit, miss, none};
  const auto json = nlohmann::json::parse(validation_json(rows));
  EXPECT_EQ(json["runs"][1]["interval"], nlohmann::json({9, 11}));
  EXPECT_FALSE(json["runs"][2].contains("interval"));
  EXPECT_DOUBLE_EQ(json["intervals"]["all"]["coverage"], 0.5);
  EXPECT_EQ(json["intervals"]["by_source"]["s"]["n"], 2);
  EXPECT_THAT(validation_table(rows), HasSubstr("50.0 % of 2 measurements lie inside"));
}

}  // namespace
}  // namespace plumbline
