#include "sim/core/diagnostic.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace plumbline {
namespace {

Diagnostic diagnostic(SourceLocation at, std::string path, std::string problem,
                      std::string hint = "") {
  Diagnostic d;
  d.at = std::move(at);
  d.path = std::move(path);
  d.problem = std::move(problem);
  d.hint = std::move(hint);
  return d;
}

TEST(Diagnostic, NamesThePlaceThePathTheProblemAndTheHint) {
  EXPECT_EQ(to_string(diagnostic({"scenarios/a.yaml", 12, 13}, "schedule",
                                 "no schedule is called '1f1v'", "did you mean '1f1b'?")),
            "scenarios/a.yaml:12:13: schedule: no schedule is called '1f1v' "
            "(did you mean '1f1b'?)");
}

TEST(Diagnostic, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ(to_string(diagnostic({"a.yaml", 0, 0}, "", "is empty")), "a.yaml: is empty");
  EXPECT_EQ(to_string(diagnostic({}, "training.precision", "is missing")),
            "training.precision: is missing");
}

TEST(Nearest, ForgivesOneSlipInThreeLetters) {
  const std::string_view known[] = {"gpipe", "1f1b", "zb_h1", "interleaved_1f1b"};
  EXPECT_EQ(nearest("1f1v", known), "1f1b");
  EXPECT_EQ(nearest("gpip", known), "gpipe");
  EXPECT_EQ(nearest("interleavd_1f1b", known), "interleaved_1f1b");
}

TEST(Nearest, CountsTwoSwappedNeighboursAsOneSlip) {
  const std::string_view known[] = {"ab"};
  EXPECT_EQ(nearest("ba", known), "ab");  // two replacements would be too many for two letters
}

TEST(Nearest, KnowsTheShortFormsThatPeopleWrite) {
  const std::string_view keys[] = {"pipeline",          "tensor",           "virtual_stages",
                                   "global_batch_size", "micro_batch_size", "sequence_length"};
  EXPECT_EQ(nearest("tp", keys), "tensor");
  EXPECT_EQ(nearest("pp", keys), "pipeline");
  EXPECT_EQ(nearest("gbs", keys), "global_batch_size");
  EXPECT_EQ(nearest("seq_len", keys), "sequence_length");
  EXPECT_EQ(nearest("micro_batch", keys), "micro_batch_size");
  EXPECT_EQ(nearest("xp", keys), "");
  const std::string_view gpus[] = {"a100_sxm_80g", "gb200_186g", "h100_sxm_80g"};
  EXPECT_EQ(nearest("h100", gpus), "h100_sxm_80g");
  EXPECT_EQ(nearest("sxm", gpus), "");
}

TEST(Nearest, SetsCaseAsideBeforeItCountsSlips) {
  const std::string_view known[] = {"fp16", "bf16"};
  EXPECT_EQ(nearest("BF16", known), "bf16");
}

TEST(Nearest, SuggestsNothingWhereNothingIsNear) {
  const std::string_view known[] = {"gpipe", "1f1b"};
  EXPECT_EQ(nearest("chimera", known), "");
  EXPECT_EQ(nearest("x", std::span<const std::string_view>{}), "");
}

TEST(InputError, CarriesEveryProblemAndPrintsOnePerLine) {
  const InputError error(
      {diagnostic({"a.yaml", 1, 2}, "x", "is wrong"), diagnostic({"a.yaml", 3, 4}, "y", "too")});
  EXPECT_EQ(error.diagnostics().size(), 2u);
  EXPECT_STREQ(error.what(), "a.yaml:1:2: x: is wrong\na.yaml:3:4: y: too");
}

}  // namespace
}  // namespace plumbline
