// Activations that wait in host memory: one rank, F = 1 ms, B = 2 ms, four micro-batches of GPipe.
//
//   compute   F0 F1 F2 F3 B0- B1- B2- B3-        a stage leaves 10 MB, of which 5 MB are copied out

#include <gtest/gtest.h>

#include "tests/unit/measure/measured.h"

namespace plumbline::test {
namespace {

TrainingResult offloaded(const Schedule& schedule, double copy_ms, int ahead) {
  TrainingCosts costs = uniform_costs(schedule.num_stages());
  costs.host_copy.assign(costs.stages.size(), {.offload = ms(copy_ms), .reload = ms(copy_ms)});
  costs.reload_ahead = ahead;
  MemoryModel memory = simple_memory(schedule);
  for (StageMemory& stage : memory.stages) stage.offloaded = Bytes(5 * kMega);
  const Ran ran = run(schedule, costs);
  const ParallelPlan plan;
  return measure_training({.schedule = schedule,
                           .step = ran.step,
                           .timeline = ran.timeline,
                           .costs = costs,
                           .memory = memory,
                           .plan = plan,
                           .sequences_per_step = 1,
                           .tokens_per_step = 1,
                           .peak_flops = {},
                           .usable_memory = Bytes(80e9)});
}

TEST(Offload, CostsNothingWhereCopiesHideUnderOneOperation) {
  const TrainingResult result = offloaded(make("gpipe", 1, 4), 0.5, 1);
  EXPECT_NEAR(result.iteration_time_s, 12e-3, 1e-12);
  // At B0's start three halves are away, two are back or coming: 4 * 10 - 5, B's 3 and 1 at rest.
  EXPECT_NEAR(result.peak_memory_bytes, 39 * kMega, 1);
  EXPECT_EQ(result.ranks[0].peak_operation, "0B0");
}

TEST(Offload, DelaysEveryBackwardByItsCopyWhereNothingIsFetchedAhead) {
  const TrainingResult result = offloaded(make("gpipe", 1, 4), 0.5, 0);
  EXPECT_NEAR(result.iteration_time_s, (12 + 4 * 0.5) * 1e-3, 1e-12);
  EXPECT_NEAR(result.ranks[0].idle_by_cause.host_copies, 4 * 0.5e-3, 1e-12);
  // At F3's start two halves are away: 4 * 10 - 10, F's 2 and 1 at rest.
  EXPECT_NEAR(result.peak_memory_bytes, 33 * kMega, 1);
  EXPECT_EQ(result.ranks[0].peak_operation, "0F3");
}

TEST(Offload, IsAsSlowAsTheHostLinkWhereThatIsTooSlow) {
  // Out from 1 to 13 ms, back one behind: 1 + 5 * 3, then the last backward.
  const TrainingResult result = offloaded(make("gpipe", 1, 4), 3.0, 1);
  EXPECT_NEAR(result.iteration_time_s, 18e-3, 1e-12);
  EXPECT_NEAR(result.ranks[0].idle_by_cause.host_copies, 6e-3, 1e-12);
  EXPECT_NEAR(sum(result.ranks[0].idle_by_cause), result.ranks[0].idle_s, 1e-12);
  EXPECT_NEAR(sum(result.breakdown), result.iteration_time_s, 1e-12);
  EXPECT_NEAR(sum(result.critical_path), result.iteration_time_s, 1e-12);
}

TEST(Offload, LeavesWhatIsNeededAgainAtOnce) {
  TrainingCosts costs = uniform_costs(4);
  costs.host_copy.assign(4, {.offload = ms(0.5), .reload = ms(0.5)});
  const LoweredStep step = lower_training(make("1f1b", 4, 8), costs);
  ASSERT_EQ(step.host_copies.size(), 4u);
  // Rank r runs 2(P-1-r) operations between a forward and its backward in the steady state.
  EXPECT_EQ(step.host_copies[0].size(), 8u);
  EXPECT_EQ(step.host_copies[3].size(), 0u);
}

TEST(Offload, KeepsEveryBreakdownWhole) {
  for (const char* name : {"gpipe", "1f1b", "interleaved_1f1b", "zb_h1", "zb_v", "dualpipe_v"}) {
    const int chunks = find_schedule(name)->default_chunks;
    const Schedule schedule = make(name, 4, 8, chunks);
    for (const double copy : {0.25, 1.0, 4.0}) {
      const TrainingResult result = offloaded(schedule, copy, 2);
      EXPECT_NEAR(sum(result.breakdown), result.iteration_time_s, 1e-12) << name;
      EXPECT_NEAR(sum(result.critical_path), result.iteration_time_s, 1e-12) << name;
      for (const RankResult& rank : result.ranks) {
        EXPECT_NEAR(sum(rank.idle_by_cause), rank.idle_s, 1e-12) << name;
      }
    }
  }
}

}  // namespace
}  // namespace plumbline::test
