// Why ranks idle, on pipelines small enough to draw.

#include <gtest/gtest.h>

#include "tests/unit/measure/measured.h"

namespace plumbline::test {
namespace {

TEST(IdleCauses, OfEqualStagesAreWarmUpDrainAndDependency) {
  // 1f1b, F = 1, B = 2: rank r waits r forwards at first and r backwards at the end; the rest of
  // its (P-1)(F+B) lies between its warm-up and its first backward.
  const TrainingResult result = measure(make("1f1b", 4, 8), uniform_costs(4));
  for (int r = 0; r < 4; ++r) {
    const IdleCauses& idle = result.ranks[r].idle_by_cause;
    EXPECT_NEAR(idle.warm_up, r * 1e-3, 1e-12) << "rank " << r;
    EXPECT_NEAR(idle.drain, r * 2e-3, 1e-12) << "rank " << r;
    EXPECT_NEAR(idle.dependency, (3 - r) * 3e-3, 1e-12) << "rank " << r;
    EXPECT_EQ(idle.imbalance, 0.0);
    EXPECT_EQ(idle.forward_comm + idle.backward_comm + idle.slow_link, 0.0);
  }
}

TEST(IdleCauses, CallItImbalanceAsFarAsTheBusiestRankWorksLonger) {
  // Stage 1 takes 4 instead of 3 ms, 8 times.  Rank 0 idles 3 ms as in the balanced pipeline
  // (while stage 1 turns its first micro-batch: 4 - its own second forward's 1) and for the rest
  // because stage 1 works 8 ms longer.
  TrainingCosts costs = uniform_costs(2);
  costs.stages[1].backward.compute = ms(3);
  const TrainingResult result = measure(make("1f1b", 2, 8), costs);
  const RankResult& rank = result.ranks[0];
  EXPECT_NEAR(result.compute_phase_s, (1 + 8 * 4 + 2) * 1e-3, 1e-12);
  EXPECT_NEAR(rank.idle_s, (35 - 24) * 1e-3, 1e-12);
  EXPECT_NEAR(rank.idle_by_cause.imbalance, 8e-3, 1e-12);
  EXPECT_NEAR(rank.idle_by_cause.dependency, 3e-3, 1e-12);
  EXPECT_EQ(result.ranks[1].idle_by_cause.imbalance, 0.0);
}

TEST(IdleCauses, SplitAHopsWaitByDirection) {
  // One micro-batch: 0F0 0-1, hop, 1F0 1.5-2.5, 1B0 2.5-4.5, hop, 0B0 5-7.
  const TrainingResult result = measure(make("1f1b", 2, 1), uniform_costs(2, {.hop = 0.5}));
  const IdleCauses& first = result.ranks[0].idle_by_cause;
  EXPECT_NEAR(first.backward_comm, 0.5e-3, 1e-15);
  EXPECT_NEAR(first.dependency, (4.5 - 1) * 1e-3, 1e-12);
  const IdleCauses& second = result.ranks[1].idle_by_cause;
  EXPECT_NEAR(second.forward_comm, 0.5e-3, 1e-15);
  EXPECT_NEAR(second.warm_up, 1e-3, 1e-15);
  EXPECT_NEAR(second.drain, 2.5e-3, 1e-12);
}

TEST(IdleCauses, ChargeASlowHopWithWhatItTakesBeyondTheMedian) {
  TrainingCosts costs = uniform_costs(4, {.hop = 0.25});
  costs.forward_hop[1].latency = ms(1.0);
  const TrainingResult result = measure(make("1f1b", 4, 1), costs);
  EXPECT_NEAR(result.ranks[1].idle_by_cause.slow_link, 0.0, 1e-15);
  EXPECT_NEAR(result.ranks[2].idle_by_cause.forward_comm, 0.25e-3, 1e-15);
  EXPECT_NEAR(result.ranks[2].idle_by_cause.slow_link, 0.75e-3, 1e-15);
}

TEST(IdleCauses, CountOnlyTheExposedPartOfAHop) {
  // GPipe: behind the first one, activations travel while the receiver works.
  const TrainingResult result = measure(make("gpipe", 2, 8), uniform_costs(2, {.hop = 0.5}));
  EXPECT_NEAR(result.ranks[1].idle_by_cause.forward_comm, 0.5e-3, 1e-15);
}

TEST(IdleCauses, CountTheTransferOfABlockingSendAndTheWaitForItsReceiverApart) {
  // 1F0 runs 1.5-5.5; 0F1 ended at 2.5; its transfer, 5.5-6, holds rank 0 until 6.
  TrainingCosts costs = uniform_costs(2, {.hop = 0.5});
  costs.blocking_hops = true;
  costs.stages[1].forward.compute = ms(4.0);
  const TrainingResult result = measure(make("gpipe", 2, 3), costs);
  const IdleCauses& first = result.ranks[0].idle_by_cause;
  // The first two sends, 0.5 ms each, hold up 0F1 and 0F2; the third is over long before the
  // gradient arrives that 0B0 waits for.  Every backward then waits for a hop.
  EXPECT_NEAR(first.forward_comm, 2 * 0.5e-3, 1e-12);
  EXPECT_NEAR(first.backward_comm, 3 * 0.5e-3, 1e-12);
}

TEST(IdleCauses, AreTheSameWhetherTransfersFoldOrNot) {
  const Schedule schedule = make("interleaved_1f1b", 4, 8, 2);
  const TrainingCosts costs = uniform_costs(8, {.hop = 0.125});
  const TrainingResult tasks = measure(schedule, costs);
  const TrainingResult folded = measure(schedule, costs, {.fold_transfers = true});
  for (int r = 0; r < 4; ++r) {
    const IdleCauses &a = tasks.ranks[r].idle_by_cause, &b = folded.ranks[r].idle_by_cause;
    EXPECT_NEAR(a.warm_up, b.warm_up, 1e-15);
    EXPECT_NEAR(a.forward_comm, b.forward_comm, 1e-15);
    EXPECT_NEAR(a.backward_comm, b.backward_comm, 1e-15);
    EXPECT_NEAR(a.dependency, b.dependency, 1e-15);
  }
}

}  // namespace
}  // namespace plumbline::test
