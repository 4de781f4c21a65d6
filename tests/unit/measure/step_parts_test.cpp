// The breakdown of an iteration: operations by cause, exposed hops, bubble, data-parallel tail.

#include <gtest/gtest.h>

#include "tests/unit/measure/measured.h"

namespace plumbline::test {
namespace {

TEST(Breakdown, SplitsOperationsByTheirPricesCauses) {
  TrainingCosts costs = uniform_costs(1);
  costs.stages[0].forward.tensor_comm = ms(0.5);
  costs.stages[0].forward.host = ms(0.25);
  costs.stages[0].backward.recompute = ms(0.75);
  costs.stages[0].backward.context_comm = ms(0.125);
  costs.stages[0].backward.expert_comm = ms(0.375);
  costs.stages[0].backward.data_comm = ms(0.0625);
  const Breakdown parts = measure(make("1f1b", 1, 4), costs).breakdown;
  EXPECT_NEAR(parts.compute, 4 * 3e-3, 1e-12);
  EXPECT_NEAR(parts.tensor_comm, 4 * 0.5e-3, 1e-12);
  EXPECT_NEAR(parts.host, 4 * 0.25e-3, 1e-12);
  EXPECT_NEAR(parts.recompute, 4 * 0.75e-3, 1e-12);
  EXPECT_NEAR(parts.context_comm, 4 * 0.125e-3, 1e-12);
  EXPECT_NEAR(parts.expert_comm, 4 * 0.375e-3, 1e-12);
  EXPECT_NEAR(parts.data_comm, 4 * 0.0625e-3, 1e-12);
  EXPECT_EQ(parts.bubble + parts.pipeline_comm + parts.optimizer, 0.0);
}

TEST(Breakdown, TakesExposedHopsOutOfTheBubble) {
  // One micro-batch on two ranks (see idle_causes_test): a hop of 0.5 ms exposed on each rank.
  const Breakdown parts = measure(make("1f1b", 2, 1), uniform_costs(2, {.hop = 0.5})).breakdown;
  EXPECT_NEAR(parts.pipeline_comm, 0.5e-3, 1e-12);
  EXPECT_NEAR(parts.compute, 3e-3, 1e-12);
  EXPECT_NEAR(parts.bubble, (7 - 3 - 0.5) * 1e-3, 1e-12);
}

TEST(Breakdown, PutsTheExposedTailAndTheGatherIntoDataComm) {
  TrainingCosts costs = uniform_costs(2);
  costs.data_overlap = costs.gather_overlap = false;
  costs.data.assign(
      2, {.reduce = ms(1), .last_bucket = ms(1), .gather = ms(0.5), .first_bucket = ms(0.5)});
  costs.optimizer.assign(2, ms(0.25));
  const TrainingResult result = measure(make("1f1b", 2, 4), costs);
  EXPECT_NEAR(result.breakdown.data_comm, 1.5e-3, 1e-12);
  EXPECT_NEAR(result.breakdown.optimizer, 0.25e-3, 1e-12);
  EXPECT_NEAR(result.iteration_time_s, (15 + 1 + 0.25 + 0.5) * 1e-3, 1e-12);
  EXPECT_NEAR(sum(result.breakdown), result.iteration_time_s, 1e-12);
}

TEST(Breakdown, CountsTheWaitForASlowerOptimizerAsOptimizer) {
  TrainingCosts costs = uniform_costs(2);
  costs.optimizer = {ms(0.25), ms(1.0)};
  const TrainingResult result = measure(make("1f1b", 2, 4), costs);
  EXPECT_NEAR(result.breakdown.optimizer, 1e-3, 1e-12);
  EXPECT_NEAR(sum(result.breakdown), result.iteration_time_s, 1e-12);
}

TEST(Breakdown, LeavesOutWhatAPairHides) {
  TrainingCosts costs = uniform_costs(2);
  for (StageCost& stage : costs.stages) stage.forward.expert_comm = ms(1.0);
  Schedule schedule = rows(2, {"0F0 0F1 0B0 0B1", "1F0 1B0 1F1 1B1"});
  schedule.ranks[0][1].overlaps_next = true;
  // Four forwards with 1 ms each, one of them under the backward of its pair; mean of two ranks.
  const TrainingResult result = measure(schedule, costs, {.pairs_hide_expert_comm = true});
  EXPECT_NEAR(result.breakdown.expert_comm, 1.5e-3, 1e-12);
  EXPECT_NEAR(sum(result.breakdown), result.iteration_time_s, 1e-12);
}

}  // namespace
}  // namespace plumbline::test
