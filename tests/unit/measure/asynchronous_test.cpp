// The steady state of schedules that never drain.

#include <gtest/gtest.h>

#include "tests/unit/measure/measured.h"

namespace plumbline::test {
namespace {

TEST(Asynchronous, IterationIsTheWorkOfOneRankOnEqualStages) {
  for (const int microbatches : {4, 7, 16}) {
    const TrainingResult result = measure(make("pipedream", 4, microbatches), uniform_costs(4));
    EXPECT_NEAR(result.iteration_time_s, microbatches * 3e-3, 1e-12);
    EXPECT_NEAR(result.bubble_fraction, 0.0, 1e-12);
  }
}

TEST(Asynchronous, IterationIsTheWorkOfTheSlowestStage) {
  TrainingCosts costs = uniform_costs(4);
  costs.stages[2].backward.compute = ms(4);
  const TrainingResult result = measure(make("pipedream_2bw", 4, 8), costs);
  EXPECT_NEAR(result.iteration_time_s, 8 * 5e-3, 1e-12);
  EXPECT_NEAR(result.ranks[0].idle_s, 8 * 2e-3, 1e-12);
  EXPECT_NEAR(result.ranks[0].idle_by_cause.imbalance, 8 * 2e-3, 1e-12);
  EXPECT_NEAR(result.ranks[2].idle_s, 0.0, 1e-12);
}

TEST(Asynchronous, OptimizerStandsInTheStreamOnceAnIteration) {
  TrainingCosts costs = uniform_costs(4);
  costs.optimizer.assign(4, ms(0.5));
  const TrainingResult result = measure(make("pipedream_2bw", 4, 8), costs);
  EXPECT_NEAR(result.iteration_time_s, (8 * 3 + 0.5) * 1e-3, 1e-12);
  EXPECT_NEAR(result.breakdown.optimizer, 0.5e-3, 1e-12);
  EXPECT_NEAR(sum(result.breakdown), result.iteration_time_s, 1e-12);
}

TEST(Asynchronous, ReductionHidesUnderTheNextIterationWithOverlapOnly) {
  TrainingCosts costs = uniform_costs(1);
  costs.optimizer.assign(1, ms(0.5));
  costs.data.assign(1, {.reduce = ms(2), .last_bucket = ms(1), .gather = {}, .first_bucket = {}});
  const Schedule schedule = make("pipedream_2bw", 1, 8);
  EXPECT_NEAR(measure(schedule, costs).iteration_time_s, 24.5e-3, 1e-12);
  costs.data_overlap = false;
  const TrainingResult exposed = measure(schedule, costs);
  EXPECT_NEAR(exposed.iteration_time_s, 26.5e-3, 1e-12);
  EXPECT_NEAR(exposed.breakdown.data_comm, 2e-3, 1e-12);
  EXPECT_NEAR(sum(exposed.breakdown), exposed.iteration_time_s, 1e-12);
}

TEST(Asynchronous, ReductionLongerThanAnIterationSetsThePeriod) {
  TrainingCosts costs = uniform_costs(1);
  costs.optimizer.assign(1, ms(0.5));
  costs.data.assign(1, {.reduce = ms(40), .last_bucket = ms(1), .gather = {}, .first_bucket = {}});
  EXPECT_NEAR(measure(make("pipedream_2bw", 1, 8), costs).iteration_time_s, 40e-3, 1e-12);
}

TEST(Asynchronous, PipeDreamUpdatesAfterEveryMicrobatch) {
  // Narayanan et al., SOSP'19: eight optimizer steps and eight reductions an iteration.
  TrainingCosts costs = uniform_costs(2);
  costs.optimizer.assign(2, ms(0.5));
  costs.data.assign(2, {.reduce = ms(1), .last_bucket = ms(1), .gather = {}, .first_bucket = {}});
  costs.data_overlap = false;
  const TrainingResult result = measure(make("pipedream", 2, 8), costs);
  EXPECT_NEAR(result.iteration_time_s, 8 * 4.5e-3, 1e-12);
  EXPECT_NEAR(result.breakdown.optimizer, 8 * 0.5e-3, 1e-12);
  EXPECT_NEAR(result.breakdown.data_comm, 8 * 1e-3, 1e-12);
}

TEST(Asynchronous, TellsHowManyVersionsAndHowLateTheirUpdatesAre) {
  TrainingCosts costs = uniform_costs(4);
  const TrainingResult stashed = measure(make("pipedream", 4, 8), costs);
  for (int rank = 0; rank < 4; ++rank) {
    EXPECT_EQ(stashed.ranks[rank].weight_versions, 4 - rank);
    EXPECT_EQ(stashed.ranks[rank].weight_staleness, 3 - rank);
  }
  EXPECT_EQ(measure(make("pipedream_2bw", 4, 8), costs).ranks[0].weight_staleness, 1);
  costs.data.assign(4, {.reduce = ms(1), .last_bucket = ms(1), .gather = {}, .first_bucket = {}});
  EXPECT_EQ(measure(make("pipedream_2bw", 4, 8), costs).ranks[0].weight_staleness, 2);
  EXPECT_EQ(measure(make("1f1b", 4, 8), uniform_costs(4)).ranks[0].weight_versions, std::nullopt);
}

}  // namespace
}  // namespace plumbline::test
