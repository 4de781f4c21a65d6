#include "schedules/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "sim/core/diagnostic.h"

namespace plumbline {
namespace {

using ::testing::HasSubstr;

Diagnostic refusal(std::string_view name, const PipelineShape& shape,
                   const ScheduleOptions& options = {}) {
  try {
    generate_schedule(name, shape, options);
  } catch (const InputError& error) {
    return error.diagnostics().front();
  }
  ADD_FAILURE() << name << " was accepted";
  return {};
}

PipelineShape shape(int ranks, int chunks, int microbatches) {
  return {.stages_per_chunk = ranks, .chunks = chunks, .microbatches = microbatches};
}

TEST(Catalog, HasEveryScheduleThatScenariosMayName) {
  for (const char* name : {"gpipe", "1f1b", "interleaved_1f1b", "looped_bfs", "zb_h1", "zb_h2",
                           "interleaved_zb", "zb_v", "v_half", "v_min", "dualpipe", "dualpipe_v",
                           "chimera", "hanayo", "pipedream", "pipedream_2bw"}) {
    ASSERT_NE(find_schedule(name), nullptr) << name;
    EXPECT_EQ(find_schedule(name)->name, name);
  }
}

TEST(Catalog, FindsOtherSpellings) {
  EXPECT_EQ(find_schedule("Interleaved-1F1B")->name, "interleaved_1f1b");
  EXPECT_EQ(find_schedule("ZB H1")->name, "zb_h1");
  EXPECT_EQ(find_schedule("GPipe")->name, "gpipe");
  EXPECT_EQ(find_schedule("DualPipeV")->name, "dualpipe_v");
  EXPECT_EQ(find_schedule("ZBVZeroBubble")->name, "zb_v");
  EXPECT_EQ(find_schedule("InterleavedZeroBubble")->name, "interleaved_zb");
  EXPECT_EQ(find_schedule("PipeDream-Flush")->name, "1f1b");
  EXPECT_EQ(find_schedule("PipeDream-2BW")->name, "pipedream_2bw");
  EXPECT_EQ(find_schedule("nothing"), nullptr);
}

TEST(Catalog, SuggestsTheNearestName) {
  const Diagnostic problem = refusal("1f1v", shape(2, 1, 2));
  EXPECT_EQ(problem.path, "schedule");
  EXPECT_EQ(problem.hint, "did you mean '1f1b'?");
}

TEST(Catalog, RefusesAnOptionOfAnotherSchedule) {
  ScheduleOptions options;
  options.microbatch_group_size = 4;
  const Diagnostic problem = refusal("1f1b", shape(4, 1, 8), options);
  EXPECT_EQ(problem.path, "schedule.microbatch_group_size");
  EXPECT_THAT(problem.hint, HasSubstr("interleaved_1f1b"));
}

TEST(Catalog, RefusesNumbersBelowOne) {
  EXPECT_THAT(refusal("gpipe", shape(2, 1, 0)).problem, HasSubstr("micro-batch"));
  EXPECT_THAT(refusal("gpipe", shape(0, 1, 2)).problem, HasSubstr("rank"));
}

struct IllegalShape {
  const char* name;
  PipelineShape shape;
  const char* hint;
};

class ShapeRule : public ::testing::TestWithParam<IllegalShape> {};

TEST_P(ShapeRule, NamesTheNearestLegalShape) {
  const Diagnostic problem = refusal(GetParam().name, GetParam().shape);
  EXPECT_EQ(problem.path, "schedule");
  EXPECT_THAT(problem.problem, HasSubstr(GetParam().name));
  EXPECT_EQ(problem.hint, GetParam().hint);
}

INSTANTIATE_TEST_SUITE_P(
    Published, ShapeRule,
    ::testing::Values(IllegalShape{"gpipe", shape(4, 2, 8), "try 1 chunk per rank"},
                      IllegalShape{"1f1b", shape(4, 2, 8), "try 1 chunk per rank"},
                      // 9 / 4 ranks are 2 rounds; 8 and 10 divide into theirs.
                      IllegalShape{"interleaved_1f1b", shape(4, 2, 9), "try 8 micro-batches"},
                      IllegalShape{"interleaved_zb", shape(4, 2, 9), "try 8 micro-batches"},
                      IllegalShape{"zb_h1", shape(4, 2, 8), "try 1 chunk per rank"},
                      IllegalShape{"zb_v", shape(4, 1, 8), "try 2 chunks per rank"},
                      IllegalShape{"v_half", shape(4, 3, 8), "try 2 chunks per rank"},
                      IllegalShape{"dualpipe", shape(3, 2, 8), "try 4 ranks, or dualpipe_v"},
                      IllegalShape{"dualpipe", shape(4, 2, 9), "try 10 micro-batches"},
                      IllegalShape{"dualpipe", shape(4, 2, 4), "try 8 micro-batches"},
                      IllegalShape{"dualpipe_v", shape(4, 2, 7), "try 8 micro-batches"},
                      IllegalShape{"chimera", shape(3, 2, 4), "try 4 ranks"},
                      IllegalShape{"chimera", shape(4, 2, 5), "try 6 micro-batches"},
                      IllegalShape{"hanayo", shape(4, 3, 4), "try 4 chunks per rank"},
                      IllegalShape{"pipedream_2bw", shape(4, 1, 3), "try 4 micro-batches"}));

TEST(Interleaved1F1B, HoldsMegatronsGroupSizeToItsRule) {
  ScheduleOptions options;
  options.microbatch_group_size = 3;  // P <= N <= M
  EXPECT_EQ(refusal("interleaved_1f1b", shape(4, 2, 8), options).hint, "try 4");
  options.microbatch_group_size = 9;
  EXPECT_EQ(refusal("interleaved_1f1b", shape(4, 2, 8), options).hint, "try 8");
  options.microbatch_group_size = 4;  // M % N == 0 or M % N >= P
  EXPECT_EQ(refusal("interleaved_1f1b", shape(4, 2, 9), options).hint, "try 8 micro-batches");
  options.microbatch_group_size = 6;
  EXPECT_EQ(refusal("interleaved_1f1b", shape(4, 2, 9), options).hint, "try 10 micro-batches");
}

TEST(Interleaved1F1B, DefaultsToMegatronsGroupOfPWhenAskedForItsRule) {
  ScheduleOptions by_rule;
  by_rule.interleaved_rule = InterleavedRule::kMegatron;
  ScheduleOptions by_group;
  by_group.microbatch_group_size = 4;
  EXPECT_EQ(generate_schedule("interleaved_1f1b", shape(4, 2, 16), by_rule).ranks,
            generate_schedule("interleaved_1f1b", shape(4, 2, 16), by_group).ranks);
}

}  // namespace
}  // namespace plumbline
