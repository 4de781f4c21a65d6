// Lengths of whole steps against closed forms, and schedules that cannot run.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/core/diagnostic.h"
#include "tests/unit/lowering/pipelines.h"

namespace plumbline::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// F = 1, B = I + W = 3.
const Milliseconds kCosts{.forward = 1.0, .input_grad = 2.0, .weight_grad = 1.0};

TEST(LowerTraining, MakesOneFOneBAsLongAsMicrobatchesPlusStagesMinusOneRounds) {
  for (const int microbatches : {1, 3, 4, 16}) {
    const Ran ran = run(make("1f1b", 4, microbatches), uniform_costs(4, kCosts));
    EXPECT_DOUBLE_EQ(ran.end_ms(), (microbatches + 4 - 1) * (1.0 + 3.0));
  }
}

TEST(LowerTraining, MakesGPipeAsLongAsOneFOneB) {
  EXPECT_DOUBLE_EQ(run(make("gpipe", 4, 8), uniform_costs(4, kCosts)).end_ms(), (8 + 3) * 4.0);
}

TEST(LowerTraining, SharesTheInterleavedBubbleAmongTheChunks) {
  // Idle (P-1)(F+B) in chunk units on top of M * V * (F+B): Narayanan et al., arXiv:2104.04473.
  const Ran ran = run(make("interleaved_1f1b", 4, 8, 2), uniform_costs(8, kCosts));
  EXPECT_DOUBLE_EQ(ran.end_ms(), (8 * 2 + 3) * 4.0);
}

TEST(LowerTraining, FillsTheBubbleWithWeightGradientsInZeroBubbleOnePass) {
  // Idle (P-1) * max(F, F+I-W) for F = I = W: Qi et al., arXiv:2401.10241.
  const Ran ran = run(make("interleaved_zb", 4, 8, 1), uniform_costs(4));
  EXPECT_DOUBLE_EQ(ran.end_ms(), 8 * 3.0 + 3.0);
}

TEST(LowerTraining, NeedsNoTransferWhereAVTurnsOnItsRank) {
  const Ran ran = run(make("zb_v", 2, 4, 2), uniform_costs(4, {.hop = 0.5}));
  for (const TaskLabel& label : ran.step.labels) {
    if (label.kind == TaskKind::kTransfer) {
      EXPECT_NE(label.rank, label.peer);
    }
  }
  // Stages 1 and 2 are both on rank 1: two of three boundaries cross, both ways.
  EXPECT_EQ(ran.step.hops, 2 * 2 * 4);
}

TEST(LowerTraining, KeepsLabelsAndTasksInStep) {
  const Ran ran = run(make("1f1b", 3, 5), uniform_costs(3, {.hop = 0.25}));
  ASSERT_EQ(ran.step.labels.size(), ran.step.graph.num_tasks());
  for (int rank = 0; rank < 3; ++rank) {
    const Schedule schedule = make("1f1b", 3, 5);
    ASSERT_EQ(ran.step.rank_ops[rank].size(), schedule.ranks[rank].size());
    for (std::size_t i = 0; i < schedule.ranks[rank].size(); ++i) {
      const TaskLabel& label = ran.step.labels[ran.step.rank_ops[rank][i]];
      EXPECT_EQ(static_cast<int>(label.kind), static_cast<int>(schedule.ranks[rank][i].kind));
      EXPECT_EQ(label.microbatch, schedule.ranks[rank][i].microbatch);
      EXPECT_EQ(label.rank, rank);
    }
  }
}

TEST(LowerTraining, NamesTheWaitingCycleOfADeadlock) {
  // Rank 0 wants the gradient of micro-batch 0 before it sends micro-batch 1, and rank 1 wants
  // micro-batch 1 before it makes that gradient.
  const Schedule schedule = rows(2, {"0F0 0B0 0F1 0B1", "1F0 1F1 1B0 1B1"});
  try {
    lower_training(schedule, uniform_costs(2));
    FAIL() << "the deadlock was not found";
  } catch (const InputError& error) {
    ASSERT_EQ(error.diagnostics().size(), 1u);
    EXPECT_EQ(error.diagnostics()[0].path, "schedule");
    EXPECT_THAT(error.diagnostics()[0].problem, AllOf(HasSubstr("rank 0 waits at 0B0 for 1B0"),
                                                      HasSubstr("rank 1 waits at 1F1 for 0F1")));
  }
}

TEST(LowerTraining, FindsADeadlockBehindBlockingTransfersToo) {
  TrainingCosts costs = uniform_costs(2);
  costs.blocking_hops = true;
  EXPECT_THROW(lower_training(rows(2, {"0F0 0B0 0F1 0B1", "1F0 1F1 1B0 1B1"}), costs), InputError);
}

TEST(LowerTraining, SaysWhichOperationNoRankRuns) {
  const Schedule schedule = rows(1, {"0F0 0B0", "1B0"});
  try {
    lower_training(schedule, uniform_costs(2));
    FAIL() << "the missing forward was not found";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("rank 1 waits at 1B0 for 1F0, which no rank runs"));
  }
}

TEST(LowerTraining, RefusesCostsOfAnotherPipeline) {
  EXPECT_THROW(lower_training(make("1f1b", 4, 4), uniform_costs(3)), std::invalid_argument);
}

}  // namespace
}  // namespace plumbline::test
