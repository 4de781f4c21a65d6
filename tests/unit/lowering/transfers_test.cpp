// Hops between ranks: overlapped, folded, queued on a link, blocking.

#include <gtest/gtest.h>

#include "tests/unit/lowering/pipelines.h"

namespace plumbline::test {
namespace {

TrainingCosts blocking(TrainingCosts costs) {
  costs.blocking_hops = true;
  return costs;
}

TEST(OverlappedTransfers, AddTwiceTheDepthInHopsToGPipe) {
  // GPipe with latency c: + 2(P-1)c, however many micro-batches.
  const Ran ran = run(make("gpipe", 4, 8), uniform_costs(4, {.hop = 0.125}));
  EXPECT_DOUBLE_EQ(ran.end_ms(), (8 + 3) * 3.0 + 2 * 3 * 0.125);
}

TEST(OverlappedTransfers, AddToOneFOneBWithEveryRoundOfThePipeline) {
  // 1F1B with latency c, M a multiple of P: + (2(P-1)M/P + 2(P-2))c.
  const int ranks = 4, microbatches = 16;
  const Ran ran = run(make("1f1b", ranks, microbatches), uniform_costs(ranks, {.hop = 0.0625}));
  const double hops = 2.0 * (ranks - 1) * microbatches / ranks + 2 * (ranks - 2);
  EXPECT_DOUBLE_EQ(ran.end_ms(), (microbatches + ranks - 1) * 3.0 + hops * 0.0625);
}

TEST(OverlappedTransfers, DoNotDelayTheSendersNextOperation) {
  const Ran ran = run(make("gpipe", 2, 2), uniform_costs(2, {.hop = 0.5}));
  EXPECT_DOUBLE_EQ(ran.start_ms("0F1"), 1.0);
  EXPECT_DOUBLE_EQ(ran.start_ms("1F0"), 1.5);
}

TEST(OverlappedTransfers, FollowEachOtherOnALinkThatIsSlowerThanTheirProducer) {
  // Forwards take 1 ms, hops 4 ms: the n-th activation arrives at 1 + 4(n+1).
  const Ran ran = run(make("gpipe", 2, 3), uniform_costs(2, {.hop = 4.0}));
  EXPECT_DOUBLE_EQ(ran.start_ms("1F0"), 5.0);
  EXPECT_DOUBLE_EQ(ran.start_ms("1F1"), 9.0);
  EXPECT_DOUBLE_EQ(ran.start_ms("1F2"), 13.0);
}

TEST(FoldedTransfers, TakeNoTaskAndNoOtherTime) {
  const Schedule schedule = make("1f1b", 4, 8);
  const TrainingCosts costs = uniform_costs(4, {.hop = 0.125});
  const Ran tasks = run(schedule, costs);
  const Ran folded = run(schedule, costs, {.fold_transfers = true});
  EXPECT_EQ(folded.step.labels.size(), 4u * 8 * 2);
  EXPECT_EQ(tasks.step.labels.size(), folded.step.labels.size() + 2 * 3 * 8);
  EXPECT_EQ(folded.end_ms(), tasks.end_ms());
}

TEST(FoldedTransfers, KeepTheTasksOfALinkWhereTheyCanMeet) {
  const Schedule schedule = make("gpipe", 2, 3);
  const TrainingCosts costs = uniform_costs(2, {.hop = 4.0});
  EXPECT_EQ(run(schedule, costs, {.fold_transfers = true}).end_ms(), run(schedule, costs).end_ms());
}

TEST(BlockingTransfers, HoldTheSenderUntilTheReceiverHasTheData) {
  // 0F0 0-1, transfer 1-1.5, then both ranks go on.
  const Ran ran = run(make("gpipe", 2, 2), blocking(uniform_costs(2, {.hop = 0.5})));
  EXPECT_DOUBLE_EQ(ran.start_ms("0F1"), 1.5);
  EXPECT_DOUBLE_EQ(ran.start_ms("1F0"), 1.5);
  // 0F1 ends at 2.5 as 1F0 does: they meet at once.
  EXPECT_DOUBLE_EQ(ran.start_ms("1F1"), 3.0);
}

TEST(BlockingTransfers, WaitForAReceiverThatIsStillBusy) {
  TrainingCosts costs = blocking(uniform_costs(2, {.hop = 0.5}));
  costs.stages[1].forward.compute = ms(4.0);
  const Ran ran = run(make("gpipe", 2, 3), costs);
  // 1F0 runs 1.5-5.5; 0F1 ended at 2.5 and its transfer waits for 5.5; 0F2 waits with it.
  EXPECT_DOUBLE_EQ(ran.start_ms("1F1"), 6.0);
  EXPECT_DOUBLE_EQ(ran.start_ms("0F2"), 6.0);
}

TEST(BlockingTransfers, ExchangeActivationAndGradientAtOnceInSteadyOneFOneB) {
  // Megatron-LM's send_forward_recv_backward: both directions start together, so a steady round
  // costs F + B + 2c and no more, and nothing had to be sent early.
  const int ranks = 4;
  const double hop = 0.25;
  const TrainingCosts costs = blocking(uniform_costs(ranks, {.hop = hop}));
  const Ran shorter = run(make("1f1b", ranks, 16), costs);
  const Ran longer = run(make("1f1b", ranks, 32), costs);
  EXPECT_NEAR((longer.end_ms() - shorter.end_ms()) / 16, 3.0 + 2 * hop, 1e-9);
  EXPECT_EQ(shorter.step.eager_hops, 0);
  EXPECT_TRUE(shorter.step.assumptions.empty());
}

TEST(BlockingTransfers, OfZeroLengthStillMakeTheEndsMeet) {
  TrainingCosts costs = blocking(uniform_costs(2));
  costs.stages[1].forward.compute = ms(4.0);
  EXPECT_DOUBLE_EQ(run(make("gpipe", 2, 3), costs).start_ms("0F2"), 5.0);
}

TEST(BlockingTransfers, HoldOnlyTheirSenderWhereReceivesArePostedAhead) {
  // Split backwards: 0F0 0-1, its transfer holds rank 0 until 1.5; 1F0 runs 1.5-5.5, but 0F1's
  // transfer does not wait for it.
  TrainingCosts costs = blocking(uniform_costs(2, {.hop = 0.5}));
  costs.stages[1].forward.compute = ms(4.0);
  const Schedule schedule =
      rows(3, {"0F0 0F1 0F2 0I0 0W0 0I1 0W1 0I2 0W2", "1F0 1F1 1F2 1I0 1W0 1I1 1W1 1I2 1W2"});
  const Ran ran = run(schedule, costs);
  EXPECT_DOUBLE_EQ(ran.start_ms("0F1"), 1.5);
  EXPECT_DOUBLE_EQ(ran.start_ms("0F2"), 3.0);
  EXPECT_DOUBLE_EQ(ran.start_ms("1F1"), 5.5);
  ASSERT_EQ(ran.step.assumptions.size(), 1u);
  EXPECT_NE(ran.step.assumptions[0].find("hold up their sender only"), std::string::npos);
}

TEST(BlockingTransfers, GoEarlyAndSaySoWhereEveryRankWouldWait) {
  // Each rank sends before it receives: rank 0 holds 0F1's activation until rank 1 comes to 1F1,
  // which stands behind 1F2, whose activation rank 0 makes only after that send.
  const Schedule schedule = rows(3, {"0F0 0F1 0F2 0B0 0B1 0B2", "1F0 1F2 1F1 1B0 1B1 1B2"});
  const Ran ran = run(schedule, blocking(uniform_costs(2, {.hop = 0.5})));
  EXPECT_EQ(ran.step.eager_hops, 1);
  ASSERT_EQ(ran.step.assumptions.size(), 1u);
  EXPECT_NE(ran.step.assumptions[0].find("1 of 6 were sent before the receiver was ready"),
            std::string::npos)
      << ran.step.assumptions[0];
}

}  // namespace
}  // namespace plumbline::test
