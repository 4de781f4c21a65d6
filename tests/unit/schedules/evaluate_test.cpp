#include "schedules/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schedules/bounds.h"
#include "schedules/catalog.h"
#include "schedules/pytorch_csv.h"
#include "sim/core/diagnostic.h"

namespace plumbline {
namespace {

using ::testing::ElementsAre;

Schedule from_rows(const char* rows) { return parse_pytorch_csv(rows, "rows").schedule; }

UnitCosts costs(double f, double i, double w, double comm = 0.0) {
  UnitCosts all;
  all.forward = f;
  all.input_grad = i;
  all.weight_grad = w;
  all.comm = comm;
  return all;
}

TEST(Evaluate, RunsEveryOperationAsEarlyAsItsInputsAndItsRankAllow) {
  //   rank 0:  F0 F1 .  .  B0 B0 .  B1 B1     F = 1, B = 2
  //   rank 1:  .  F0 B0 B0 F1 B1 B1
  const Evaluation result = evaluate(from_rows("0F0,0F1,0B0,0B1\n1F0,1B0,1F1,1B1\n"), {});
  EXPECT_DOUBLE_EQ(result.makespan, 9.0);
  EXPECT_THAT(result.busy, ElementsAre(6.0, 6.0));
  EXPECT_THAT(result.idle, ElementsAre(3.0, 3.0));
  EXPECT_THAT(result.span_idle, ElementsAre(3.0, 0.0));
  EXPECT_THAT(result.peak_live, ElementsAre(2, 1));
  EXPECT_DOUBLE_EQ(result.bubble_fraction(), 1.0 / 3.0);
  EXPECT_DOUBLE_EQ(result.spans[1][2].start, 4.0);
  EXPECT_DOUBLE_EQ(result.spans[0][3].end, 9.0);
}

TEST(Evaluate, AddsLatencyBetweenRanksAndNoneWithinARank) {
  // 0F0 hop 1F0 1B0 hop 0B0 with F = 1, B = 2, hop 0.5
  EXPECT_DOUBLE_EQ(evaluate(from_rows("0F0,0B0\n1F0,1B0\n"), costs(1, 1, 1, 0.5)).makespan, 7.0);
  EXPECT_DOUBLE_EQ(evaluate(from_rows("0F0,1F0,1B0,0B0\n"), costs(1, 1, 1, 0.5)).makespan, 6.0);
}

TEST(Evaluate, SendsTheInputGradientBeforeTheWeightGradient) {
  // F F I I W on the way of rank 0, with rank 1's W beside: 1 + 1 + 3 + 3 + 2
  EXPECT_DOUBLE_EQ(evaluate(from_rows("0F0,0I0,0W0\n1F0,1I0,1W0\n"), costs(1, 3, 2)).makespan, 10);
}

TEST(Evaluate, RunsAnOverlappedPairAsOneUnitWhenAllInputsAreThere) {
  // One rank, two stages: 0F0 1F0 then (0F1;1B0) as one, then 0B0, 1F1, 1B1, 0B1.
  const Schedule schedule = from_rows("0F0,1F0,(0F1;1B0)OVERLAP_F_B,0B0,1F1,1B1,0B1\n");
  EXPECT_DOUBLE_EQ(evaluate(schedule, {}).makespan, 12.0);
  UnitCosts overlapping;
  overlapping.overlap = 2.0;
  const Evaluation result = evaluate(schedule, overlapping);
  EXPECT_DOUBLE_EQ(result.makespan, 11.0);
  EXPECT_DOUBLE_EQ(result.spans[0][2].start, 2.0);
  EXPECT_DOUBLE_EQ(result.spans[0][2].end, 4.0);
  EXPECT_DOUBLE_EQ(result.spans[0][3].end, 4.0);
}

TEST(Evaluate, TakesCostsPerStage) {
  UnitCosts uneven;
  uneven.forward_by_stage = {1, 5};
  uneven.input_grad_by_stage = {2, 6};
  uneven.weight_grad_by_stage = {3, 7};
  EXPECT_DOUBLE_EQ(evaluate(from_rows("0F0,0B0\n1F0,1B0\n"), uneven).makespan, 1 + 5 + 13 + 5);
}

TEST(Evaluate, CountsAnActivationFromItsForwardToItsWeightGradient) {
  EXPECT_THAT(peak_live_activations(from_rows("0F0,0I0,0F1,0I1,0W0,0W1\n")), ElementsAre(2));
  EXPECT_THAT(peak_live_activations(from_rows("0F0,0I0,0W0,0F1,0I1,0W1\n")), ElementsAre(1));
  // Both parts of a pair run together, so what its backward frees is still alive.
  EXPECT_THAT(peak_live_activations(from_rows("0F0,(0F1;0B0)OVERLAP_F_B,0B1\n")), ElementsAre(2));
}

TEST(Evaluate, ThrowsTheWaitingCycle) {
  Schedule schedule = from_rows("0F0,0B0\n1F0,1B0\n");
  std::swap(schedule.ranks[1][0], schedule.ranks[1][1]);
  EXPECT_THROW(evaluate(schedule, {}), InputError);
}

TEST(SteadyState, OfPipeDreamIsTheWorkOfOneRank) {
  const Schedule schedule =
      generate_schedule("pipedream", {.stages_per_chunk = 4, .chunks = 1, .microbatches = 8});
  EXPECT_DOUBLE_EQ(steady_state_period(schedule, {}), 8 * 3.0);
  UnitCosts slow_stage;
  slow_stage.forward_by_stage = {1, 2, 1, 1};
  EXPECT_DOUBLE_EQ(steady_state_period(schedule, slow_stage), 8 * 4.0);
}

TEST(LowerBound, OfOneMicrobatchIsItsWay) {
  const Schedule schedule =
      generate_schedule("zb_h1", {.stages_per_chunk = 3, .chunks = 1, .microbatches = 1});
  // three forwards, three input gradients, four hops, the last weight gradient
  EXPECT_DOUBLE_EQ(makespan_lower_bound(schedule, costs(2, 3, 1, 0.5)), 6 + 9 + 2 + 1);
}

TEST(LowerBound, CountsTheTurnOfEveryMicrobatchWhenOneMayLive) {
  const Schedule schedule =
      generate_schedule("zb_h1", {.stages_per_chunk = 3, .chunks = 1, .microbatches = 5});
  EXPECT_DOUBLE_EQ(makespan_lower_bound(schedule, {}, 1), 5 * (3 + 3 + 1));
}

TEST(LowerBound, CountsWhatOverlappingCanSave) {
  const Schedule schedule =
      generate_schedule("dualpipe_v", {.stages_per_chunk = 2, .chunks = 2, .microbatches = 4});
  UnitCosts free_forwards;
  free_forwards.overlap = 2.0;
  EXPECT_LE(makespan_lower_bound(schedule, free_forwards),
            evaluate(schedule, free_forwards).makespan);
}

}  // namespace
}  // namespace plumbline
