#include "schedules/order_search.h"

#include <algorithm>
#include <utility>

#include "schedules/build.h"
#include "schedules/meeting_walk.h"
#include "schedules/order_bounds.h"
#include "schedules/order_extension.h"
#include "schedules/order_seeds.h"
#include "schedules/rule_search.h"
#include "schedules/shop_search.h"
#include "schedules/weight_grad_filling.h"

namespace plumbline {
namespace {

// Units of work of the first round, and at least so many per operation; each later one has twice as
// many.
constexpr double kFirstSlice = 5e5;
constexpr double kSliceWork = 600.0;
// Published orders that are improved, the shortest first.
constexpr std::size_t kMostSeeds = 10;
// Orders that a round looks for by deciding which forwards go before which input gradients.
constexpr int kDives = 8;
constexpr double kDiveWork = 400.0;  // per operation

/// The search itself: easy cases end in `begin`, each later step costs more and helps fewer.
class OrderSearch {
 public:
  OrderSearch(const SearchRequest& request, const JobShop& shop, const Schedule& empty)
      : request_(request), shop_(shop), bounds_(shop, empty), search_(shop, request.budget) {
    search_.set_bound(bounds_.value());
  }

  // What a round does depends on its number alone and the budget only says when to stop, so that
  // more budget never gives a slower order.
  void run() {
    begin();
    const double least = kSliceWork * static_cast<double>(shop_.operations());
    if (shop_.chunks > 1) return run_chunks(std::max(kFirstSlice / 10, least));
    double slice = std::max(kFirstSlice, least);
    if (!done()) patterns();
    for (std::uint64_t round = 0; !done(); ++round, slice *= 2) {
      raise_bound(0.1 * slice);
      meet_elsewhere(round, slice);
      follow_windows(3, 0.1 * slice);
      if (!done()) count([&] { bounds_.find_separations(at_most(0.15 * slice)); });
      raise_bound(0.15 * slice);
      follow_windows(6, 0.2 * slice);
      branch(0.1 * slice);
      dive(round, 0.4 * slice);
      extend_shorter(0.5 * slice);
      if (round == 0) paces(0.3 * slice);
      search_.walk(0.4 * slice, round);
      if (!done()) search_.improve(search_.best());
      for (int i = 0; i < 4 && !done(); ++i) search_.shake(4 * round + i);
    }
  }

  const ShopOrder& best() const { return search_.best(); }
  bool found() const { return search_.found(); }
  const BoundFinder& bounds() const { return bounds_; }

 private:
  bool done() const { return search_.done(); }
  // Several chunks per rank: walks from many starts, of which the better half goes on each round.
  void run_chunks(double slice) {
    RuleSearch rules(shop_);
    for (std::uint64_t round = 0; !done(); ++round, slice *= 2) {
      try_rules(rules, round == 0 ? 2.0 * slice : 0.2 * slice);
      raise_bound(0.1 * slice);
      follow_windows(3, 0.1 * slice);
      if (!done()) count([&] { bounds_.find_separations(at_most(0.1 * slice)); });
      raise_bound(0.1 * slice);
      follow_windows(6, 0.1 * slice);
      branch(0.05 * slice);
      extend_shorter(0.25 * slice);
      if (round == 0) {
        paces(0.1 * slice);
        for (const ShopOrder& each : rules.best()) search_.add_start(each);
        search_.add_start(search_.best());
      }
      search_.walk_from_all(4.0 * slice);
      if (!done()) search_.improve(search_.best());
      for (int i = 0; i < 4 && !done(); ++i) search_.shake(4 * round + i);
    }
  }

  void try_rules(RuleSearch& rules, double work) {
    const double end = search_.work() + work;
    while (!done() && search_.work() < end) {
      const double before = rules.work();
      const auto order = rules.step();
      search_.add_work(rules.work() - before);
      if (order) search_.consider(*order);
    }
  }

  // Not more than is left of the budget.
  double at_most(double work) const {
    return std::clamp(request_.budget - search_.work(), 0.0, work);
  }

  void count(const auto& bounding) {
    const double before = bounds_.work();
    bounding();
    search_.add_work(bounds_.work() - before);
    search_.set_bound(bounds_.value());
  }

