// zb_auto and its bounds against every order of tiny pipelines, and against themselves elsewhere.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "exact.h"
#include "schedules/build.h"
#include "schedules/catalog.h"
#include "schedules/check.h"
#include "schedules/crossing_branching.h"
#include "schedules/evaluate.h"
#include "schedules/order_bounds.h"
#include "schedules/order_proof.h"
#include "schedules/order_seeds.h"

namespace plumbline {
namespace {

struct Tiny {
  PipelineShape shape;
  int limit;
  UnitCosts costs;
  Placement placement() const { return shape.chunks == 2 ? Placement::kV : Placement::kLoop; }
  std::string label() const {
    std::string text = "P " + std::to_string(shape.stages_per_chunk) + " V " +
                       std::to_string(shape.chunks) + " M " + std::to_string(shape.microbatches) +
                       " L " + std::to_string(limit) + " comm " + std::to_string(costs.comm);
    for (int s = 0; s < shape.stages(); ++s) {
      text += " " + std::to_string(static_cast<int>(costs.forward_of(s))) + ":" +
              std::to_string(static_cast<int>(costs.input_grad_of(s))) + ":" +
              std::to_string(static_cast<int>(costs.weight_grad_of(s)));
    }
    for (const double hop : costs.comm_by_stage) text += " hop " + std::to_string(hop);
    return text;
  }
};

// Uneven durations of 1 to 4, hops of 0 to 2, every limit.
std::vector<Tiny> tiny_pipelines() {
  std::vector<Tiny> all;
  unsigned state = 1;
  const auto up_to = [&](unsigned most) {
    state = state * 1664525u + 1013904223u;
    return static_cast<double>((state >> 16) % most);
  };
  const auto add = [&](int ranks, int chunks, int microbatches, int limit) {
    Tiny each{{ranks, chunks, microbatches}, limit, {}};
    each.costs.comm = up_to(3);
    for (int s = 0; s < each.shape.stages(); ++s) {
      each.costs.forward_by_stage.push_back(1 + up_to(4));
      each.costs.input_grad_by_stage.push_back(1 + up_to(4));
      each.costs.weight_grad_by_stage.push_back(1 + up_to(4));
    }
    for (int s = 0; all.size() % 3 == 1 && s + 1 < each.shape.stages(); ++s) {
      each.costs.comm_by_stage.push_back(up_to(4));
    }
    all.push_back(each);
  };
  for (int ranks = 1; ranks <= 3; ++ranks) {
    for (int microbatches = 1; microbatches <= 4; ++microbatches) {
      for (int limit = 1; limit <= microbatches; ++limit) {
        for (int again = 0; again < 3; ++again) add(ranks, 1, microbatches, limit);
      }
    }
  }
  for (int microbatches = 1; microbatches <= 2; ++microbatches) {
    for (int limit = 2; limit <= 4; ++limit) add(2, 2, microbatches, limit);
  }
  return all;
}

Schedule found(const Tiny& tiny, int budget = 1) {
  ScheduleOptions options;
  options.max_live_activations = tiny.limit;
  options.search_budget = budget;
  options.costs = tiny.costs;
  return generate_schedule("zb_auto", tiny.shape, options);
}

OrderProof proof(const Tiny& tiny, const Schedule& schedule) {
  return prove_order(schedule, tiny.costs, tiny.limit, 1e6);
}

int most_alive(const Schedule& schedule) {
  return std::ranges::max(peak_live_activations(schedule));
}

TEST(ZbAuto, IsAsFastAsTheBestOfAllOrdersOfTinyPipelinesAndNoBoundIsAboveIt) {
  int proven = 0, pipelines = 0;
  for (const Tiny& tiny : tiny_pipelines()) {
    const Schedule placed = empty_schedule("", tiny.shape, tiny.placement());
    const TickCosts ticks = to_ticks(tiny.costs, tiny.shape.stages());
    const double best = static_cast<double>(testing::shortest_makespan(placed, ticks, tiny.limit));
    const Schedule schedule = found(tiny);
    const OrderProof proven_by = proof(tiny, schedule);
    EXPECT_NO_THROW(check_schedule(schedule)) << tiny.label();
    EXPECT_LE(most_alive(schedule), tiny.limit) << tiny.label();
    EXPECT_DOUBLE_EQ(evaluate(schedule, tiny.costs).makespan, best) << tiny.label();
    EXPECT_LE(proven_by.lower_bound, best) << tiny.label();
    ++pipelines;
    proven += proven_by.optimal ? 1 : 0;

    const JobShop shop = make_job_shop(placed, ticks, tiny.limit);
    BoundFinder bounds(shop, placed);
    const auto expect_below = [&] {
      EXPECT_LE(static_cast<double>(bounds.value()), best) << bounds.by() << ", " << tiny.label();
    };
    expect_below();
    bounds.raise(kNoDeadline / 2, 1e6);
    expect_below();
    bounds.find_separations(1e6);
    bounds.raise(kNoDeadline / 2, 1e6);
    expect_below();
    bounds.branch(static_cast<Ticks>(best) + 3, 1e6);
    expect_below();
    if (tiny.shape.chunks > 1) continue;
    const Ticks end = static_cast<Ticks>(best);
    const std::optional<Windows> windows = bounds.windows_for(end);
    ASSERT_TRUE(windows.has_value()) << tiny.label();
    EXPECT_TRUE(bounds.dive(*windows, end, end, 1e6, 0).has_value()) << tiny.label();
    if (bounds.windows_for(end - 1)) bounds.dive(*windows, end, end - 1, 1e6, 0);
    expect_below();
  }
  EXPECT_GE(proven, pipelines * 95 / 100);
}

std::vector<Tiny> larger_pipelines() {
  std::vector<Tiny> all;
  for (const int limit : {3, 4, 6, 9}) {
    UnitCosts costs;
    costs.forward = 2.0;
    costs.input_grad = 3.0;
    costs.comm = 0.3;
    all.push_back({{6, 1, 14}, limit, costs});
    costs.forward_by_stage = {2, 3, 2, 4, 2, 3};
    all.push_back({{6, 1, 14}, limit, costs});
  }
  for (const int limit : {4, 6, 8}) all.push_back({{4, 2, 9}, limit, {}});
  all.push_back({{3, 3, 6}, 7, {}});
  return all;
}

TEST(Crossings, OfAKnownOrderAreNeverRefutedAndTheirStartsKeepItsPrecedence) {
  for (const Tiny& tiny : larger_pipelines()) {
    if (tiny.shape.chunks > 1) continue;
    const Schedule schedule = found(tiny);
    const TickCosts ticks = to_ticks(tiny.costs, tiny.shape.stages());
    const JobShop shop = make_job_shop(schedule, ticks, tiny.limit);
    const ShopOrder known = *timed(shop, rows_of(shop, schedule));
    BoundFinder bounds(shop, schedule);
    bounds.find_separations(2e5);
    EXPECT_LE(bounds.value(), known.makespan) << tiny.label();
    const Windows windows = *bounds.windows_for(known.makespan);
    for (const std::uint64_t seed : {0, 1, 2}) {
      const CrossingSearch search = search_crossings(shop, {}, windows, 1e7, seed);
      ASSERT_EQ(search.found, Branching::kOpen) << tiny.label();
      const int total = shop.microbatches;
      for (const Chain& chain : shop.chains) {
        if (chain.op.kind == OpKind::kWeightGrad) continue;
        const auto c = static_cast<int>(&chain - shop.chains.data());
        for (const Chain::Link& in : chain.inputs) {
          for (int mb = 0; mb < total; ++mb) {
            EXPECT_GE(search.windows.head[c * total + mb],
                      search.windows.head[in.chain * total + mb] + shop.chains[in.chain].duration +
                          in.delay);
          }
        }
      }
      // One operation at a time: forward k runs after exactly c(s, k) input gradients.
      for (int s = 0; s < shop.stages(); ++s) {
        for (int k = 0; k < total; ++k) {
          const int count = search.windows.least_before[s * total + k];
          ASSERT_EQ(count, search.windows.most_before[s * total + k]);
          const Ticks start = search.windows.head[s * total + k];
          const auto gradient = [&](int mb) {
            return search.windows.head[(shop.stages() + s) * total + mb];
          };
          if (count > 0) {
            EXPECT_GE(start, gradient(count - 1) + shop.chains[shop.stages() + s].duration);
          }
          EXPECT_GE(gradient(count), start + shop.chains[s].duration);
        }
      }
    }
  }
}

TEST(ZbAuto, ProvesAnUnevenPipelineInHalfTheMemoryByDecidingCrossings) {
  Tiny pipeline{{8, 1, 12}, 4, {}};
  pipeline.costs.comm = 2.0;
  for (const int scale : {12, 8, 9, 10, 11, 12, 8, 9}) {
    pipeline.costs.forward_by_stage.push_back(2 * scale);
    pipeline.costs.input_grad_by_stage.push_back(3 * scale);
    pipeline.costs.weight_grad_by_stage.push_back(scale);
  }
  const Schedule schedule = found(pipeline, 5);
  const OrderProof proven = prove_order(schedule, pipeline.costs, 4, 5e6);
  EXPECT_TRUE(proven.optimal) << evaluate(schedule, pipeline.costs).makespan << " "
                              << proven.lower_bound;
  EXPECT_EQ(proven.by, "B5");
  // Windows alone are not enough.
  const JobShop shop = make_job_shop(schedule, to_ticks(pipeline.costs, 8), 4);
  BoundFinder windows(shop, schedule);
  windows.raise(kNoDeadline / 2, 1e8);
  EXPECT_EQ(windows.by(), "B3");
  EXPECT_LT(static_cast<double>(windows.value()), proven.lower_bound);
}

TEST(ZbAuto, KeepsItsLimitAndIsNeverSlowerThanAPublishedOrder) {
  for (const Tiny& tiny : larger_pipelines()) {
    const Schedule schedule = found(tiny);
    const double makespan = evaluate(schedule, tiny.costs).makespan;
    EXPECT_NO_THROW(check_schedule(schedule)) << tiny.label();
    EXPECT_LE(most_alive(schedule), tiny.limit) << tiny.label();
    EXPECT_LE(proof(tiny, schedule).lower_bound, makespan) << tiny.label();
    for (const Schedule& other :
         published_orders(tiny.shape, tiny.placement(), tiny.limit, tiny.costs)) {
      EXPECT_LE(makespan, evaluate(other, tiny.costs).makespan * (1 + 1e-12))
          << other.name << ", " << tiny.label();
    }
  }
}

TEST(ZbAuto, MakesTheSameOrderEveryTimeAndNoSlowerOneForMoreWork) {
  for (const Tiny& tiny : larger_pipelines()) {
    const Schedule once = found(tiny, 1);
    EXPECT_EQ(once.ranks, found(tiny, 1).ranks) << tiny.label();
    const Schedule longer = found(tiny, 3);
    EXPECT_LE(evaluate(longer, tiny.costs).makespan,
              evaluate(once, tiny.costs).makespan * (1 + 1e-12))
        << tiny.label();
  }
}

// Shapes, costs and hops at random; PLUMBLINE_CASES=3000 tries more of them than a build has time
// for.
TEST(ZbAuto, IsNeverSlowerThanAScheduleWithANameInTheSamePlacementAndMemory) {
  const char* wish = std::getenv("PLUMBLINE_CASES");
  const int cases = wish ? std::atoi(wish) : 60;
  unsigned state = 7;
  const auto up_to = [&](unsigned most) {
    state = state * 1664525u + 1013904223u;
    return static_cast<int>((state >> 16) % most);
  };
  int compared = 0;
  for (int i = 0; i < cases; ++i) {
    const int chunks = 1 + up_to(3);
    const int ranks = 2 + up_to(9);
    Tiny random{{ranks, chunks, 1 + up_to(3 * ranks)}, 0, {}};
    random.limit = chunks * (1 + up_to(2 * ranks));
    const int digits = i % 4 == 0 ? 1 : 100;  // coarse costs have ties, fine ones rounding
    random.costs.comm = up_to(2) * up_to(3 * digits) / 7.0;
    for (int s = 0; s < random.shape.stages(); ++s) {
      random.costs.forward_by_stage.push_back((digits + up_to(4 * digits)) / 3.0);
      random.costs.input_grad_by_stage.push_back((digits + up_to(4 * digits)) / 3.0);
      random.costs.weight_grad_by_stage.push_back(up_to(4 * digits) / 3.0);
      if (i % 5 == 0 && s > 0) random.costs.comm_by_stage.push_back(up_to(2 * digits) / 7.0);
    }
    const Schedule schedule = found(random);
    const double makespan = evaluate(schedule, random.costs).makespan;
    ASSERT_NO_THROW(check_schedule(schedule)) << random.label();
    ASSERT_LE(most_alive(schedule), random.limit) << random.label();
    EXPECT_LE(prove_order(schedule, random.costs, random.limit, 1e5).lower_bound,
              makespan * (1 + 1e-12))
        << random.label();
    for (const ScheduleEntry& entry : all_schedules()) {
      if (entry.name == "zb_auto") continue;
      Schedule other;
      try {
        ScheduleOptions options;
        options.costs = random.costs;
        other = generate_schedule(entry.name, random.shape, options);
      } catch (const InputError&) {
        continue;  // it does not have the shape
      }
      if (other.stage_rank != schedule.stage_rank || !other.flushes) continue;
      if (most_alive(other) > random.limit) continue;
      ++compared;
      // Ticks of a millionth of the longest operation, in as many operations as a way has.
      EXPECT_LE(makespan, evaluate(other, random.costs).makespan * (1 + 1e-5))
          << entry.name << ", " << random.label();
    }
  }
  EXPECT_GT(compared, cases / 4);
}

TEST(ZbAuto, FindsAndProvesTheBestOrderInVHalfsMemoryForCostsThatItsRuleDoesNotFit) {
  // Zero-bubble's own scheduler takes 266.
  Tiny pipeline{{8, 2, 16}, 10, {}};
  pipeline.costs.forward = 2.0;
  pipeline.costs.input_grad = 3.0;
  const Schedule schedule = found(pipeline, 20);
  EXPECT_DOUBLE_EQ(evaluate(schedule, pipeline.costs).makespan, 248.0);
  EXPECT_TRUE(proof(pipeline, schedule).optimal);
}

TEST(ZbAuto, FindsAnOrderWhereOnlyHopsTakeTime) {
  for (const int chunks : {1, 2, 3}) {
    Tiny hops{{4, chunks, 7}, chunks, {}};
    hops.costs.forward = hops.costs.input_grad = hops.costs.weight_grad = 0.0;
    hops.costs.comm = 1.0;
    const Schedule schedule = found(hops);
    EXPECT_NO_THROW(check_schedule(schedule));
    EXPECT_GE(evaluate(schedule, hops.costs).makespan, proof(hops, schedule).lower_bound);
  }
}

TEST(ZbAuto, ProvesZbH1OptimalInItsOwnMemory) {
  // Idle (P - 1)(F + I - W) is what ZB-H1 pays, and no order within P activations pays less.
  UnitCosts costs;
  costs.forward = 2.0;
  costs.input_grad = 3.0;
  const Tiny pipeline{{8, 1, 24}, 8, costs};
  const Schedule schedule = found(pipeline);
  EXPECT_TRUE(proof(pipeline, schedule).optimal);
  EXPECT_DOUBLE_EQ(evaluate(schedule, costs).makespan, 24 * 6 + 7 * 4);
}

TEST(ZbAuto, BoundsCostsOfManyDigitsFromBelow) {
  UnitCosts costs;
  costs.forward = M_PI;
  costs.input_grad = std::sqrt(7.0);
  costs.weight_grad = M_E;
  costs.comm = 1.0 / 7.0;
  const Tiny pipeline{{4, 1, 12}, 4, costs};
  const Schedule schedule = found(pipeline);
  const double makespan = evaluate(schedule, costs).makespan;
  EXPECT_LE(proof(pipeline, schedule).lower_bound, makespan);
  EXPECT_GT(proof(pipeline, schedule).lower_bound, makespan * (1 - 1e-3));
}

}  // namespace
}  // namespace plumbline
