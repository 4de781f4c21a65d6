// Overlapped pairs (DualPipe's F&B): atomic, and as long as they are told to be.

#include <gtest/gtest.h>

#include "tests/unit/lowering/pipelines.h"

namespace plumbline::test {
namespace {

// Rank 0 overlaps the forward of micro-batch 1 with the backward of micro-batch 0.
Schedule one_pair() {
  Schedule schedule = rows(2, {"0F0 0F1 0B0 0B1", "1F0 1B0 1F1 1B1"});
  schedule.ranks[0][1].overlaps_next = true;
  return schedule;
}

TEST(OverlappedPair, StartsWhenAllItsInputsAreThereAndEndsAsOne) {
  const Ran ran = run(one_pair(), uniform_costs(2));
  // 1B0 ends at 4: only then the pair of 1 + 2 ms may start, although 0F1 alone could at 1.
  EXPECT_DOUBLE_EQ(ran.start_ms("0F1"), 4.0);
  EXPECT_DOUBLE_EQ(ran.finish_ms("0B0"), 7.0);
  // Its forward is delivered at its end, not after 1 ms.
  EXPECT_DOUBLE_EQ(ran.start_ms("1F1"), 7.0);
}

TEST(OverlappedPair, HidesExpertCommunicationUnderThePartnerAndSaysSo) {
  TrainingCosts costs = uniform_costs(2);
  for (StageCost& stage : costs.stages) {
    stage.forward.expert_comm = ms(1.0);   // fits under the backward's 2 ms
    stage.backward.expert_comm = ms(4.0);  // 3 ms stick out of the forward's 1 ms
  }
  // 0F0 0-2, 1F0 2-4, 1B0 4-10, then the pair.
  EXPECT_DOUBLE_EQ(run(one_pair(), costs, {.pairs_hide_expert_comm = false}).finish_ms("0B0"),
                   10.0 + (1 + 1) + (2 + 4));
  const Ran hidden = run(one_pair(), costs);
  EXPECT_DOUBLE_EQ(hidden.finish_ms("0B0"), 10.0 + 1 + (2 + 3));
  ASSERT_EQ(hidden.step.assumptions.size(), 1u);
  EXPECT_NE(hidden.step.assumptions[0].find("overlapped pairs"), std::string::npos);
}

TEST(OverlappedPair, RunsDualPipeOnBothCopiesOfTheWeights) {
  // README of DualPipe: the bubble is (P/2-1)(F&B + B - 3W) for F = I; with F = I = W = 1 and a
  // pair of F + B = 3 that is (P/2-1) * 2 on top of M/2 * 2 * 3.
  const Schedule schedule = make("dualpipe", 4, 16);
  EXPECT_DOUBLE_EQ(run(schedule, uniform_costs(schedule.num_stages())).end_ms(),
                   16 * 3.0 + 1 * 2.0);
}

}  // namespace
}  // namespace plumbline::test
