// Busy and idle time against the closed forms of the papers; F = 1 ms, I = W = 1 ms.

#include <gtest/gtest.h>

#include "tests/unit/measure/measured.h"

namespace plumbline::test {
namespace {

TEST(Bubble, OfOneFOneBIsTheDepthLessOneOverTheRounds) {
  for (const int ranks : {1, 2, 4, 8}) {
    for (const int microbatches : {2, 8, 32}) {
      const TrainingResult result =
          measure(make("1f1b", ranks, microbatches), uniform_costs(ranks));
      EXPECT_NEAR(result.bubble_fraction, (ranks - 1.0) / (microbatches + ranks - 1), 1e-12);
      EXPECT_NEAR(result.bubble_overhead, (ranks - 1.0) / microbatches, 1e-12);
    }
  }
}

TEST(Bubble, OfGPipeIsThatOfOneFOneB) {
  const TrainingResult result = measure(make("gpipe", 4, 8), uniform_costs(4));
  EXPECT_NEAR(result.bubble_fraction, 3.0 / 11.0, 1e-12);
}

TEST(Bubble, OfInterleavedOneFOneBIsDividedByTheChunks) {
  const TrainingResult result = measure(make("interleaved_1f1b", 4, 8, 4), uniform_costs(16));
  EXPECT_NEAR(result.bubble_overhead, 3.0 / (8 * 4), 1e-12);
}

TEST(Bubble, OfZbVVanishesWithinTheSpanOfARank) {
  // Qi et al., arXiv:2401.10241: zero bubble when the optimizer step need not synchronise.
  const TrainingResult result = measure(make("zb_v", 4, 16, 2), uniform_costs(8));
  EXPECT_NEAR(result.span_idle_fraction, 0.0, 1e-12);
  EXPECT_GT(result.bubble_fraction, 0.0);
}

TEST(Busy, AndIdleOfEveryRankMakeTheComputePhase) {
  const TrainingResult result = measure(make("1f1b", 4, 8), uniform_costs(4, {.hop = 0.125}));
  for (const RankResult& rank : result.ranks) {
    EXPECT_NEAR(rank.busy_s, 8 * 3e-3, 1e-12);
    EXPECT_NEAR(rank.busy_s + rank.idle_s, result.compute_phase_s, 1e-12);
  }
  EXPECT_NEAR(result.compute_phase_s, result.iteration_time_s, 1e-12);
}

TEST(Rates, FollowFromTheIterationTime) {
  TrainingCosts costs = uniform_costs(2);
  costs.model_flops_per_step = 12e12;
  costs.hardware_flops_per_step = 15e12;
  const TrainingResult result = measure(make("1f1b", 2, 4), costs);  // 5 rounds of 3 ms, 2 GPUs
  EXPECT_NEAR(result.iteration_time_s, 0.015, 1e-12);
  EXPECT_NEAR(result.samples_per_s, 16 / 0.015, 1e-6);
  EXPECT_NEAR(result.tokens_per_s_per_gpu, 4096 / 0.015 / 2, 1e-6);
  EXPECT_NEAR(result.model_tflops_per_gpu, 400.0, 1e-9);
  EXPECT_NEAR(result.mfu, 0.4, 1e-12);
  EXPECT_NEAR(result.hfu, 0.5, 1e-12);
}

TEST(LowerBound, IsReachedByOneFOneBOnEqualStages) {
  // The last rank starts after P-1 forwards, works M rounds, and P-1 backwards follow.
  const TrainingResult result = measure(make("1f1b", 4, 8), uniform_costs(4));
  EXPECT_NEAR(result.lower_bound_s, result.iteration_time_s, 1e-12);
}

TEST(LowerBound, CountsTheTailThatNothingHides) {
  TrainingCosts costs = uniform_costs(2);
  costs.data.assign(
      2, {.reduce = ms(1), .last_bucket = ms(0.25), .gather = ms(0.5), .first_bucket = ms(0.125)});
  costs.optimizer.assign(2, ms(2));
  const TrainingResult result = measure(make("1f1b", 2, 4), costs);
  EXPECT_NEAR(result.lower_bound_s, (15 + 0.25 + 2 + 0.125) * 1e-3, 1e-12);
  EXPECT_NEAR(result.iteration_time_s, result.lower_bound_s, 1e-12);
}

}  // namespace
}  // namespace plumbline::test
