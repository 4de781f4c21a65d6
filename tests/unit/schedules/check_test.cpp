#include "schedules/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "schedules/catalog.h"

namespace plumbline {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Schedule two_ranks() {
  return generate_schedule("1f1b", {.stages_per_chunk = 2, .chunks = 1, .microbatches = 2});
}

std::vector<std::string> problems(const Schedule& schedule) {
  std::vector<std::string> texts;
  for (const Diagnostic& each : schedule_problems(schedule)) texts.push_back(each.problem);
  return texts;
}

TEST(ScheduleCheck, FindsNothingWrongWith1F1B) {
  EXPECT_THAT(problems(two_ranks()), ElementsAre());
  EXPECT_FALSE(find_deadlock(two_ranks()).has_value());
}

TEST(ScheduleCheck, NamesTheWaitingCycleInOperationsAndRanks) {
  Schedule schedule = two_ranks();
  // rank 0: 0F0 0B0 0F1 0B1, rank 1: 1F1 1B1 1F0 1B0
  schedule.ranks[0] = {schedule.ranks[0][0], schedule.ranks[0][2], schedule.ranks[0][1],
                       schedule.ranks[0][3]};
  schedule.ranks[1] = {schedule.ranks[1][2], schedule.ranks[1][3], schedule.ranks[1][0],
                       schedule.ranks[1][1]};
  EXPECT_THAT(problems(schedule),
              ElementsAre("the order deadlocks: rank 0 waits at 0B0 for 1B0 of rank 1; rank 1 "
                          "waits at 1F1 for 0F1 of rank 0"));
}

TEST(ScheduleCheck, NamesAnOperationThatStandsBeforeItsOwnInput) {
  Schedule schedule = two_ranks();
  std::swap(schedule.ranks[1][0], schedule.ranks[1][1]);  // 1B0 1F0 ...
  EXPECT_THAT(problems(schedule),
              ElementsAre("the order deadlocks: rank 1 waits at 1B0 for 1F0, which stands later in "
                          "its own row"));
}

TEST(ScheduleCheck, NamesAMissingAndADoubledOperation) {
  Schedule schedule = two_ranks();
  schedule.ranks[0].pop_back();
  EXPECT_THAT(problems(schedule), ElementsAre("the backward of stage 0, micro-batch 1 is missing"));
  schedule = two_ranks();
  schedule.ranks[1].push_back(schedule.ranks[1].front());
  EXPECT_THAT(problems(schedule),
              ElementsAre("the forward of stage 1, micro-batch 0 runs 2 times"));
}

TEST(ScheduleCheck, NamesAnOperationOnTheWrongRank) {
  Schedule schedule = two_ranks();
  schedule.ranks[0].push_back(schedule.ranks[1].back());
  schedule.ranks[1].pop_back();
  EXPECT_THAT(problems(schedule), Contains("rank 0 runs 1B1, but stage 1 is on rank 1"));
}

TEST(ScheduleCheck, RefusesABackwardThatIsWholeAndSplit) {
  Schedule schedule =
      generate_schedule("zb_h1", {.stages_per_chunk = 1, .chunks = 1, .microbatches = 1});
  schedule.ranks[0].push_back({OpKind::kBackward, false, 0, 0, 0});
  EXPECT_THAT(problems(schedule), ElementsAre(HasSubstr("both whole (B) and split (I, W)")));
}

TEST(ScheduleCheck, SeesThatAnOverlappedPairWaitsForTheInputsOfBothParts) {
  // One rank cannot overlap a forward with the backward of the same micro-batch.
  Schedule schedule =
      generate_schedule("gpipe", {.stages_per_chunk = 1, .chunks = 1, .microbatches = 1});
  schedule.ranks[0][0].overlaps_next = true;
  ASSERT_TRUE(find_deadlock(schedule).has_value());
  EXPECT_EQ(find_deadlock(schedule)->waits.front().rank, 0);
}

TEST(ScheduleCheck, ThrowsWhatItFound) {
  Schedule schedule = two_ranks();
  schedule.ranks[0].clear();
  EXPECT_THROW(check_schedule(schedule), InputError);
  EXPECT_NO_THROW(check_schedule(two_ranks()));
}

}  // namespace
}  // namespace plumbline
