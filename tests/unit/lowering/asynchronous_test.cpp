// PipeDream and PipeDream-2BW never drain.

#include <gtest/gtest.h>

#include "sim/lowering/unroll.h"
#include "tests/unit/lowering/pipelines.h"

namespace plumbline::test {
namespace {

TEST(Unroll, JoinsIterationsWithoutADrain) {
  const Schedule twice = unroll(make("pipedream", 2, 3), 2);
  EXPECT_EQ(to_string(twice.ranks[0]), "0F0 0F1 0B0 0F2 0B1 0F3 0B2 0F4 0B3 0F5 0B4 0B5");
  EXPECT_EQ(to_string(twice.ranks[1]), "1F0 1B0 1F1 1B1 1F2 1B2 1F3 1B3 1F4 1B4 1F5 1B5");
}

TEST(Unroll, KeepsThePipelineFullWhenAnIterationIsShorterThanIt) {
  const Schedule unrolled = unroll(make("pipedream", 3, 1), 4);
  EXPECT_EQ(to_string(unrolled.ranks[0]), "0F0 0F1 0F2 0B0 0F3 0B1 0B2 0B3");
}

TEST(SteadyState, LeavesTwoPipelineDepthsToBothEnds) {
  for (const int microbatches : {1, 3, 8, 20}) {
    const SteadyState state = steady_state(make("pipedream", 4, microbatches));
    EXPECT_GE(state.first * microbatches, 2 * 4);
    EXPECT_GE((state.iterations - state.last) * microbatches, 2 * 4);
    EXPECT_EQ((state.last - state.first) * microbatches % 4, 0);
  }
}

TEST(LowerTraining, ChainsIterationsOfAnAsynchronousScheduleAndSaysSo) {
  const LoweredStep step = lower_training(make("pipedream_2bw", 4, 8), uniform_costs(4));
  EXPECT_GT(step.iterations, 2);
  ASSERT_EQ(step.assumptions.size(), 1u);
  EXPECT_NE(step.assumptions[0].find("period of the steady state"), std::string::npos);
}

}  // namespace
}  // namespace plumbline::test
