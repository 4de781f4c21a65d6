#include "schedules/order_search.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "schedules/bounds.h"
#include "schedules/build.h"
#include "schedules/evaluate.h"
#include "schedules/generators.h"
#include "schedules/list_schedule.h"
#include "schedules/zb_greedy.h"
#include "schedules/zbv_greedy.h"

namespace plumbline {
namespace {

// Work of a search in candidates looked at: about a fifth of a second.
constexpr double kBudget = 5e7;
constexpr int kRoundsWithoutGain = 6;

bool keeps(const Schedule& schedule, int limit) {
  const std::vector<int> peaks = peak_live_activations(schedule);
  return std::ranges::all_of(peaks, [&](int peak) { return peak <= limit; });
}

// The published orders, made for these costs and for equal ones, with this limit and their own.
std::vector<Schedule> published_orders(const PipelineShape& shape, Placement placement, int limit,
                                       const UnitCosts& costs) {
  std::vector<Schedule> orders;
  const auto add = [&](std::optional<Schedule> order) {
    if (order && keeps(*order, limit)) orders.push_back(std::move(*order));
  };
  const int ranks = shape.ranks();
  UnitCosts hop = UnitCosts{};
  hop.comm = 0.1;
  for (const UnitCosts& made_for : {costs, UnitCosts{}, hop}) {
    const TickCosts ticks = to_ticks(made_for, shape.stages());
    for (const int room : {limit, ranks, 2 * ranks}) {
      if (placement == Placement::kLoop) add(zb_greedy(shape, room, ticks));
      if (placement == Placement::kV) add(zbv_greedy(shape, std::max(2, room), ticks));
    }
  }
  if (placement == Placement::kV) {
    for (const auto rule : {zb_v, v_half, v_min}) add(rule(shape, {}));
  } else if (shape.microbatches % std::max(1, shape.microbatches / ranks) == 0) {
    add(interleaved_zb(shape, {}));
  }
  return orders;
}

// A number of [0, 1) that depends on its arguments alone (SplitMix64).
double hashed(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed * 0x9e3779b97f4a7c15ull + index * 0xd1b54a32d192ed03ull + 1;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
}

class Search {
 public:
  Search(Schedule empty, int limit, const TickCosts& costs)
      : best_(std::move(empty)),
        limit_(limit),
        shop_(make_job_shop(best_, costs)),
        back_(reversed(shop_)),
        pass_cost_(static_cast<double>(shop_.operations()) *
                   static_cast<double>(shop_.chains.size())) {
    for (const Chain& chain : shop_.chains) longest_ = std::max(longest_, chain.duration);
  }

  void set_bound(double ticks) { bound_ = static_cast<std::int64_t>(ticks - 1e-6) + 1; }
  bool done() const { return (have_best_ && best_makespan_ <= bound_) || spent_ > kBudget; }

  // An order as start times in ticks, run as early as its rows allow.
  TickTimes starts_of(const Schedule& order, const UnitCosts& in_ticks) const {
    const Evaluation evaluation = evaluate(order, in_ticks);
    const int stages = order.num_stages();
    TickTimes starts(shop_.operations());
    for (int rank = 0; rank < order.num_ranks(); ++rank) {
      for (std::size_t i = 0; i < order.ranks[rank].size(); ++i) {
        const Op& op = order.ranks[rank][i];
        const int kind = op.kind == OpKind::kForward ? 0 : op.kind == OpKind::kInputGrad ? 1 : 2;
        starts[static_cast<std::size_t>(kind * stages + op.stage) * shop_.microbatches +
               op.microbatch] = std::llround(evaluation.spans[rank][i].start);
      }
    }
    return starts;
  }

  void consider(const TickTimes& starts) {
    const std::int64_t length = makespan(shop_, starts);
    if (have_best_ && length >= best_makespan_) return;
    have_best_ = true;
    best_makespan_ = length;
    best_starts_ = starts;
  }

  // Forward, backward, forward ... from these start times until that gains nothing more.
  void improve(TickTimes starts) {
    std::int64_t shortest = makespan(shop_, starts);
    for (int stale = 0; stale < kRoundsWithoutGain && !done(); ++stale) {
      const auto late = run(back_, mirrored(starts, shop_));
      if (!late) return;
      const auto early = run(shop_, mirrored(*late, back_));
      if (!early) return;
      starts = *early;
      consider(starts);
      if (makespan(shop_, starts) < shortest) stale = -1;
      shortest = std::min(shortest, makespan(shop_, starts));
    }
  }

  // Restarts from the best order with its priorities shaken.
  void shake() {
    for (std::uint64_t round = 0; !done(); ++round) {
      TickTimes priority = best_starts_;
      const double strength =
          static_cast<double>(longest_) * (0.5 + static_cast<double>(round % 8));
      for (std::size_t i = 0; i < priority.size(); ++i) {
        priority[i] += std::llround(strength * hashed(round, i));
      }
      if (const auto starts = run(shop_, priority)) {
        consider(*starts);
        improve(*starts);
      }
    }
  }

