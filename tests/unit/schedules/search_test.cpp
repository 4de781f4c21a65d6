#include <gtest/gtest.h>

#include <algorithm>

#include "recorded.h"
#include "schedules/bounds.h"
#include "schedules/catalog.h"
#include "schedules/check.h"
#include "schedules/evaluate.h"
#include "schedules/list_schedule.h"
#include "sim/core/diagnostic.h"

namespace plumbline {
namespace {

using plumbline::testing::Recorded;
using plumbline::testing::RecordedTimes;

int most_alive(const Schedule& schedule) {
  return std::ranges::max(peak_live_activations(schedule));
}

ScheduleOptions limited(int max_live, const UnitCosts& costs = {}) {
  ScheduleOptions options;
  options.max_live_activations = max_live;
  options.costs = costs;
  return options;
}

std::vector<Recorded> searched_orders() {
  std::vector<Recorded> searched;
  for (const Recorded& each : testing::recorded_orders()) {
    const ScheduleEntry* entry = find_schedule(each.schedule);
    const bool small = each.shape.stages() * each.shape.microbatches <= 20;
    if (entry != nullptr && entry->takes("max_live_activations") && small) {
      searched.push_back(each);
    }
  }
  return searched;
}

class SearchedOrder : public ::testing::TestWithParam<Recorded> {};

TEST_P(SearchedOrder, IsLegalKeepsTheReferencesMemoryAndIsNotSlower) {
  const Recorded& recorded = GetParam();
  const int limit = std::ranges::max(recorded.peak_live);
  for (const RecordedTimes& times : recorded.times) {
    const Schedule found =
        generate_schedule(recorded.schedule, recorded.shape, limited(limit, times.costs));
    EXPECT_EQ(found.found_by, "search");
    EXPECT_NO_THROW(check_schedule(found));
    EXPECT_LE(most_alive(found), limit);
    EXPECT_LE(evaluate(found, times.costs).makespan, times.makespan * (1 + 1e-9));
  }
}

INSTANTIATE_TEST_SUITE_P(Reference, SearchedOrder, ::testing::ValuesIn(searched_orders()),
                         [](const auto& info) { return info.param.label(); });

TEST(OrderSearch, ReachesTheLowerBoundWithOneActivationWhereMicrobatchesGoOneByOne) {
  // Three forwards, three input gradients and rank 0's weight gradient, before rank 0 has room for
  // the next micro-batch: 4 * (3 + 3 + 1).
  const Schedule found = generate_schedule(
      "zb_h1", {.stages_per_chunk = 3, .chunks = 1, .microbatches = 4}, limited(1));
  EXPECT_EQ(most_alive(found), 1);
  EXPECT_DOUBLE_EQ(evaluate(found, {}).makespan, 28.0);
}

TEST(OrderSearch, LosesTheBubbleOfZbH1WhereTheWarmUpMayHoldMore) {
  // With 2P - 1 alive and F = I = W only the fill of the pipeline is left: (P - 1) F.
  const PipelineShape shape{.stages_per_chunk = 4, .chunks = 1, .microbatches = 12};
  const Schedule found = generate_schedule("zb_h2", shape, limited(7));
  EXPECT_DOUBLE_EQ(evaluate(found, {}).makespan, 3 * 12 + 3);
}

TEST(OrderSearch, MakesTheSameOrderEveryTime) {
  UnitCosts costs;
  costs.input_grad = 1.7;
  costs.comm = 0.3;
  const PipelineShape shape{.stages_per_chunk = 4, .chunks = 2, .microbatches = 6};
  const Schedule first = generate_schedule("v_half", shape, limited(5, costs));
  const Schedule second = generate_schedule("v_half", shape, limited(5, costs));
  EXPECT_EQ(first.ranks, second.ranks);
}

TEST(OrderSearch, FindsAnOrderForEveryLimitThatHoldsOneMicrobatch) {
  const PipelineShape shape{.stages_per_chunk = 3, .chunks = 2, .microbatches = 4};
  for (int limit = 2; limit <= 7; ++limit) {
    const Schedule found = generate_schedule("zb_v", shape, limited(limit));
    EXPECT_NO_THROW(check_schedule(found)) << limit;
    EXPECT_LE(most_alive(found), limit);
  }
}

TEST(OrderSearch, IsLegalWhenOperationsTakeNoTime) {
  UnitCosts costs;
  costs.forward = 0.0;
  costs.weight_grad = 0.0;
  const PipelineShape shape{.stages_per_chunk = 4, .chunks = 1, .microbatches = 6};
  const Schedule found = generate_schedule("zb_h1", shape, limited(3, costs));
  EXPECT_NO_THROW(check_schedule(found));
}

TEST(OrderSearch, FitsStagesOfDifferentCost) {
  UnitCosts costs;
  costs.forward_by_stage = {1, 1, 3};
  costs.input_grad_by_stage = {1, 1, 3};
  costs.weight_grad_by_stage = {1, 1, 2};
  const PipelineShape shape{.stages_per_chunk = 3, .chunks = 1, .microbatches = 9};
  const Schedule found = generate_schedule("zb_h2", shape, limited(6, costs));
  // The last rank is the bottleneck and need not pause: 2 to reach it and 9 * 8 there, with two
  // weight gradients at its end beside the last gradient's way to rank 0.
  EXPECT_DOUBLE_EQ(evaluate(found, costs).makespan, 2 + 72);
}

TEST(OrderSearch, RefusesALimitBelowOneMicrobatch) {
  try {
    generate_schedule("zb_v", {.stages_per_chunk = 2, .chunks = 2, .microbatches = 2}, limited(1));
    FAIL() << "accepted";
  } catch (const InputError& error) {
    EXPECT_EQ(error.diagnostics().front().path, "schedule.max_live_activations");
    EXPECT_EQ(error.diagnostics().front().hint, "try 2");
  }
}

TEST(ListSchedule, IsAnActiveScheduleOfTheShop) {
  // Two ranks, one micro-batch: F0 F1 I1 then I0 beside W1, then W0.
  const Schedule placed =
      generate_schedule("zb_h1", {.stages_per_chunk = 2, .chunks = 1, .microbatches = 1});
  const JobShop shop = make_job_shop(placed, to_ticks({}, 2), 1);
  const auto order = list_schedule(shop, TickTimes(shop.operations(), 0));
  ASSERT_TRUE(order.has_value());
  EXPECT_EQ(order->starts, (TickTimes{0, 1, 3, 2, 4, 3}));  // F0 F1 I0 I1 W0 W1
  EXPECT_EQ(order->makespan, 5);
}

TEST(ListSchedule, TakesAsLongWhenTimeRunsBackwards) {
  const Schedule placed =
      generate_schedule("zb_h1", {.stages_per_chunk = 3, .chunks = 1, .microbatches = 1});
  const JobShop shop = make_job_shop(placed, to_ticks({}, 3), 1);
  const JobShop back = reversed(shop);
  const TickTimes none(shop.operations(), 0);
  EXPECT_EQ(list_schedule(back, none)->makespan, list_schedule(shop, none)->makespan);
}

}  // namespace
}  // namespace plumbline
