// What every schedule promises, checked for every row of the catalogue in every shape it allows.
#include <gtest/gtest.h>

#include <set>

#include "every_schedule.h"
#include "schedules/check.h"
#include "schedules/evaluate.h"
#include "schedules/pytorch_csv.h"

namespace plumbline {
namespace {

using plumbline::testing::Case;

class EverySchedule : public ::testing::Test {
 protected:
  static const std::vector<Case>& cases() {
    static const std::vector<Case> all = testing::every_schedule_in_every_shape();
    return all;
  }
  static Schedule make(const Case& each) {
    return generate_schedule(each.name, each.shape, each.options);
  }
};

TEST_F(EverySchedule, HasAShapeInThisSuite) {
  std::set<std::string> covered;
  for (const Case& each : cases()) covered.insert(each.name);
  for (const ScheduleEntry& entry : all_schedules()) {
    EXPECT_EQ(covered.count(std::string(entry.name)), 1u) << entry.name;
  }
}

TEST_F(EverySchedule, RunsEachMicrobatchForwardAndBackwardOncePerStageAndNeverDeadlocks) {
  for (const Case& each : cases()) {
    SCOPED_TRACE(each.label());
    EXPECT_NO_THROW(check_schedule(make(each)));
  }
}

TEST_F(EverySchedule, IsCalledByItsNameAndFoundByItsRule) {
  for (const Case& each : cases()) {
    SCOPED_TRACE(each.label());
    const Schedule schedule = make(each);
    EXPECT_EQ(schedule.name, each.name);
    const bool searches = find_schedule(each.name)->takes("search_budget");
    EXPECT_EQ(schedule.found_by, searches ? "search" : "rule");
    EXPECT_EQ(schedule.num_ranks(), each.shape.ranks());
    EXPECT_EQ(schedule.shape.microbatches, each.shape.microbatches);
  }
}

TEST_F(EverySchedule, SurvivesTheWayThroughACsv) {
  for (const Case& each : cases()) {
    SCOPED_TRACE(each.label());
    const Schedule schedule = make(each);
    const Schedule back = parse_pytorch_csv(to_pytorch_csv(schedule), "out.csv").schedule;
    ASSERT_EQ(to_pytorch_csv(back), to_pytorch_csv(schedule));
    EXPECT_EQ(back.num_stages(), schedule.num_stages());
    if (schedule.shape.ranks() > 1) {
      EXPECT_EQ(back.stage_rank, schedule.stage_rank);
      EXPECT_EQ(back.ranks, schedule.ranks);
    }
  }
}

TEST_F(EverySchedule, HoldsNoMoreThanEveryActivationOfARank) {
  for (const Case& each : cases()) {
    SCOPED_TRACE(each.label());
    const Schedule schedule = make(each);
    const int stages_per_rank = schedule.num_stages() / schedule.num_ranks();
    for (const int peak : peak_live_activations(schedule)) {
      EXPECT_GE(peak, 1);
      EXPECT_LE(peak, stages_per_rank * each.shape.microbatches);
    }
  }
}

TEST_F(EverySchedule, KeepsEveryRankBusyForItsShareOfTheWork) {
  UnitCosts costs;
  costs.forward = 1.0;
  costs.input_grad = 1.25;
  costs.weight_grad = 0.75;
  for (const Case& each : cases()) {
    SCOPED_TRACE(each.label());
    const Schedule schedule = make(each);
    const double share =
        3.0 * schedule.num_stages() * each.shape.microbatches / schedule.num_ranks();
    for (const double busy : evaluate(schedule, costs).busy) EXPECT_DOUBLE_EQ(busy, share);
  }
}

TEST_F(EverySchedule, IsNotFasterWithALatency) {
  UnitCosts with_latency;
  with_latency.comm = 0.25;
  for (const Case& each : cases()) {
    SCOPED_TRACE(each.label());
    const Schedule schedule = make(each);
    EXPECT_GE(evaluate(schedule, with_latency).makespan, evaluate(schedule, {}).makespan);
  }
}

}  // namespace
}  // namespace plumbline
