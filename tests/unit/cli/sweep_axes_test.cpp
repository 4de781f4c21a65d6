#include "sim/cli/sweep_axes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plumbline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

std::vector<std::string> values(const std::string& text) {
  return parse_axis("a.b=" + text).values;
}

std::string refusal(const std::string& word) {
  try {
    parse_axis(word);
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

TEST(SweepAxis, TakesValuesAsTheyAreWritten) {
  EXPECT_EQ(parse_axis("parallelism.pipeline=2,4").path, "parallelism.pipeline");
  EXPECT_THAT(values("2,4,8"), ElementsAre("2", "4", "8"));
  EXPECT_THAT(values("bf16"), ElementsAre("bf16"));
}

TEST(SweepAxis, CommasInsideBracketsDoNotPartValues) {
  EXPECT_THAT(values("1f1b,{name: zb_v, max_live_activations: 4},[1,2]"),
              ElementsAre("1f1b", "{name: zb_v, max_live_activations: 4}", "[1,2]"));
  EXPECT_THAT(values("'a,b',c"), ElementsAre("'a,b'", "c"));
}

TEST(SweepAxis, RangesCountMultiplyAndAddWithBothEndsIncluded) {
  EXPECT_THAT(values("1:4"), ElementsAre("1", "2", "3", "4"));
  EXPECT_THAT(values("8:64:x2"), ElementsAre("8", "16", "32", "64"));
  EXPECT_THAT(values("8:60:x2"), ElementsAre("8", "16", "32"));
  EXPECT_THAT(values("10:40:+10"), ElementsAre("10", "20", "30", "40"));
  EXPECT_THAT(values("0:1:+0.1"), SizeIs(11));
  EXPECT_THAT(values("1:1:x2"), ElementsAre("1"));
  EXPECT_THAT(values("1000000:4000000:x2"), ElementsAre("1000000", "2000000", "4000000"));
}

TEST(SweepAxis, RefusesWhatHasNoEndOrNoValue) {
  EXPECT_THAT(refusal("pipeline"), HasSubstr("is not PATH=VALUE"));
  EXPECT_THAT(refusal("a=1,,2"), HasSubstr("empty value"));
  EXPECT_THAT(refusal("a="), HasSubstr("empty value"));
  EXPECT_THAT(refusal("a=1:8:x1"), HasSubstr("no step"));
  EXPECT_THAT(refusal("a=0:8:x2"), HasSubstr("no step"));
  EXPECT_THAT(refusal("a=1:8:+0"), HasSubstr("no step"));
  EXPECT_THAT(refusal("a=1:8:2"), HasSubstr("no step"));
  EXPECT_THAT(refusal("a=8:1"), HasSubstr("empty range"));
  EXPECT_THAT(refusal("a=0:1e12"), HasSubstr("million"));
}

TEST(SweepPoints, AreTheProductWithTheLastAxisFastest) {
  const SweepProduct points({{"a", {"1", "2"}}, {"b", {"x", "y", "z"}}});

  ASSERT_EQ(points.size(), 6u);
  EXPECT_EQ(points.point(0), (std::vector<Override>{{"a", "1"}, {"b", "x"}}));
  EXPECT_EQ(points.point(1), (std::vector<Override>{{"a", "1"}, {"b", "y"}}));
  EXPECT_EQ(points.point(5), (std::vector<Override>{{"a", "2"}, {"b", "z"}}));
}

TEST(SweepPoints, WithoutAnAxisThereIsOnePoint) { EXPECT_EQ(SweepProduct({}).size(), 1u); }

TEST(SweepPoints, RefusesAPathTwiceAndAProductBeyondReason) {
  EXPECT_THROW(SweepProduct({{"a", {"1"}}, {"a", {"2"}}}), InputError);
  const std::vector<std::string> many(10000, "1");
  EXPECT_THROW(SweepProduct({{"a", many}, {"b", many}}), InputError);
}

TEST(SweepAxis, ShowsMappingsByWhatTellsThemApart) {
  using Values = std::vector<std::string>;
  EXPECT_EQ(short_values({"1f1b", "{tensor: 8, pipeline: 1}"}),
            (Values{"1f1b", "tensor: 8, pipeline: 1"}));
  EXPECT_EQ(
      short_values({"{gpu: a100_sxm_80g, gpus_per_node: 8}", "{gpu: h100_sxm_80g, nodes: 2}"}),
      (Values{"gpu: a100_sxm_80g", "gpu: h100_sxm_80g, nodes: 2"}));
  const Values alike{"{gpu: a100_sxm_80g, gpus_per_node: 8}",
                     "{gpu: a100_sxm_80g, gpus_per_node: 4}"};
  EXPECT_EQ(short_values(alike), alike);
}

}  // namespace
}  // namespace plumbline
