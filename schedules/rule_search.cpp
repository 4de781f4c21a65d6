#include "schedules/rule_search.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "schedules/hashed.h"
#include "schedules/list_schedule.h"
#include "schedules/periodic_pattern.h"

namespace plumbline {
namespace {

constexpr std::int64_t kUnit = 64;        // of a rule's times in a period
constexpr std::int64_t kNever = 1 << 20;  // a lag that puts weight gradients behind all else
constexpr std::size_t kClimbed = 4;       // rules that are climbed from at a time
constexpr int kPeriods = 16;              // of repeated blocks, from the least on
constexpr int kKeeping = 4;               // until so many keep the limit
constexpr int kBeamWork = 384;            // stages times partial blocks that are kept ...
constexpr int kLeastBeam = 4;             // ... of which so many at least
constexpr std::int64_t kPaces[] = {64, 32, 56, 96};
constexpr std::int64_t kLags[] = {kNever, 0};
constexpr int kTilts[] = {1, 2, 0, 3};

}  // namespace

RuleSearch::RuleSearch(const JobShop& shop)
    : shop_(shop), ahead_(shop), back_(reversed(shop)), period_(shortest_period(shop)) {
  const int stages = shop.stages();
  TickTimes reach(shop.chains.size(), 0);
  const auto visit = [&](int c) {
    for (const Chain::Link& in : shop.chains[c].inputs) {
      reach[c] = std::max(reach[c], reach[in.chain] + shop.chains[in.chain].duration + in.delay);
    }
  };
  for (int s = 0; s < stages; ++s) visit(s);
  for (int s = stages - 1; s >= 0; --s) visit(stages + s), visit(2 * stages + s);
  add_way(std::move(reach), period_);
  begin();
}

void RuleSearch::add_way(TickTimes starts, Ticks period) {
  Ticks end = 0;
  const auto end_of = [&](std::size_t c) { return starts[c] + shop_.chains[c].duration; };
  for (std::size_t c = 0; c < starts.size(); ++c) end = std::max(end, end_of(c));
  TickTimes back;
  for (std::size_t c = 0; c < starts.size(); ++c) back.push_back(end - end_of(c));
  ways_.push_back({std::move(starts), std::move(back), period});
}

// Of each rank's room, to its stages by how long an activation lives there, `tilt` halves of a
// period added to each.
std::vector<int> RuleSearch::shares(int tilt) const {
  const int stages = shop_.stages();
  std::vector<int> share(stages, 1);
  for (int rank = 0; rank < shop_.ranks; ++rank) {
    std::vector<std::pair<Ticks, int>> lives;  // and the stage
    Ticks all = 0;
    for (const int c : shop_.of_rank[rank]) {
      if (c >= stages) continue;
      const Ticks least = period_ / 4 + 1;
      const Ticks life = ways_[0].ahead[2 * stages + c] - ways_[0].ahead[c] + tilt * period_ / 2;
      lives.emplace_back(std::max(least, life), c);
      all += lives.back().first;
    }
    const Ticks room = shop_.limits[rank];
    int left = shop_.limits[rank];
    std::vector<std::pair<Ticks, int>> rests;
    for (const auto& [life, s] : lives) {
      share[s] = std::max<int>(1, static_cast<int>(life * room / all));
      left -= share[s];
      rests.emplace_back(-(life * room % all), s);
    }
    std::ranges::sort(rests);
    for (const auto& [rest, s] : rests) {
      if (left-- > 0) ++share[s];
    }
  }
  return share;
}

void RuleSearch::begin() {
  for (const int tilt : kTilts) {
    for (const std::int64_t pace : kPaces) {
      for (const std::int64_t lag : kLags) {
        for (const bool backwards : {false, true}) {
          OrderRule rule;
          rule.backwards = backwards;
          rule.most = shares(tilt);
          rule.shift.assign(2 * shop_.chunks, 0);
          rule.pace = pace;
          rule.lag = lag;
          first_.push_back(std::move(rule));
        }
      }
    }
  }
  std::ranges::reverse(first_);
}

// The rules of the next repeated block that there is.
void RuleSearch::add_pattern() {
  const int stages = shop_.stages();
  const Ticks period = std::max(period_ + patterns_, period_ + period_ * patterns_ / 32);
  ++patterns_;
  const int width = std::max(kLeastBeam, kBeamWork / stages);
  const auto pattern = periodic_pattern(shop_, period, width, work_);
  if (!pattern) return;
  keeping_ += pattern->keeps_limit ? 1 : 0;
  OrderRule rule;
  for (int s = 0; s < stages; ++s) {
    const int w = 2 * stages + s;
    const Ticks life = pattern->starts[w] + shop_.chains[w].duration - pattern->starts[s];
    rule.most.push_back(static_cast<int>((life + period - 1) / period));
  }
  rule.shift.assign(2 * shop_.chunks, 0);
  rule.way = ways_.size();
  add_way(pattern->starts, period);
  for (const bool backwards : {false, true}) {
    rule.backwards = backwards;
    for (const std::int64_t pace : {kUnit, kUnit * 7 / 8}) {
      for (const std::int64_t lag : {std::int64_t{0}, kNever}) {
        rule.pace = pace;
        rule.lag = lag;
        first_.push_back(rule);
      }
    }
  }
}

std::uint64_t RuleSearch::chance(std::uint64_t below) {
  return hashed_bits(0x5eed, ++draws_) % below;
}

OrderRule RuleSearch::changed(const OrderRule& from) {
  OrderRule rule = from;
  const int stages = shop_.stages();
  const int changes = 1 + static_cast<int>(chance(2));
  for (int i = 0; i < changes; ++i) {
    const int by = chance(2) == 0 ? 1 : -1;
    switch (chance(6)) {
      case 0: {  // one stage
        int& most = rule.most[chance(stages)];
        most = std::max(1, most + by);
        break;
      }
      case 1: {  // stages next to each other
        const int first = static_cast<int>(chance(stages));
        const int count = 1 + static_cast<int>(chance(shop_.ranks));
        for (int s = first; s < std::min(stages, first + count); ++s) {
          rule.most[s] = std::max(1, rule.most[s] + by);
        }
        break;
      }
      case 2: {  // from one stage of a rank to another
        const int s = static_cast<int>(chance(stages));
        const auto& chains = shop_.of_rank[shop_.chains[s].rank];
        const int other = chains[chance(chains.size())] % stages;
        if (rule.most[s] > 1) --rule.most[s], ++rule.most[other];
        break;
      }
      case 3:
        rule.pace = std::max<std::int64_t>(0, rule.pace + by * static_cast<int>(1 + chance(24)));
        break;
      case 4:
        if (rule.lag >= kNever) rule.lag = 2 * kUnit;
        rule.lag = std::max<std::int64_t>(0, rule.lag + by * static_cast<int>(1 + chance(48)));
        break;
      default:
        rule.shift[chance(rule.shift.size())] += by * static_cast<int>(1 + chance(48));
        break;
    }
  }
  return rule;
}

std::optional<ShopOrder> RuleSearch::order_of(const OrderRule& rule) {
  const int stages = shop_.stages();
  const std::size_t total = shop_.microbatches;
  JobShop& shop = rule.backwards ? back_ : ahead_;
  const Way& way = ways_[rule.way];
  const TickTimes& reach = rule.backwards ? way.back : way.ahead;
  TickTimes priority(shop.operations());
  for (std::size_t c = 0; c < shop.chains.size(); ++c) {
    const int kind = static_cast<int>(c) / stages, s = static_cast<int>(c) % stages;
    Ticks first = kUnit * reach[c];
    if (kind == 2) {
      first += rule.lag * way.period;
    } else {
      first += rule.shift[2 * (s / shop.ranks) + kind] * way.period;
    }
    for (std::size_t mb = 0; mb < total; ++mb) {
      priority[c * total + mb] = first + static_cast<Ticks>(mb) * rule.pace * way.period;
    }
    shop.chains[c].most = kind == (rule.backwards ? 2 : 0) ? rule.most[s] : 0;
  }
  work_ += static_cast<double>(shop.operations()) * (8.0 + shop.ranks / 4.0);
  std::optional<ShopOrder> order = list_schedule(shop, priority);
  if (order && rule.backwards) order = mirrored(shop_, *order);
  return order;
}

std::optional<ShopOrder> RuleSearch::step() {
  work_ +=
      1.0;  // also where there is nothing to try, so that whoever has a budget comes to its end
  if (first_.empty() && patterns_ < kPeriods && keeping_ < kKeeping) {
    add_pattern();
    return std::nullopt;
  }
  if (!first_.empty()) {
    OrderRule rule = std::move(first_.back());
    first_.pop_back();
    std::optional<ShopOrder> order = order_of(rule);
    if (order) best_.push_back({std::move(rule), order->makespan});
    keep_best();
    return order;
  }
  if (best_.empty()) return std::nullopt;
  Tried& from = best_[steps_++ % best_.size()];
  OrderRule rule = changed(from.rule);
  std::optional<ShopOrder> order = order_of(rule);
  if (!order || order->makespan > from.makespan) return std::nullopt;
  from = {std::move(rule), order->makespan};
  return order;
}

void RuleSearch::keep_best() {
  std::ranges::stable_sort(best_, {}, &Tried::makespan);
  if (best_.size() > kClimbed) best_.resize(kClimbed);
}

std::vector<ShopOrder> RuleSearch::best() {
  keep_best();
  std::vector<ShopOrder> orders;
  for (const Tried& each : best_) orders.push_back(*order_of(each.rule));
  return orders;
}

}  // namespace plumbline
