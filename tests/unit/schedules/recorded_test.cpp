// Our generators and our evaluator against orders and figures of public reference implementations.
#include "recorded.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schedules/catalog.h"
#include "schedules/evaluate.h"
#include "schedules/pytorch_csv.h"
#include "schedules/zbv_greedy.h"

namespace plumbline {
namespace {

using plumbline::testing::Recorded;
using plumbline::testing::recorded_orders;
using plumbline::testing::RecordedTimes;

// The files have six digits.
constexpr double kTolerance = 2e-5;

std::vector<double> rounded_apart(const std::vector<double>& values,
                                  const std::vector<double>& to) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < values.size(); ++i) differences.push_back(values[i] - to.at(i));
  return differences;
}

class RecordedOrder : public ::testing::TestWithParam<Recorded> {};

TEST_P(RecordedOrder, IsWhatTheGeneratorMakesOperationForOperation) {
  const Recorded& recorded = GetParam();
  if (recorded.schedule == "none") GTEST_SKIP() << "an order without a schedule of its name";
  const UnitCosts costs = recorded.made_for.value_or(UnitCosts{});
  Schedule schedule;
  if (recorded.reference == "ZBV_sail") {
    const auto made = zbv_greedy(recorded.shape, 2 * recorded.shape.ranks(),
                                 to_ticks(costs, recorded.shape.stages()));
    ASSERT_TRUE(made.has_value());
    schedule = *made;
  } else {
    ScheduleOptions options;
    options.costs = costs;
    options.microbatch_group_size = recorded.group;
    schedule = generate_schedule(recorded.schedule, recorded.shape, options);
  }
  EXPECT_EQ(to_pytorch_csv(schedule), recorded.csv);
}

TEST_P(RecordedOrder, HasItsShapeReadBackFromTheRows) {
  const PyTorchCsv csv = parse_pytorch_csv(GetParam().csv, "recorded");
  EXPECT_EQ(csv.schedule.shape, GetParam().shape);
  EXPECT_FALSE(csv.old_notation);
  EXPECT_EQ(csv.schedule.replicas, GetParam().schedule == "dualpipe" ? 2 : 1);
}

TEST_P(RecordedOrder, TakesTheRecordedTimeAndMemory) {
  const Schedule schedule = parse_pytorch_csv(GetParam().csv, "recorded").schedule;
  EXPECT_EQ(peak_live_activations(schedule), GetParam().peak_live);
  ASSERT_FALSE(GetParam().times.empty());
  for (const RecordedTimes& times : GetParam().times) {
    const Evaluation evaluation = evaluate(schedule, times.costs);
    EXPECT_NEAR(evaluation.makespan, times.makespan, kTolerance * times.makespan);
    const auto near_zero = ::testing::Each(::testing::DoubleNear(0.0, kTolerance * times.makespan));
    EXPECT_THAT(rounded_apart(evaluation.idle, times.idle), near_zero);
    EXPECT_THAT(rounded_apart(evaluation.span_idle, times.span_idle), near_zero);
  }
}

INSTANTIATE_TEST_SUITE_P(Reference, RecordedOrder, ::testing::ValuesIn(recorded_orders()),
                         [](const auto& info) { return info.param.label(); });

}  // namespace
}  // namespace plumbline
