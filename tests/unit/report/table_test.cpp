#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>

#include "sim/report/explain.h"
#include "sim/report/report.h"
#include "sim/report/text.h"
#include "tests/unit/report/example_step.h"

namespace plumbline {
namespace {

using testing::HasSubstr;
using testing::Not;

int widest_line(const std::string& text) {
  std::istringstream lines(text);
  int widest = 0;
  for (std::string line; std::getline(lines, line);) {
    widest = std::max(widest, display_width(line));
  }
  return widest;
}

/// Four ranks and eight micro-batches with F = 1 s, B = 2 s and free hops: (M + P - 1) · 3 s =
/// 33 s, of which each rank is idle for (P - 1) · 3 s = 9 s.
ExampleStep round_numbers() {
  return example_step(
      {.ranks = 4, .microbatches = 8, .forward_s = 1.0, .hop_s = 0.0, .data_parallel = false});
}

TEST(Table, OpensWithTheFactsOfTheStep) {
  const std::string table = to_table(round_numbers().result);
  EXPECT_THAT(table, HasSubstr("An example: 1f1b on 4 ranks"));
  EXPECT_THAT(table, HasSubstr("33.00 s"));
  EXPECT_THAT(table, HasSubstr("3,972 tokens/s"));  // 8 · 8 · 2048 / 33
  EXPECT_THAT(table, HasSubstr("on 32 GPUs"));
  EXPECT_THAT(table, HasSubstr("MFU 45.0 %"));
  EXPECT_THAT(table, HasSubstr("27.3 % of the compute phase is idle"));  // 9 / 33
  EXPECT_THAT(table, HasSubstr("fits: 49.2 of 79.1 GiB on the fullest rank, 29.9 GiB to spare"));
}

TEST(Table, SharesTheStepOutAmongItsParts) {
  const std::string table = to_table(round_numbers().result);
  EXPECT_THAT(table, HasSubstr("compute      21.60 s  65.5 %"));  // 0.9 · 24
  EXPECT_THAT(table, HasSubstr("bubble        9.00 s  27.3 %"));
  EXPECT_THAT(table, HasSubstr("tensor comm   2.40 s   7.3 %"));
  EXPECT_THAT(table, Not(HasSubstr("expert comm")));  // there is none
}

TEST(Table, SaysByHowMuchAPlanDoesNotFitAndWhatFillsTheMemory) {
  Result result = round_numbers().result;
  result.training.usable_memory_bytes = 48.0 * 1073741824;
  result.fits = false;
  const std::string table = to_table(result);
  EXPECT_THAT(table,
              HasSubstr("DOES NOT FIT: 49.2 of 48.0 GiB on the fullest rank, 1.2 GiB too much"));
  EXPECT_THAT(table, HasSubstr("1 of 4 ranks need more memory than there is; rank 0 peaks at 0B0"));
}

TEST(Table, NamesTheRankThatHoldsTheOthersUp) {
  const Result result = example_step({.last_stage_factor = 1.2}).result;
  EXPECT_THAT(observations(result),
              testing::Contains(HasSubstr("Rank 3, which holds the vocabulary head and the loss, "
                                          "works 20.0 % longer than the median rank")));
}

TEST(Table, NamesTheRanksThatHaveLessToDo) {
  Result result = round_numbers().result;
  result.training.ranks[0].busy_s *= 0.5;
  EXPECT_THAT(observations(result),
              testing::Contains("Rank 0 has 50 % of the median rank's work and idles for it."));
  result.training.ranks[1].busy_s *= 0.5;
  result.training.ranks.resize(3);
  result.training.ranks.push_back(result.training.ranks[2]);
  result.training.ranks.push_back(result.training.ranks[2]);
  EXPECT_THAT(observations(result),
              testing::Contains(HasSubstr("Ranks 0 and 1 have down to 50 %")));
}

TEST(Table, SumsALongCriticalPathUpByKind) {
  Result result = round_numbers().result;
  result.training.critical_path.clear();
  for (int rank = 0; rank < 10; ++rank) {
    result.training.critical_path.push_back({"F on rank " + std::to_string(rank), 3.0, 1});
    result.training.critical_path.push_back({"transfer " + std::to_string(rank), 1.0, 1});
  }
  EXPECT_THAT(to_table(result), HasSubstr("together: F 75.0 %, transfer 25.0 %"));
}

TEST(Table, ListsWhatTheAnswerRestsOn) {
  Result result = round_numbers().result;
  result.outside_calibration = {0.125, {"gemm_fp8 m=1"}};
  const std::string table = to_table(result);
  EXPECT_THAT(table,
              HasSubstr("12.5 % of the busy time is priced outside measured ranges: gemm_fp8"));
  EXPECT_THAT(table, HasSubstr("tensor_overlap: none"));
  EXPECT_THAT(table, HasSubstr("GEMM 10 % faster"));
  EXPECT_THAT(table, HasSubstr("F on rank 0"));
}

TEST(Table, KeepsToItsWidth) {
  for (const int width : {60, 80, 100, 160}) {
    for (const int ranks : {1, 4, 64}) {
      const Result result = example_step({.ranks = ranks, .microbatches = 64}).result;
      EXPECT_LE(widest_line(to_table(result, {.width = width})), width) << ranks << " ranks";
    }
  }
}

TEST(Table, ElidesTheMiddleOfALongPipelineButKeepsTheRanksThatStandOut) {
  Result result = example_step({.ranks = 64, .microbatches = 64}).result;
  result.training.ranks[29].busy_s *= 2;  // the busiest
  const std::string table = to_table(result);
  EXPECT_THAT(table, HasSubstr("more"));
  EXPECT_THAT(table, HasSubstr("\n    29  "));
  EXPECT_THAT(table, HasSubstr("\n    63  "));
  EXPECT_THAT(table, Not(HasSubstr("\n    28  ")));
}

TEST(Table, HasColourOnlyWhenAsked) {
  const Result result = round_numbers().result;
  EXPECT_THAT(to_table(result), Not(HasSubstr("\x1b[")));
  EXPECT_THAT(to_table(result, {.colour = true}), HasSubstr("\x1b["));
}

TEST(Table, IsPlainAsciiWhenAsked) {
  const std::string table = to_table(round_numbers().result, {.ascii = true});
  EXPECT_TRUE(
      std::ranges::all_of(table, [](char c) { return static_cast<unsigned char>(c) < 128; }));
}

TEST(Table, LeavesOutWhatAResultDoesNotHave) {
  Result result = example_step({.ranks = 1}).result;
  result.training.critical_path.clear();
  result.training.sensitivities.clear();
  result.assumptions.clear();
  const std::string table = to_table(result);
  for (const char* title : {"Critical path", "What would help", "Assumed", "Outside"}) {
    EXPECT_THAT(table, Not(HasSubstr(title)));
  }
  EXPECT_THAT(to_table(Result{}), HasSubstr("Training step"));
}

}  // namespace
}  // namespace plumbline
