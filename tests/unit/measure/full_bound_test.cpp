// The bound of `run --bound full` on whole steps.

#include <gtest/gtest.h>

#include "sim/measure/lower_bound.h"
#include "tests/unit/measure/measured.h"

namespace plumbline::test {
namespace {

double full_ms(const Schedule& schedule, const TrainingCosts& costs) {
  return to_seconds(full_lower_bound(schedule, costs, {}).time).base() * 1e3;
}

TEST(FullBound, DecidesCrossingsOfTheWholePipelineWhereWindowsAloneDoNotReachTheOrder) {
  // The case of ZbAuto.ProvesAnUnevenPipelineInHalfTheMemoryByDecidingCrossings, in milliseconds.
  ScheduleOptions options;
  options.max_live_activations = 4;
  options.search_budget = 5;
  TrainingCosts costs = uniform_costs(8, {.hop = 2.0});
  int stage = 0;
  for (const int scale : {12, 8, 9, 10, 11, 12, 8, 9}) {
    StageCost& cost = costs.stages[stage++];
    cost.forward.compute = ms(2 * scale);
    cost.input_grad.compute = ms(3 * scale);
    cost.weight_grad.compute = ms(scale);
    options.costs.forward_by_stage.push_back(2 * scale);
    options.costs.input_grad_by_stage.push_back(3 * scale);
    options.costs.weight_grad_by_stage.push_back(scale);
  }
  options.costs.comm = 2.0;
  const Schedule schedule = generate_schedule("zb_auto", {8, 1, 12}, options);
  const StepBound bound = full_lower_bound(schedule, costs, {});
  EXPECT_EQ(bound.by, "B5");
  // But for the ticks that costs are rounded down to, a 65536th of the longest operation each.
  const double iteration = measure(schedule, costs).iteration_time_s * 1e3;
  EXPECT_LE(full_ms(schedule, costs), iteration + 1e-9);
  EXPECT_GT(full_ms(schedule, costs), iteration * (1 - 1e-3));
}

TEST(FullBound, IsOfARanksSpanWhereOptimizersDoNotWaitForEachOther) {
  TrainingCosts costs = uniform_costs(4);
  costs.optimizer.assign(4, ms(0.5));
  costs.optimizer_post_validation = true;
  // Without a bubble in any span the work is all there is, and the makespan's 3 F more are not.
  EXPECT_NEAR(full_ms(make("zb_h2", 4, 16), costs), 48 + 0.5, 1e-2);
  // In P activations rank 0 waits (P - 1)(F + I - W) within its span.
  const Schedule zb_h1 = make("zb_h1", 4, 16);
  const StepBound bound = full_lower_bound(zb_h1, costs, {});
  EXPECT_EQ(bound.by, "B6");
  EXPECT_NEAR(full_ms(zb_h1, costs), 48 + 3 + 0.5, 1e-2);
  EXPECT_NEAR(measure(zb_h1, costs).iteration_time_s * 1e3, 48 + 3 + 0.5, 1e-9);
  for (const char* name : {"1f1b", "zb_v", "v_half", "interleaved_zb"}) {
    const int chunks = find_schedule(name)->default_chunks;
    const Schedule schedule = make(name, 4, 12, chunks);
    TrainingCosts uneven = uniform_costs(4 * chunks, {.input_grad = 1.5, .hop = 0.25});
    uneven.stages[1].forward.compute = ms(1.25);
    uneven.optimizer_post_validation = true;
    EXPECT_LE(full_ms(schedule, uneven), measure(schedule, uneven).iteration_time_s * 1e3 + 1e-9)
        << name;
  }
}

}  // namespace
}  // namespace plumbline::test
