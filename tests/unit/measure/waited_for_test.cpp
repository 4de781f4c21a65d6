// What an operation waited for while its rank stood idle.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/measure/releases.h"
#include "tests/unit/measure/measured.h"

namespace plumbline::test {
namespace {

std::vector<std::string> names(const Ran& ran, int rank) {
  std::vector<std::string> names;
  const auto waits = waited_for(ran.step, ran.timeline);
  for (const TaskId task : waits[rank]) {
    names.push_back(task_name(ran.step, task));
  }
  return names;
}

TEST(WaitedFor, NamesTheOperationWhoseResultArrivedLast) {
  // rank 0: 0F0 0F1 0B0 0B1, rank 1: 1F0 1B0 1F1 1B1
  for (const double hop : {0.0, 0.5}) {
    const Ran ran = run(make("1f1b", 2, 2), uniform_costs(2, {.hop = hop}));
    EXPECT_THAT(names(ran, 0), testing::ElementsAre("", "", "1B0", "1B1"));
    EXPECT_THAT(names(ran, 1), testing::ElementsAre("0F0", "", "", ""));
  }
}

TEST(WaitedFor, NamesTheReceiversOperationThatHeldABlockingSend) {
  TrainingCosts costs = uniform_costs(2, {.hop = 0.5});
  costs.blocking_hops = true;
  costs.stages[1].forward.compute = ms(4.0);
  const Ran ran = run(make("gpipe", 2, 3), costs);
  EXPECT_EQ(names(ran, 0)[2], "1F0");  // 0F2 starts when 0F1's activation could be handed over
}

TEST(WaitedFor, LooksThroughTheMarkerOfALastBackward) {
  TrainingCosts costs = uniform_costs(2, {.hop = 0.5});
  costs.data.assign(2, {.reduce = ms(1), .last_bucket = ms(0.5), .gather = {}, .first_bucket = {}});
  EXPECT_EQ(names(run(make("1f1b", 2, 2), costs), 0)[3], "1B1");
}

TEST(WaitedFor, NamesTheMemberOfAPairThatWasNeeded) {
  // Rank 0 runs 0F1 and 0B0 as a pair; 1F1 needs its forward, which is handed over at the end.
  Schedule schedule = rows(2, {"0F0 0F1 0B0 0B1", "1F0 1B0 1F1 1B1"});
  schedule.ranks[0][1].overlaps_next = true;
  EXPECT_EQ(names(run(schedule, uniform_costs(2, {.hop = 0.5})), 1)[2], "0F1");
}

}  // namespace
}  // namespace plumbline::test
