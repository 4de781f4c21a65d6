#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/report/report.h"
#include "tests/unit/report/example_step.h"

namespace plumbline {
namespace {

using testing::HasSubstr;

constexpr double kGib = 1073741824.0;

/// A: 10 s, of which 8 compute and 2 bubble.  B: 9 s, of which 8.5 compute and 0.5 bubble.
Result result_with(double compute, double bubble, double activations_gib) {
  Result result;
  result.training.iteration_time_s = compute + bubble;
  result.training.breakdown.compute = compute;
  result.training.breakdown.bubble = bubble;
  RankResult rank;
  rank.peak.weights = Bytes(10 * kGib);
  rank.peak.activations = Bytes(activations_gib * kGib);
  result.training.peak_memory_bytes = rank.peak.total().base();
  result.training.ranks = {rank};
  return result;
}

TEST(Compare, AttributesTheWholeDifferenceToPartsAndCauses) {
  const Result a = result_with(8, 2, 20), b = result_with(8.5, 0.5, 25);
  const NamedResult runs[] = {{"a", &a}, {"b", &b}};
  const auto json = nlohmann::json::parse(compare_json(runs));

  const auto& difference = json["runs"][1]["difference"];
  EXPECT_DOUBLE_EQ(difference["iteration_time_s"].get<double>(), -1);
  EXPECT_DOUBLE_EQ(difference["breakdown_s"]["bubble"].get<double>(), -1.5);
  EXPECT_DOUBLE_EQ(difference["breakdown_s"]["compute"].get<double>(), 0.5);
  double parts = 0, causes = 0;
  for (const auto& part : difference["breakdown_s"]) parts += part.get<double>();
  for (const auto& cause : difference["memory_bytes"]) causes += cause.get<double>();
  EXPECT_DOUBLE_EQ(parts, difference["iteration_time_s"].get<double>());
  EXPECT_DOUBLE_EQ(causes, difference["peak_memory_bytes"].get<double>());
  EXPECT_DOUBLE_EQ(causes, 5 * kGib);
}

TEST(Compare, TellsBubbleAndHopsByCauseWithoutARest) {
  const ExampleStep a = example_step({.schedule = "1f1b", .last_stage_factor = 1.3}),
                    b = example_step({.schedule = "gpipe", .hop_s = 0.005});
  const NamedResult runs[] = {{"a", &a.result}, {"b", &b.result}};
  const auto json = nlohmann::json::parse(compare_json(runs));
  const auto& difference = json["runs"][1]["difference"];
  double causes = 0;
  for (const auto& cause : difference["idle_by_cause_s"]) causes += cause.get<double>();
  const double parts = difference["breakdown_s"]["bubble"].get<double>() +
                       difference["breakdown_s"]["pipeline_comm"].get<double>();
  EXPECT_NEAR(causes, parts, 1e-9 * a.result.training.iteration_time_s);
  EXPECT_GT(std::abs(difference["idle_by_cause_s"]["drain"].get<double>()), 0.001);
  EXPECT_THAT(compare_table(runs), HasSubstr("drain"));
}

TEST(Compare, SaysInASentenceWhatMadeTheDifference) {
  const Result a = result_with(8, 2, 20), b = result_with(8.5, 0.5, 20);
  const NamedResult runs[] = {{"1F1B", &a}, {"zero bubble", &b}};
  EXPECT_THAT(compare_table(runs),
              HasSubstr("zero bubble: the step is 10.0 % shorter than 1F1B's: bubble -1.500 s, "
                        "compute +500.0 ms."));
}

TEST(Compare, PutsAnyNumberOfRunsSideBySide) {
  const Result a = result_with(8, 2, 20), b = result_with(8.5, 0.5, 25), c = result_with(8, 2, 20);
  const NamedResult runs[] = {{"first", &a}, {"second", &b}, {"third", &c}};
  const std::string table = compare_table(runs, {.width = 120});
  EXPECT_THAT(table, HasSubstr("first"));
  EXPECT_THAT(table, HasSubstr("second"));
  EXPECT_THAT(table, HasSubstr("bubble    2.00    0.50  -1.50   2.00  0"));
  EXPECT_THAT(table, HasSubstr("activations  20.00   25.00  +5.00  20.00  0"));
  EXPECT_THAT(table, HasSubstr("third: the step is as long as first's."));
}

TEST(Compare, CallsRunsByLettersWhereTheirNamesAreLong) {
  const Result a = result_with(8, 2, 20), b = result_with(8.5, 0.5, 25);
  const NamedResult runs[] = {{"GPT-3 175B, 8-way pipeline on 64 A100", &a}, {"short", &b}};
  const std::string table = compare_table(runs);
  EXPECT_THAT(table, HasSubstr("  A  GPT-3 175B, 8-way pipeline on 64 A100\n  B  short\n"));
  EXPECT_THAT(table, HasSubstr("B: the step is 10.0 % shorter than A's"));
}

TEST(Compare, NeedsNoRanksToCompareTimes) {
  const Result empty;
  const NamedResult runs[] = {{"a", &empty}, {"b", &empty}};
  EXPECT_THAT(compare_table(runs), HasSubstr("step"));
}

}  // namespace
}  // namespace plumbline
