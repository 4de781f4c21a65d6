#include "schedules/bounds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "every_schedule.h"
#include "schedules/evaluate.h"

namespace plumbline {
namespace {

using plumbline::testing::Case;

std::array<UnitCosts, 4> cost_sets() {
  std::array<UnitCosts, 4> sets;
  sets[1].comm = 0.1;
  sets[2].forward = 2.0;
  sets[2].input_grad = 3.0;
  sets[3].forward = 1.0;
  sets[3].input_grad = 0.5;
  sets[3].weight_grad = 2.0;
  sets[3].comm = 0.75;
  sets[3].overlap = 2.0;
  return sets;
}

TEST(LowerBound, IsNeverAboveAScheduleItBounds) {
  for (const Case& each : testing::every_schedule_in_every_shape()) {
    const Schedule schedule = generate_schedule(each.name, each.shape, each.options);
    const int most_alive = std::ranges::max(peak_live_activations(schedule));
    for (const UnitCosts& costs : cost_sets()) {
      const double makespan = evaluate(schedule, costs).makespan * (1 + 1e-12);
      EXPECT_LE(makespan_lower_bound(schedule, costs), makespan) << each.label();
      EXPECT_LE(makespan_lower_bound(schedule, costs, most_alive), makespan) << each.label();
    }
  }
}

TEST(LowerBound, IsReachedByGPipeAndBy1F1BWhateverTheCosts) {
  for (UnitCosts costs : cost_sets()) {
    costs.comm = 0.0;
    for (const char* name : {"gpipe", "1f1b"}) {
      for (const int ranks : {1, 2, 4, 7}) {
        const Schedule schedule = generate_schedule(
            name, {.stages_per_chunk = ranks, .chunks = 1, .microbatches = 2 * ranks});
        EXPECT_NEAR(makespan_lower_bound(schedule, costs), evaluate(schedule, costs).makespan, 1e-9)
            << name << " on " << ranks;
      }
    }
  }
}

TEST(LowerBound, GrowsWhenLessMayLive) {
  const Schedule schedule =
      generate_schedule("zb_h1", {.stages_per_chunk = 8, .chunks = 1, .microbatches = 24});
  double looser = makespan_lower_bound(schedule, {});
  for (int limit = 24; limit >= 1; --limit) {
    const double tighter = makespan_lower_bound(schedule, {}, limit);
    EXPECT_GE(tighter, looser) << limit;
    looser = tighter;
  }
}

}  // namespace
}  // namespace plumbline