  void greedy_start() {
    TickTimes by_index(shop_.operations());
    for (std::size_t i = 0; i < by_index.size(); ++i) {
      const auto chain = i / shop_.microbatches;
      // Gradients before forwards before weight gradients, in order of micro-batches.
      const int rank_of_kind[] = {1, 0, 2};
      by_index[i] = static_cast<std::int64_t>(rank_of_kind[3 * chain / shop_.chains.size()] *
                                                  shop_.operations() +
                                              i % shop_.microbatches);
    }
    if (const auto starts = run(shop_, by_index)) {
      consider(*starts);
      improve(*starts);
    }
  }

  bool found() const { return have_best_; }
  Schedule take() {
    best_.ranks = rows_of(shop_, best_starts_);
    return std::move(best_);
  }

 private:
  std::optional<TickTimes> run(const JobShop& shop, const TickTimes& priority) {
    spent_ += pass_cost_;
    return list_schedule(shop, limit_, priority);
  }

  // What started last starts first when time runs the other way.
  static TickTimes mirrored(const TickTimes& starts, const JobShop& shop) {
    const std::int64_t end = makespan(shop, starts);
    TickTimes mirror(starts.size());
    const std::size_t total = shop.microbatches;
    for (std::size_t c = 0; c < shop.chains.size(); ++c) {
      for (std::size_t mb = 0; mb < total; ++mb) {
        mirror[c * total + (total - 1 - mb)] =
            end - starts[c * total + mb] - shop.chains[c].duration;
      }
    }
    return mirror;
  }

  Schedule best_;
  int limit_;
  JobShop shop_, back_;
  double pass_cost_;
  double spent_ = 0.0;
  std::int64_t longest_ = 1;
  std::int64_t bound_ = 0;
  bool have_best_ = false;
  std::int64_t best_makespan_ = 0;
  TickTimes best_starts_;
};

// What takes no time still has its place in a row: a tick that is small beside the others keeps the
// order of starts an order of need.
TickCosts without_zeros(TickCosts ticks) {
  bool has_zero = false;
  for (const auto* list : {&ticks.forward, &ticks.input_grad, &ticks.weight_grad}) {
    has_zero = has_zero || std::ranges::count(*list, 0) > 0;
  }
  if (!has_zero) return ticks;
  constexpr std::int64_t kFiner = 4096;
  ticks.comm *= kFiner;
  for (auto* list : {&ticks.forward, &ticks.input_grad, &ticks.weight_grad}) {
    for (std::int64_t& each : *list) each = std::max<std::int64_t>(1, each * kFiner);
  }
  return ticks;
}

UnitCosts as_unit_costs(const TickCosts& ticks) {
  const auto numbers = [](const std::vector<std::int64_t>& values) {
    return std::vector<double>(values.begin(), values.end());
  };
  UnitCosts costs;
  costs.comm = static_cast<double>(ticks.comm);
  costs.forward_by_stage = numbers(ticks.forward);
  costs.input_grad_by_stage = numbers(ticks.input_grad);
  costs.weight_grad_by_stage = numbers(ticks.weight_grad);
  return costs;
}

}  // namespace

Schedule search_order(std::string_view name, const PipelineShape& shape, Placement placement,
                      int limit, const UnitCosts& costs) {
  if (limit < shape.chunks) {
    throw InputError({diagnose("schedule.max_live_activations",
                               std::string(name) + " holds an activation of each of its " +
                                   std::to_string(shape.chunks) + " chunks, so " +
                                   std::to_string(limit) + " is too few",
                               "try " + std::to_string(shape.chunks))});
  }
  const TickCosts ticks = without_zeros(to_ticks(costs, shape.stages()));
  const UnitCosts in_ticks = as_unit_costs(ticks);
  Schedule empty = empty_schedule(name, shape, placement);
  empty.found_by = "search";
  Search search(empty, limit, ticks);

  std::vector<TickTimes> seeds;
  for (const Schedule& order : published_orders(shape, placement, limit, costs)) {
    if (seeds.empty()) search.set_bound(makespan_lower_bound(order, in_ticks, limit));
    seeds.push_back(search.starts_of(order, in_ticks));
    search.consider(seeds.back());
  }
  std::ranges::sort(seeds);
  seeds.erase(std::unique(seeds.begin(), seeds.end()), seeds.end());
  for (const TickTimes& seed : seeds) search.improve(seed);
  if (!search.done()) search.greedy_start();
  if (!search.found()) {
    throw InputError({diagnose("schedule.max_live_activations",
                               std::string(name) + ": no order was found that keeps to " +
                                   std::to_string(limit) + " live activations",
                               "try " + std::to_string(limit + 1))});
  }
  search.shake();
  return search.take();
}

}  // namespace plumbline
