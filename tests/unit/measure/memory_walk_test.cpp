// Peaks of memory: 1 MB at rest, 10 MB per live activation, 2 MB during F, 3 MB during B or I,
// 4 MB kept from I to W (measured.h).

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/measure/measured.h"

namespace plumbline::test {
namespace {

TEST(MemoryWalk, KeepsMinOfRemainingDepthAndMicrobatchesAliveInOneFOneB) {
  for (const int microbatches : {2, 4, 9}) {
    const TrainingResult result = measure(make("1f1b", 4, microbatches), uniform_costs(4));
    for (int r = 0; r < 4; ++r) {
      const int live = std::min(4 - r, microbatches);
      EXPECT_EQ(result.ranks[r].peak_live_activations, live);
      // The last live activation is joined by the first backward's 3 MB.
      EXPECT_DOUBLE_EQ(result.ranks[r].peak.total().base(), (1 + 10 * live + 3) * kMega);
      EXPECT_DOUBLE_EQ(result.ranks[r].peak.workspace.base(), 3 * kMega);
    }
    EXPECT_DOUBLE_EQ(result.peak_memory_bytes, result.ranks[0].peak.total().base());
  }
}

TEST(MemoryWalk, KeepsEveryMicrobatchAliveInGPipe) {
  const TrainingResult result = measure(make("gpipe", 2, 7), uniform_costs(2));
  EXPECT_EQ(result.ranks[0].peak_live_activations, 7);
  EXPECT_EQ(result.ranks[0].peak_operation.substr(0, 2), "0B");
}

TEST(MemoryWalk, NamesTheFirstMomentOfThePeak) {
  const TrainingResult result = measure(make("1f1b", 2, 4), uniform_costs(2));
  // 0F0 0F1 | 0B0 starts when 1B0 has ended, at 1 + 1 + 2 ms.
  EXPECT_EQ(result.ranks[0].peak_operation, "0B0");
  EXPECT_NEAR(result.ranks[0].peak_time_s, 4e-3, 1e-15);
}

TEST(MemoryWalk, KeepsAfterTheInputGradientOnlyWhatTheWeightGradientNeeds) {
  const Schedule schedule = rows(2, {"0F0 0I0 0F1 0I1 0W0 0W1"});
  const TrainingResult result = measure(schedule, uniform_costs(1));
  // At 0I1: 4 of micro-batch 0, 10 of micro-batch 1, 3 for the operation.
  EXPECT_DOUBLE_EQ(result.peak_memory_bytes, (1 + 4 + 10 + 3) * kMega);
  EXPECT_EQ(result.ranks[0].peak_operation, "0I1");
  EXPECT_EQ(result.ranks[0].peak_live_activations, 2);
}

TEST(MemoryWalk, HoldsBothOperationsOfAPairAtOnce) {
  Schedule schedule = rows(2, {"0F0 0F1 0B0 0B1"});
  schedule.ranks[0][1].overlaps_next = true;
  const TrainingResult result = measure(schedule, uniform_costs(1));
  EXPECT_DOUBLE_EQ(result.peak_memory_bytes, (1 + 2 * 10 + 2 + 3) * kMega);
  EXPECT_EQ(result.ranks[0].peak_operation, "(0F1;0B0)");
}

TEST(MemoryWalk, EndsWhereItBegan) {
  const TrainingResult result = measure(make("zb_v", 2, 6, 2), uniform_costs(4), {}, true);
  for (const RankResult& rank : result.ranks) {
    ASSERT_FALSE(rank.memory_over_time.empty());
    EXPECT_DOUBLE_EQ(rank.memory_over_time.front().bytes, 1 * kMega);
    EXPECT_DOUBLE_EQ(rank.memory_over_time.back().bytes, 1 * kMega);
    double highest = 0;
    for (const MemoryPoint& point : rank.memory_over_time) highest = std::max(highest, point.bytes);
    EXPECT_DOUBLE_EQ(highest, rank.peak.total().base());
  }
}

}  // namespace
}  // namespace plumbline::test
