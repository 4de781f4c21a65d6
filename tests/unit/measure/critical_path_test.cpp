// The chain of tasks that decides how long an iteration takes.

#include <gtest/gtest.h>

#include "tests/unit/measure/measured.h"

namespace plumbline::test {
namespace {

TEST(CriticalPath, OfOneMicrobatchIsItsWayThereAndBack) {
  const TrainingResult result = measure(make("1f1b", 2, 1), uniform_costs(2, {.hop = 0.5}));
  EXPECT_NEAR(on_path(result, "F on rank 0"), 1e-3, 1e-15);
  EXPECT_NEAR(on_path(result, "transfer 0 -> 1"), 0.5e-3, 1e-15);
  EXPECT_NEAR(on_path(result, "B on rank 1"), 2e-3, 1e-15);
  EXPECT_NEAR(on_path(result, "transfer 1 -> 0"), 0.5e-3, 1e-15);
  EXPECT_NEAR(sum(result.critical_path), 7e-3, 1e-12);
  EXPECT_EQ(result.critical_path.front().what, "B on rank 0");
}

TEST(CriticalPath, NamesTransfersThatWereFoldedIntoEdges) {
  const TrainingResult result =
      measure(make("1f1b", 2, 1), uniform_costs(2, {.hop = 0.5}), {.fold_transfers = true});
  EXPECT_NEAR(on_path(result, "transfer 0 -> 1"), 0.5e-3, 1e-15);
  EXPECT_NEAR(sum(result.critical_path), 7e-3, 1e-12);
}

TEST(CriticalPath, RunsThroughTheSlowestStage) {
  TrainingCosts costs = uniform_costs(4);
  costs.stages[2].forward.compute = ms(4);
  costs.stages[2].backward.compute = ms(8);
  const TrainingResult result = measure(make("1f1b", 4, 32), costs);
  EXPECT_NEAR(on_path(result, "F on rank 2") + on_path(result, "B on rank 2"), 32 * 12e-3, 1e-12);
  EXPECT_NEAR(sum(result.critical_path), result.iteration_time_s, 1e-12);
}

TEST(CriticalPath, EndsWithTheOptimizer) {
  TrainingCosts costs = uniform_costs(2);
  costs.optimizer = {ms(0.25), ms(1.0)};
  costs.data.assign(2, {.reduce = ms(5), .last_bucket = ms(1), .gather = {}, .first_bucket = {}});
  const TrainingResult result = measure(make("1f1b", 2, 4), costs);
  EXPECT_NEAR(on_path(result, "optimizer on rank 1"), 1e-3, 1e-15);
  // The reduction begins with the last backward and is longer, so that backward is not on the path.
  EXPECT_NEAR(on_path(result, "gradient reduction on rank 0"), 5e-3, 1e-15);
  EXPECT_NEAR(sum(result.critical_path), result.iteration_time_s, 1e-12);
}

}  // namespace
}  // namespace plumbline::test
