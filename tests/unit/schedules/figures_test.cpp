// The figures of the papers, row by row; schedules/README.md draws the same ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "schedules/catalog.h"
#include "schedules/evaluate.h"

namespace plumbline {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> rows(std::string_view name, int ranks, int chunks, int microbatches,
                              const ScheduleOptions& options = {}) {
  const Schedule schedule = generate_schedule(
      name, {.stages_per_chunk = ranks, .chunks = chunks, .microbatches = microbatches}, options);
  std::vector<std::string> text;
  for (const std::vector<Op>& ops : schedule.ranks) text.push_back(to_string(ops));
  return text;
}

TEST(GPipe, RunsAllForwardsThenAllBackwards) {
  EXPECT_THAT(rows("gpipe", 2, 1, 3),
              ElementsAre("0F0 0F1 0F2 0B0 0B1 0B2", "1F0 1F1 1F2 1B0 1B1 1B2"));
}

TEST(OneFOneB, FollowsTheFigureForThreeStagesAndFourMicrobatches) {
  EXPECT_THAT(rows("1f1b", 3, 1, 4),
              ElementsAre("0F0 0F1 0F2 0B0 0F3 0B1 0B2 0B3", "1F0 1F1 1B0 1F2 1B1 1F3 1B2 1B3",
                          "2F0 2B0 2F1 2B1 2F2 2B2 2F3 2B3"));
}

TEST(OneFOneB, StillFlushesWhenThereAreFewerMicrobatchesThanStages) {
  EXPECT_THAT(rows("1f1b", 4, 1, 2), ElementsAre("0F0 0F1 0B0 0B1", "1F0 1F1 1B0 1B1",
                                                 "2F0 2F1 2B0 2B1", "3F0 3B0 3F1 3B1"));
}

TEST(OneFOneB, RunsTwiceTheForwardsAheadWhenEager) {
  ScheduleOptions eager;
  eager.eager = true;
  // Alpa's figure: five forwards on the first of three stages, three on the second, one on the
  // last.
  EXPECT_THAT(rows("1f1b", 3, 1, 6, eager),
              ElementsAre("0F0 0F1 0F2 0F3 0F4 0B0 0F5 0B1 0B2 0B3 0B4 0B5",
                          "1F0 1F1 1F2 1B0 1F3 1B1 1F4 1B2 1F5 1B3 1B4 1B5",
                          "2F0 2B0 2F1 2B1 2F2 2B2 2F3 2B3 2F4 2B4 2F5 2B5"));
  for (const int microbatches : {3, 12}) {
    const Schedule schedule = generate_schedule(
        "1f1b", {.stages_per_chunk = 4, .chunks = 1, .microbatches = microbatches}, eager);
    const std::vector<int> peaks = peak_live_activations(schedule);
    for (int r = 0; r < 4; ++r) EXPECT_EQ(peaks[r], std::min(2 * (4 - r) - 1, microbatches));
  }
}

TEST(OneFOneB, HidesHopsInTheRoundWhenEager) {
  // 1F1B shows its hops in every round, 2(P-1)M/P + 2(P-2) of them; eager only on the way in and
  // out.
  ScheduleOptions eager;
  eager.eager = true;
  UnitCosts costs;
  costs.comm = 0.25;
  const PipelineShape shape{.stages_per_chunk = 4, .chunks = 1, .microbatches = 16};
  const double ideal = (16 + 3) * 3.0;
  EXPECT_DOUBLE_EQ(evaluate(generate_schedule("1f1b", shape), costs).makespan,
                   ideal + (2 * 3 * 16 / 4 + 2 * 2) * 0.25);
  EXPECT_DOUBLE_EQ(evaluate(generate_schedule("1f1b", shape, eager), costs).makespan,
                   ideal + 2 * 3 * 0.25);
}

TEST(OneFOneB, TakesTheWeightGradientsOutOfTheDrainWhenTheyAreDelayed) {
  ScheduleOptions delayed;
  delayed.delay_weight_grad = true;
  EXPECT_EQ(rows("1f1b", 2, 1, 2, delayed).front(), "0F0 0F1 0I0 0W0 0I1 0W1");
  UnitCosts costs;
  costs.forward = 2.0;
  costs.input_grad = 3.0;
  const PipelineShape shape{.stages_per_chunk = 4, .chunks = 1, .microbatches = 8};
  const Evaluation whole = evaluate(generate_schedule("1f1b", shape), costs);
  const Evaluation split = evaluate(generate_schedule("1f1b", shape, delayed), costs);
  EXPECT_DOUBLE_EQ(whole.idle[0], 3 * (2.0 + 3.0 + 1.0));
  EXPECT_DOUBLE_EQ(split.idle[0], 3 * (2.0 + 3.0));
}

TEST(Interleaved1F1B, WalksTheChunksDepthFirstInGroups) {
  EXPECT_THAT(rows("interleaved_1f1b", 2, 2, 4),
              ElementsAre("0F0 0F1 2F0 2F1 0F2 2B0 0F3 2B1 2F2 0B0 2F3 0B1 2B2 2B3 0B2 0B3",
                          "1F0 1F1 3F0 3B0 3F1 3B1 1F2 1B0 1F3 1B1 3F2 3B2 3F3 3B3 1B2 1B3"));
}

TEST(Interleaved1F1B, WithOneChunkIsPlain1F1BForMegatronAndNotForPyTorch) {
  ScheduleOptions megatron;
  megatron.interleaved_rule = InterleavedRule::kMegatron;
  EXPECT_EQ(rows("interleaved_1f1b", 3, 1, 6, megatron), rows("1f1b", 3, 1, 6));
  EXPECT_NE(rows("interleaved_1f1b", 3, 1, 6), rows("1f1b", 3, 1, 6));
}

TEST(Interleaved1F1B, LetsMegatronsLastGroupBeShort) {
  ScheduleOptions groups_of_three;
  groups_of_three.microbatch_group_size = 3;
  EXPECT_EQ(rows("interleaved_1f1b", 2, 2, 5, groups_of_three).front(),
            "0F0 0F1 0F2 2F0 2F1 2F2 2B0 0F3 2B1 0F4 2B2 2F3 0B0 2F4 0B1 0B2 2B3 2B4 0B3 0B4");
}

TEST(LoopedBfs, ComesBackInReverseOrderOfMicrobatches) {
  EXPECT_THAT(rows("looped_bfs", 2, 2, 3),
              ElementsAre("0F0 0F1 0F2 2F0 2F1 2F2 2B2 2B1 2B0 0B2 0B1 0B0",
                          "1F0 1F1 1F2 3F0 3F1 3F2 3B2 3B1 3B0 1B2 1B1 1B0"));
}

TEST(InterleavedZb, DelaysTheWeightGradientsOfRankRByRMicrobatches) {
  EXPECT_THAT(rows("interleaved_zb", 3, 1, 4),
              ElementsAre("0F0 0F1 0F2 0I0 0W0 0F3 0I1 0W1 0I2 0W2 0I3 0W3",
                          "1F0 1F1 1I0 1F2 1I1 1W0 1F3 1I2 1W1 1I3 1W2 1W3",
                          "2F0 2I0 2F1 2I1 2F2 2I2 2W0 2F3 2I3 2W1 2W2 2W3"));
}

TEST(ZbH1, IsThePapersFigureTwoForTheOrderOfRankZeroAndTheLastRank) {
  // arXiv:2401.10241, figure 2: four stages, eight micro-batches.
  const auto h1 = rows("zb_h1", 4, 1, 8);
  EXPECT_EQ(h1.front(),
            "0F0 0F1 0F2 0F3 0I0 0W0 0F4 0I1 0W1 0F5 0I2 0W2 0F6 0I3 0W3 0F7 0I4 0W4 0I5 0W5 0I6 "
            "0W6 0I7 0W7");
  EXPECT_EQ(h1.back().substr(0, 31), "3F0 3I0 3F1 3I1 3F2 3I2 3F3 3I3");
}

TEST(ZbV, TurnsOnTheLastRankAndComesBackToTheFirst) {
  EXPECT_THAT(rows("zb_v", 2, 2, 3),
              ElementsAre("0F0 0F1 0F2 3F0 3I0 3W0 3F1 3I1 3W1 0I0 0W0 3F2 3I2 3W2 0I1 0W1 0I2 0W2",
                          "1F0 2F0 1F1 2F1 2I0 2W0 1F2 1I0 1W0 2F2 2I1 2W1 1I1 2I2 1I2 1W1 2W2 "
                          "1W2"));
}

TEST(DualPipe, RunsBothDirectionsOnEveryRank) {
  EXPECT_THAT(rows("dualpipe", 2, 2, 4), ElementsAre("0F0 1F2 0F1 1B2 (1F3;0B0) 1B3 0I1 0W1",
                                                     "0F2 1F0 0F3 1B0 (1F1;0B2) 1B1 0I3 0W3"));
}

TEST(DualPipeV, IsOneHalfOfDualPipesPicture) {
  // Rank r of DualPipe-V with P ranks does what rank r of DualPipe with 2P does in its first half:
  // there the far direction's stages and second half of the micro-batches, here the V's way back.
  const Schedule folded =
      generate_schedule("dualpipe_v", {.stages_per_chunk = 2, .chunks = 2, .microbatches = 6});
  const Schedule full =
      generate_schedule("dualpipe", {.stages_per_chunk = 4, .chunks = 2, .microbatches = 12});
  for (int rank = 0; rank < 2; ++rank) {
    std::vector<Op> half = full.ranks[rank];
    for (Op& op : half) {
      if (op.replica == 1) op.microbatch -= 6;
      op.replica = 0;
    }
    EXPECT_EQ(half, folded.ranks[rank]) << rank;
  }
}

TEST(Chimera, FollowsThePapersFigureThree) {
  // arXiv:2107.06925, figure 3: four stages, micro-batches 0 and 1 down, 2 and 3 up.
  EXPECT_THAT(rows("chimera", 4, 2, 4),
              ElementsAre("0F0 0F1 3F2 3B2 3F3 3B3 0B0 0B1", "1F0 2F2 1F1 2F3 2B2 1B0 2B3 1B1",
                          "1F2 2F0 1F3 2F1 2B0 1B2 2B1 1B3", "0F2 0F3 3F0 3B0 3F1 3B1 0B2 0B3"));
}

TEST(Hanayo, SendsEveryMicrobatchDownAndUpTheRanks) {
  EXPECT_THAT(rows("hanayo", 2, 2, 2),
              ElementsAre("0F0 0F1 3F0 3B0 3F1 3B1 0B0 0B1", "1F0 2F0 1F1 2F1 2B0 1B0 2B1 1B1"));
}

TEST(PipeDream, Is1F1BThatNeverFlushesAndStashesWeights) {
  const PipelineShape shape{.stages_per_chunk = 3, .chunks = 1, .microbatches = 6};
  const Schedule stashing = generate_schedule("pipedream", shape);
  const Schedule two_versions = generate_schedule("pipedream_2bw", shape);
  EXPECT_EQ(stashing.ranks, generate_schedule("1f1b", shape).ranks);
  EXPECT_EQ(two_versions.ranks, stashing.ranks);
  EXPECT_FALSE(stashing.flushes);
  EXPECT_FALSE(two_versions.flushes);
  EXPECT_THAT(stashing.weight_versions, ElementsAre(3, 2, 1));
  EXPECT_THAT(two_versions.weight_versions, ElementsAre(2, 2, 2));
}

}  // namespace
}  // namespace plumbline
