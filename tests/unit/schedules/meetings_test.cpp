// Where micro-batches meet: layers of states and walks over meetings, against every order of tiny
// pipelines.
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "exact.h"
#include "schedules/build.h"
#include "schedules/catalog.h"
#include "schedules/crossing_layers.h"
#include "schedules/meeting_walk.h"
#include "schedules/order_bounds.h"
#include "schedules/weight_grad_filling.h"

namespace plumbline {
namespace {

struct Pipeline {
  JobShop shop;
  Ticks shortest;
  std::string label;
};

// Uneven F and I of 1 to 4 ticks, hops of 0 to 2, every limit.  Weight gradients of one tick fill
// every gap, in parts or whole; of `weight_grad` ticks they do not.
std::vector<Pipeline> pipelines(std::int64_t weight_grad) {
  std::vector<Pipeline> all;
  unsigned state = 3;
  const auto up_to = [&](unsigned most) {
    state = state * 1664525u + 1013904223u;
    return static_cast<std::int64_t>((state >> 16) % most);
  };
  for (int ranks = 2; ranks <= 3; ++ranks) {
    for (int microbatches = 2; microbatches <= 4; ++microbatches) {
      for (int limit = 2; limit <= microbatches; ++limit) {
        for (int again = 0; again < 4; ++again) {
          const Schedule placed = empty_schedule("", {ranks, 1, microbatches}, Placement::kLoop);
          UnitCosts costs;
          costs.comm = static_cast<double>(up_to(3));
          for (int s = 0; s < ranks; ++s) {
            costs.forward_by_stage.push_back(static_cast<double>(1 + up_to(4)));
            costs.input_grad_by_stage.push_back(static_cast<double>(1 + up_to(4)));
            costs.weight_grad_by_stage.push_back(static_cast<double>(weight_grad));
          }
          const TickCosts ticks = to_ticks(costs, ranks);
          all.push_back({make_job_shop(placed, ticks, limit),
                         testing::shortest_makespan(placed, ticks, limit),
                         "P " + std::to_string(ranks) + " M " + std::to_string(microbatches) +
                             " L " + std::to_string(limit) + ", " + std::to_string(again)});
        }
      }
    }
  }
  return all;
}

Branching in_layers(const JobShop& shop, Ticks end) {
  WindowSolver solver(shop);
  Windows windows = solver.open(end);
  if (!solver.tighten(windows)) return Branching::kRefuted;
  return search_layers(shop, windows, 1e7).found;
}

ShopOrder one_at_a_time(const JobShop& shop) {
  std::vector<std::vector<int>> rows(shop.ranks);
  for (int mb = 0; mb < shop.microbatches; ++mb) {
    for (int kind = 0; kind < 3; ++kind) {
      for (int s = 0; s < shop.ranks; ++s) {
        rows[s].push_back((kind * shop.ranks + s) * shop.microbatches + mb);
      }
    }
  }
  return *timed(shop, std::move(rows));
}

TEST(Layers, HoldAnOrderForTheShortestMakespanOfAllAndNoneForLess) {
  for (const Pipeline& each : pipelines(1)) {
    EXPECT_EQ(in_layers(each.shop, each.shortest), Branching::kOpen) << each.label;
    EXPECT_EQ(in_layers(each.shop, each.shortest + 2), Branching::kOpen) << each.label;
    EXPECT_EQ(in_layers(each.shop, each.shortest - 1), Branching::kRefuted) << each.label;
  }
}

TEST(Layers, RefuteNothingThatAnOrderWithLongWeightGradientsReaches) {
  for (const Pipeline& each : pipelines(3)) {
    EXPECT_EQ(in_layers(each.shop, each.shortest), Branching::kOpen) << each.label;
  }
}

TEST(Layers, NeverRefuteWhatAKnownOrderOfAnUnevenPipelineReaches) {
  for (const int limit : {2, 3, 4}) {
    ScheduleOptions options;
    options.max_live_activations = limit;
    options.search_budget = 2;
    options.costs.forward_by_stage = {9, 12, 8, 11, 10};
    options.costs.input_grad_by_stage = {13, 8, 12, 9, 15};
    options.costs.weight_grad_by_stage = {5, 4, 7, 6, 5};
    const Schedule known = generate_schedule("zb_auto", {5, 1, 16}, options);
    const JobShop shop = make_job_shop(known, to_ticks(options.costs, 5), limit);
    const Ticks end = timed(shop, rows_of(shop, known))->makespan;
    for (const Ticks later : {0, 1, 5}) {
      EXPECT_EQ(in_layers(shop, end + later), Branching::kOpen) << limit << ", " << later;
    }
  }
}

TEST(Layers, HoldMoreStagesThanAByteCounts) {
  // Three micro-batches one after the other: F and I of every stage, and the last weight gradient.
  const Schedule placed = empty_schedule("", {300, 1, 3}, Placement::kLoop);
  const JobShop shop = make_job_shop(placed, to_ticks({}, 300), 1);
  const Ticks shortest = 3 * (2 * 300 + 1);
  EXPECT_EQ(in_layers(shop, shortest), Branching::kOpen);
  EXPECT_EQ(in_layers(shop, shortest - 1), Branching::kRefuted);
  const JobShop two = make_job_shop(placed, to_ticks({}, 300), 2);
  const ShopOrder serial = one_at_a_time(two);
  const MeetingWalk walk = walk_meetings(two, serial, WeightGrads::kWhole, 1e5, 1);
  EXPECT_LT(walk.makespan, serial.makespan);
  EXPECT_EQ(in_layers(two, walk.makespan), Branching::kOpen);
}

TEST(Layers, TellWhichGradientsRunBeforeWhichForwards) {
  for (const Pipeline& each : pipelines(1)) {
    WindowSolver solver(each.shop);
    Windows windows = solver.open(each.shortest);
    ASSERT_TRUE(solver.tighten(windows));
    const LayerSearch found = search_layers(each.shop, windows, 1e7);
    ASSERT_EQ(found.found, Branching::kOpen);
    EXPECT_EQ(found.layers, each.shop.microbatches);
    BoundFinder bounds(each.shop, empty_schedule("", {each.shop.ranks, 1, each.shop.microbatches},
                                                 Placement::kLoop));
    EXPECT_TRUE(bounds.windows_of(found.before, windows).has_value()) << each.label;
  }
}

TEST(Layers, GiveUpWhenTheirBudgetIsSpent) {
  const Pipeline each = pipelines(1).back();
  WindowSolver solver(each.shop);
  const Windows windows = solver.open(each.shortest + 50);
  EXPECT_EQ(search_layers(each.shop, windows, 10.0).found, Branching::kGaveUp);
}

TEST(MeetingWalk, FindsTheShortestMakespanOfTinyPipelines) {
  for (const Pipeline& each : pipelines(1)) {
    for (const WeightGrads how : {WeightGrads::kFluid, WeightGrads::kWhole}) {
      const MeetingWalk walk = walk_meetings(each.shop, one_at_a_time(each.shop), how, 3e4, 1);
      EXPECT_EQ(walk.makespan, each.shortest) << each.label;
    }
  }
}

TEST(MeetingWalk, PutsWholeWeightGradientsIntoARunnableOrderOfItsMakespan) {
  // Micro-batches enough for a pattern that repeats.
  for (const int microbatches : {8, 40, 41}) {
    for (const int limit : {2, 3, 5}) {
      const Schedule placed = empty_schedule("", {5, 1, microbatches}, Placement::kLoop);
      UnitCosts costs;
      costs.forward_by_stage = {4, 3, 5, 4, 3};
      costs.input_grad_by_stage = {5, 4, 6, 4, 4};
      costs.weight_grad_by_stage = {3, 2, 4, 3, 2};
      costs.comm = 1.0;
      const JobShop shop = make_job_shop(placed, to_ticks(costs, 5), limit);
      const ShopOrder from = one_at_a_time(shop);
      const MeetingWalk walk = walk_meetings(shop, from, WeightGrads::kWhole, 2e5, 7);
      EXPECT_LT(walk.makespan, from.makespan);
      for (const std::vector<int>& row : walk.rows) {
        EXPECT_EQ(row.size(), 3u * microbatches);
        int alive = 0, most = 0;
        for (const int op : row) {
          const Chain& chain = shop.chains[op / microbatches];
          alive += chain.acquires - chain.releases;
          most = std::max(most, alive);
        }
        EXPECT_LE(most, limit);
      }
      const std::optional<ShopOrder> order = timed(shop, walk.rows);
      ASSERT_TRUE(order.has_value());
      EXPECT_EQ(order->makespan, walk.makespan);
      // In parts they fit at least as well, from the same start and by the same rules.
      const MeetingWalk fluid = walk_meetings(shop, *order, WeightGrads::kFluid, 2e5, 7);
      if (microbatches == 8) {
        EXPECT_LE(fluid.makespan, walk.makespan);
      }
      EXPECT_TRUE(fluid.rows.empty());
    }
  }
}

// The starts of stage `s`'s weight gradients when rows run as early as they can.
std::vector<Ticks> weight_grad_starts(const JobShop& shop, std::vector<std::vector<int>> rows,
                                      int s) {
  const ShopOrder order = *timed(shop, std::move(rows));
  const auto first =
      order.starts.begin() + static_cast<std::ptrdiff_t>(2 * shop.ranks + s) * shop.microbatches;
  return {first, first + shop.microbatches};
}

TEST(WeightGradFilling, MayHoldUpAForwardThatHasTimeAndNoOther) {
  // Two stages, F = 2, I = 2, W = 3, one by one: stage 1 runs F0 2-4, I0 4-6, F1 from 10 on, when
  // stage 0 has had I0 (6-8) and F1 (8-10).
  UnitCosts costs;
  costs.forward = costs.input_grad = 2.0;
  costs.weight_grad = 3.0;
  const Schedule placed = empty_schedule("", {2, 1, 2}, Placement::kLoop);
  const JobShop shop = make_job_shop(placed, to_ticks(costs, 2), 2);
  BoundFinder bounds(shop, placed);
  const std::vector<int> one_by_one{0, 1, 0, 1};
  // F1 (8-10, 10-12), I1 (12-14, 14-16), and on stage 0 two weight gradients at the end: one of
  // them runs earlier only where I1 or F1 has time to wait for it.
  const Windows tight = *bounds.windows_of(one_by_one, *bounds.windows_for(19));
  EXPECT_EQ(weight_grad_starts(shop, fill_weight_grads(shop, tight), 0),
            (std::vector<Ticks>{10, 16}));
  EXPECT_EQ(weight_grad_starts(shop, fill_weight_grads(shop, tight), 1),
            (std::vector<Ticks>{6, 14}));
  const Windows loose = *bounds.windows_of(one_by_one, *bounds.windows_for(22));
  EXPECT_EQ(weight_grad_starts(shop, fill_weight_grads(shop, loose), 0),
            (std::vector<Ticks>{8, 19}));
}

TEST(WeightGradFilling, KeepsTheLimitAndTheOrderOfForwardsAndGradients) {
  for (const Pipeline& each : pipelines(3)) {
    const MeetingWalk walk =
        walk_meetings(each.shop, one_at_a_time(each.shop), WeightGrads::kFluid, 1e4, 1);
    BoundFinder bounds(each.shop, empty_schedule("", {each.shop.ranks, 1, each.shop.microbatches},
                                                 Placement::kLoop));
    const std::optional<Windows> windows =
        bounds.windows_of(walk.before, bounds.open_windows(each.shortest + 9));
    ASSERT_TRUE(windows.has_value()) << each.label;
    const std::vector<std::vector<int>> rows = fill_weight_grads(each.shop, *windows);
    const std::optional<ShopOrder> order = timed(each.shop, rows);
    ASSERT_TRUE(order.has_value()) << each.label;
    EXPECT_GE(order->makespan, each.shortest) << each.label;
    const int total = each.shop.microbatches;
    for (int s = 0; s < each.shop.ranks; ++s) {
      int alive = 0, gradients = 0;
      for (const int op : rows[s]) {
        const Chain& chain = each.shop.chains[op / total];
        alive += chain.acquires - chain.releases;
        EXPECT_LE(alive, each.shop.limits[s]) << each.label;
        if (chain.op.kind == OpKind::kForward) {
          EXPECT_EQ(gradients, walk.before[s * total + op % total]) << each.label;
        }
        gradients += chain.op.kind == OpKind::kInputGrad ? 1 : 0;
      }
    }
  }
}

TEST(MeetingWalk, IsTheSameEveryTime) {
  const Pipeline each = pipelines(3).back();
  const ShopOrder from = one_at_a_time(each.shop);
  const auto walk = [&](std::uint64_t seed) {
    return walk_meetings(each.shop, from, WeightGrads::kWhole, 1e4, seed);
  };
  EXPECT_EQ(walk(1).rows, walk(1).rows);
  EXPECT_EQ(walk(1).work, walk(1).work);
}

}  // namespace
}  // namespace plumbline