  void raise_bound(double work) {
    if (!done()) count([&] { bounds_.raise(search_.best().makespan, at_most(work)); });
  }

  // Branching raises the bound by what it refutes; what it cannot refute may be an order.
  void branch(double work) {
    if (done()) return;
    std::optional<Windows> open;
    count([&] { open = bounds_.branch(search_.best().makespan, at_most(work)); });
    if (open) {
      search_.try_starts(open->head);
      search_.follow(*open);
    }
  }

  // Orders of forwards and input gradients for ends between the bound and the best, from the
  // latest on; weight gradients go where the windows leave room.
  void dive(std::uint64_t round, double work) {
    if (done() || request_.shape.chunks > 1) return;
    const Ticks latest = search_.best().makespan - 1;
    const Ticks earliest = bounds_.value();
    const double each = kDiveWork * static_cast<double>(shop_.operations());
    const int dives = std::min(kDives, static_cast<int>(work / each));
    if (dives == 0) return;
    std::optional<Windows> widest;
    count([&] { widest = bounds_.windows_for(latest); });
    if (!widest) return;
    for (int i = 0; i < dives && !done(); ++i) {
      const Ticks end = latest - (latest - earliest) * i / dives;
      std::optional<Windows> found;
      const std::uint64_t seed = kDives * round + i;
      count([&] { found = bounds_.dive(*widest, latest, end, at_most(work / dives), seed); });
      if (found) fill(*found);
    }
  }

  // Puts the weight gradients into an order of forwards and input gradients.
  void fill(const Windows& windows) {
    search_.add_work(static_cast<double>(shop_.operations()));
    const std::optional<ShopOrder> order = timed(shop_, fill_weight_grads(shop_, windows));
    search_.consider(*order);
    if (!done()) search_.improve(*order);
    if (!done()) search_.follow(windows);
  }

  void fill_within(const std::vector<int>& before, const Windows& within) {
    std::optional<Windows> windows;
    count([&] { windows = bounds_.windows_of(before, within); });
    if (windows && !done()) fill(*windows);
  }

  // Forwards and input gradients meet elsewhere.  Weight gradients go where they fit, or, in every
  // other round and where memory is ample, where the windows of the order found leave room.
  void meet_elsewhere(std::uint64_t round, double slice) {
    if (done() || request_.shape.chunks > 1 || shop_.limits[0] < 2) return;
    const Ticks best = search_.best().makespan;
    const bool filled = round % 2 == 1 || shop_.limits[0] >= shop_.ranks;
    const double work = meeting_share_ * slice;
    if (at_most(work) < work) {
      // A walk that cools faster ends elsewhere, perhaps at something better.
      search_.add_work(work);
      return;
    }
    const MeetingWalk walk = walk_meetings(
        shop_, search_.best(), filled ? WeightGrads::kFluid : WeightGrads::kWhole, work, round);
    search_.add_work(walk.work);
    if (!walk.rows.empty()) {
      const std::optional<ShopOrder> order = timed(shop_, walk.rows);
      search_.consider(*order);
      if (!done()) search_.improve(*order);
    }
    for (const Ticks end : {walk.makespan, best - 1}) {
      if (done() || !walk.rows.empty() || walk.makespan >= best) break;
      fill_within(walk.before, bounds_.open_windows(end));
      std::optional<Windows> tight;
      count([&] { tight = bounds_.windows_for(end); });
      if (tight && !done()) fill_within(walk.before, *tight);
    }
    meeting_share_ = search_.best().makespan < best ? std::min(1.0, 2 * meeting_share_)
                                                    : std::max(0.125, meeting_share_ / 2);
  }

  void begin() {
    const std::vector<Schedule> published =
        published_orders(request_.shape, request_.placement, request_.limit, request_.costs);
    std::vector<ShopOrder> seeds;
    for (const Schedule& each : published) {
      seeds.push_back(*timed(shop_, rows_of(shop_, each)));
      search_.consider(seeds.back());
    }
    if (!search_.found()) search_.try_pace(0, 1);
    if (!search_.found()) return;
    std::ranges::sort(seeds, {}, &ShopOrder::makespan);
    const std::size_t most = std::min(kMostSeeds, seeds.size());
    for (std::size_t i = 0; i < most && !done(); ++i) {
      if (i > 0 && seeds[i].starts == seeds[i - 1].starts) continue;
      const ShopOrder improved = search_.improve(seeds[i]);
      if (shop_.chunks > 1) search_.add_start(improved);
    }
  }

