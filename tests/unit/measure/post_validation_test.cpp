// Optimizer post-validation: zero-bubble's iteration is a rank's span, not the whole pipeline's.
// F = I = W = 1 ms.

#include <gtest/gtest.h>

#include "tests/unit/measure/measured.h"

namespace plumbline::test {
namespace {

TrainingCosts with_optimizer(int stages, int ranks, double optimizer) {
  TrainingCosts costs = uniform_costs(stages);
  costs.optimizer.assign(ranks, ms(optimizer));
  costs.optimizer_post_validation = true;
  return costs;
}

TEST(PostValidation, MakesTheIterationOfZbH2TheWorkOfOneRank) {
  // Qi et al., arXiv:2401.10241, figure 3: no bubble between a rank's first and last operation,
  // while the pipeline as a whole still fills for (P-1) F.
  constexpr int kRanks = 4, kMicrobatches = 16;
  const Schedule schedule = make("zb_h2", kRanks, kMicrobatches);
  TrainingCosts costs = with_optimizer(kRanks, kRanks, 0.5);
  const TrainingResult bypassed = measure(schedule, costs);
  EXPECT_NEAR(bypassed.iteration_time_s, (3 * kMicrobatches + 0.5) * 1e-3, 1e-12);
  EXPECT_NEAR(bypassed.span_idle_fraction, 0.0, 1e-12);
  EXPECT_NEAR(bypassed.breakdown.bubble, 0.0, 1e-12);
  EXPECT_NEAR(bypassed.bubble_fraction, 3.0 / (3 * kMicrobatches + 3), 1e-12);

  costs.optimizer_post_validation = false;
  const TrainingResult barred = measure(schedule, costs);
  EXPECT_NEAR(barred.iteration_time_s, (3 * kMicrobatches + 3 + 0.5) * 1e-3, 1e-12);
  EXPECT_NEAR(barred.bubble_fraction, bypassed.bubble_fraction, 1e-12);
  EXPECT_NEAR(barred.span_idle_fraction, bypassed.span_idle_fraction, 1e-12);
}

TEST(PostValidation, GainsNothingWhereRankZeroIsFirstAndLast) {
  TrainingCosts costs = with_optimizer(4, 4, 0.5);
  const TrainingResult bypassed = measure(make("1f1b", 4, 8), costs);
  EXPECT_NEAR(bypassed.iteration_time_s, (3 * 11 + 0.5) * 1e-3, 1e-12);
  EXPECT_NEAR(bypassed.breakdown.bubble, 3 * 3e-3, 1e-12);
}

TEST(PostValidation, LetsARankGoOnWithItsOwnReductionAndGather) {
  // Rank 0 spans 11 rounds; rank 1's reduction and gather are the long ones, but it starts 1 ms
  // later and ends 2 ms sooner.
  TrainingCosts costs = with_optimizer(2, 2, 0.5);
  costs.data_overlap = costs.gather_overlap = false;
  costs.data = {
      {.reduce = ms(1), .last_bucket = ms(1), .gather = ms(0.25), .first_bucket = ms(0.25)},
      {.reduce = ms(3), .last_bucket = ms(3), .gather = ms(0.5), .first_bucket = ms(0.5)}};
  const TrainingResult result = measure(make("1f1b", 2, 4), costs);
  // Rank 0: 15 + 1 + 0.5 + 0.25; rank 1: 12 + 3 + 0.5 + 0.5.
  EXPECT_NEAR(result.iteration_time_s, 16.75e-3, 1e-12);
  EXPECT_NEAR(result.breakdown.data_comm, (1.25 + 3.5) / 2 * 1e-3, 1e-12);
  EXPECT_NEAR(result.breakdown.optimizer, 0.5e-3, 1e-12);
  EXPECT_NEAR(sum(result.breakdown), result.iteration_time_s, 1e-12);
  EXPECT_NEAR(sum(result.critical_path), result.iteration_time_s, 1e-12);
  EXPECT_LE(result.lower_bound_s, result.iteration_time_s);
}

TEST(PostValidation, KeepsTheBreakdownWholeOnEverySchedule) {
  for (const char* name : {"gpipe", "zb_h1", "zb_h2", "zb_v", "dualpipe_v", "hanayo"}) {
    const int chunks = find_schedule(name)->default_chunks;
    TrainingCosts costs = with_optimizer(4 * chunks, 4, 0.5);
    for (HopCost& hop : costs.forward_hop) hop.latency = ms(0.125);
    for (HopCost& hop : costs.backward_hop) hop.latency = ms(0.25);
    const TrainingResult result = measure(make(name, 4, 12, chunks), costs);
    EXPECT_NEAR(sum(result.breakdown), result.iteration_time_s, 1e-12) << name;
    EXPECT_NEAR(sum(result.critical_path), result.iteration_time_s, 1e-12) << name;
    EXPECT_GE(result.breakdown.bubble, -1e-15) << name;
    EXPECT_LE(result.lower_bound_s, result.iteration_time_s) << name;
  }
}

}  // namespace
}  // namespace plumbline::test
