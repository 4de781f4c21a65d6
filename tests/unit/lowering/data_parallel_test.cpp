// Gradient reduction, barrier, optimizer and parameter gather around a pipeline of F = 1, B = 2.

#include <gtest/gtest.h>

#include "tests/unit/lowering/pipelines.h"

namespace plumbline::test {
namespace {

TrainingCosts with_data(int stages, double reduce, double last_bucket) {
  TrainingCosts costs = uniform_costs(stages);
  costs.data.assign(
      stages,
      {.reduce = ms(reduce), .last_bucket = ms(last_bucket), .gather = {}, .first_bucket = {}});
  costs.optimizer.assign(stages, ms(0.5));
  return costs;
}

constexpr double kPhase = (4 + 1) * 3.0;  // 1f1b, 2 ranks, 4 micro-batches

TEST(DataParallelTail, LeavesOnlyTheLastBucketWhenTheRestFitsUnderTheLastBackward) {
  const Ran ran = run(make("1f1b", 2, 4), with_data(2, 1.75, 0.25));
  EXPECT_DOUBLE_EQ(ran.end_ms(), kPhase + 0.25 + 0.5);
}

TEST(DataParallelTail, ExposesWhatTheLastBackwardDoesNotCover) {
  // The reduction starts with the last backward of 2 ms and takes 5.
  const Ran ran = run(make("1f1b", 2, 4), with_data(2, 5.0, 0.25));
  EXPECT_DOUBLE_EQ(ran.end_ms(), kPhase + 3.0 + 0.5);
}

TEST(DataParallelTail, FollowsTheLastOperationWithoutOverlap) {
  TrainingCosts costs = with_data(2, 1.75, 0.25);
  costs.data_overlap = false;
  EXPECT_DOUBLE_EQ(run(make("1f1b", 2, 4), costs).end_ms(), kPhase + 1.75 + 0.5);
}

TEST(DataParallelTail, ReducesTheStagesOfOneRankOneAfterTheOther) {
  // Both chunks of a rank, 4 ms each, without overlap.
  TrainingCosts costs = with_data(4, 4.0, 0.25);
  costs.optimizer.assign(2, ms(0.5));
  costs.data_overlap = false;
  const Ran ran = run(make("interleaved_1f1b", 2, 4, 2), costs);
  EXPECT_DOUBLE_EQ(ran.end_ms(), (4 * 2 + 1) * 3.0 + 2 * 4.0 + 0.5);
}

TEST(DataParallelTail, HidesAnEarlierChunksReductionUnderTheLaterOnes) {
  // The second chunk's last backward is V chunks earlier, so its 1 ms vanishes altogether.
  TrainingCosts costs = with_data(4, 1.0, 0.25);
  costs.optimizer.assign(2, ms(0.5));
  const Ran ran = run(make("interleaved_1f1b", 2, 4, 2), costs);
  EXPECT_DOUBLE_EQ(ran.end_ms(), (4 * 2 + 1) * 3.0 + 0.25 + 0.5);
}

TEST(DataParallelTail, StartsEveryOptimizerTogetherBehindTheSlowestReduction) {
  TrainingCosts costs = with_data(2, 0.0, 0.0);
  costs.data[1].reduce = costs.data[1].last_bucket = ms(6.0);
  costs.optimizer = {ms(0.5), ms(2.0)};
  // Rank 1's last backward ends one B (2 ms) before rank 0's.
  EXPECT_DOUBLE_EQ(run(make("1f1b", 2, 4), costs).end_ms(), kPhase - 2.0 + 6.0 + 2.0);
}

TEST(ParameterGather, IsWholeWithoutOverlap) {
  TrainingCosts costs = with_data(2, 0.0, 0.0);
  for (auto& data : costs.data) data.gather = ms(0.75);
  costs.gather_overlap = false;
  EXPECT_DOUBLE_EQ(run(make("1f1b", 2, 4), costs).end_ms(), kPhase + 0.5 + 0.75);
}

TEST(ParameterGather, ExposesTheFirstBucketWhenTheRestFitsUnderAForward) {
  TrainingCosts costs = with_data(2, 0.0, 0.0);
  for (auto& data : costs.data) {
    data.gather = ms(0.75);
    data.first_bucket = ms(0.125);
  }
  EXPECT_DOUBLE_EQ(run(make("1f1b", 2, 4), costs).end_ms(), kPhase + 0.5 + 0.125);
}

TEST(ParameterGather, ExposesWhatAForwardDoesNotCover) {
  TrainingCosts costs = with_data(2, 0.0, 0.0);
  for (auto& data : costs.data) {
    data.gather = ms(1.75);
    data.first_bucket = ms(0.125);
  }
  EXPECT_DOUBLE_EQ(run(make("1f1b", 2, 4), costs).end_ms(), kPhase + 0.5 + 0.75);
}

}  // namespace
}  // namespace plumbline::test