  void patterns() {
    for (const RankPattern& each : rank_patterns(shop_.ranks, request_.limit)) {
      if (done()) return;
      search_.try_pattern(each.forwards, each.lag);
    }
  }

  // Windows of several ends between the bound and the best order.
  void follow_windows(int ends, double work) {
    const double end_of_work = search_.work() + work;
    const Ticks low = bounds_.value();
    const Ticks high = search_.best().makespan;
    Ticks last = -1;
    for (int i = 0; i < ends && !done() && search_.work() < end_of_work; ++i) {
      const Ticks end = low + (high - low) * i / ends;
      if (end == last) continue;
      last = end;
      std::optional<Windows> windows;
      count([&] { windows = bounds_.windows_for(end); });
      if (windows) search_.follow(*windows);
    }
  }

  // From a search with half of the micro-batches, where a good pattern is easier to find.
  void extend_shorter(double budget) {
    const double end = search_.work() + budget;
    const int least = 2 * shop_.limits[0] / shop_.chunks + 2;
    const int fewer = std::max(least, (shop_.microbatches + 1) / 2);
    if (done() || fewer >= shop_.microbatches) return;
    SearchRequest request = request_;
    request.shape.microbatches = fewer;
    request.budget = at_most(0.7 * budget);
    const JobShop shop = with_microbatches(shop_, fewer);
    OrderSearch shorter(request, shop, empty_schedule("", request.shape, request.placement));
    shorter.run();
    if (!shorter.found()) return;
    search_.add_work(shorter.search_.work());
    const int longest = 2 * shop_.limits[0] / shop_.chunks;
    for (const Repetition& each :
         repetitions(shop, shorter.best(), shop_.microbatches, longest, 100)) {
      if (done() || search_.work() > end) return;
      search_.try_starts(extended(shop, shorter.best(), shop_, each));
    }
  }

  // Micro-batches let in at an even pace, from the bound's to the best order's and above.
  void paces(double work) {
    const double end = search_.work() + work;
    const Ticks low = bounds_.value();
    const Ticks high = search_.best().makespan + (search_.best().makespan - low) / 2;
    constexpr int kSteps = 12;
    for (int i = 0; i <= kSteps && !done() && search_.work() < end; ++i) {
      search_.try_pace(low + (high - low) * i / kSteps, shop_.microbatches + shop_.ranks);
    }
  }

  const SearchRequest& request_;
  const JobShop& shop_;
  BoundFinder bounds_;
  ShopSearch search_;
  double meeting_share_ = 0.5;  // of a round's work: what has gained something gets more
};

}  // namespace

Schedule search_order(const SearchRequest& request) {
  const PipelineShape& shape = request.shape;
  if (request.limit < shape.chunks) {
    throw InputError({diagnose("schedule.max_live_activations",
                               std::string(request.name) + " holds an activation of each of its " +
                                   std::to_string(shape.chunks) + " chunks, so " +
                                   std::to_string(request.limit) + " is too few",
                               "try " + std::to_string(shape.chunks))});
  }
  Schedule schedule = empty_schedule(request.name, shape, request.placement);
  schedule.found_by = "search";
  const TickCosts ticks = to_ticks_below(request.costs, shape.stages()).ticks;
  const JobShop shop =
      make_job_shop(schedule, divided(ticks, common_divisor(ticks)), request.limit);
  OrderSearch search(request, shop, schedule);
  search.run();
  if (!search.found()) {
    throw InputError({diagnose("schedule.max_live_activations",
                               std::string(request.name) + ": no order was found that keeps to " +
                                   std::to_string(request.limit) + " live activations",
                               "try " + std::to_string(request.limit + 1))});
  }
  schedule.ranks = ops_of(shop, search.best());
  return schedule;
}

Schedule search_order(std::string_view name, const PipelineShape& shape, Placement placement,
                      int limit, const UnitCosts& costs) {
  SearchRequest request;
  request.name = name;
  request.shape = shape;
  request.placement = placement;
  request.limit = limit;
  request.costs = costs;
  return search_order(request);
}

}  // namespace plumbline
