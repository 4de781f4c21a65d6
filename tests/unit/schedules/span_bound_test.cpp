// B6 against every order of tiny pipelines, and where it is known in closed form.
#include "schedules/span_bound.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "schedules/build.h"
#include "schedules/catalog.h"
#include "schedules/evaluate.h"
#include "schedules/order_bounds.h"

namespace plumbline {
namespace {

constexpr Ticks kNone = std::numeric_limits<Ticks>::max();

// Every order of F, I and W of one rank with at most `limit` alive, as operations of the shop.
void add_rows(const JobShop& shop, int rank, int f, int i, int w, std::vector<int>& row,
              std::vector<std::vector<int>>& rows) {
  const int total = shop.microbatches;
  if (w == total) return rows.push_back(row);
  const auto go = [&](int kind, int mb, int df, int di, int dw) {
    row.push_back((kind * shop.ranks + rank) * total + mb);
    add_rows(shop, rank, f + df, i + di, w + dw, row, rows);
    row.pop_back();
  };
  if (f < total && f - w < shop.limits[rank]) go(0, f, 1, 0, 0);
  if (i < f) go(1, i, 0, 1, 0);
  if (w < i) go(2, w, 0, 0, 1);
}

// [ranks] the shortest span of each over all orders, and the least longest span last.
std::vector<Ticks> shortest_spans(const JobShop& shop) {
  std::vector<std::vector<std::vector<int>>> choices(shop.ranks);
  for (int rank = 0; rank < shop.ranks; ++rank) {
    std::vector<int> row;
    add_rows(shop, rank, 0, 0, 0, row, choices[rank]);
  }
  std::vector<Ticks> best(shop.ranks + 1, kNone);
  std::vector<std::size_t> chosen(shop.ranks, 0);
  for (int at = 0; at < shop.ranks;) {
    std::vector<std::vector<int>> rows;
    for (int rank = 0; rank < shop.ranks; ++rank) rows.push_back(choices[rank][chosen[rank]]);
    if (const auto order = timed(shop, rows)) {
      Ticks longest = 0;
      for (int rank = 0; rank < shop.ranks; ++rank) {
        const int last = rows[rank].back();
        const Ticks end = order->starts[last] + shop.chains[last / shop.microbatches].duration;
        const Ticks span = end - order->starts[rows[rank].front()];
        best[rank] = std::min(best[rank], span);
        longest = std::max(longest, span);
      }
      best.back() = std::min(best.back(), longest);
    }
    for (at = 0; at < shop.ranks && ++chosen[at] == choices[at].size(); ++at) chosen[at] = 0;
  }
  return best;
}

TEST(SpanBound, IsNeverAboveTheSpanOfAnyOrderOfATinyPipelineAndMostlyTheShortest) {
  unsigned state = 3;
  const auto up_to = [&](unsigned most) {
    state = state * 1664525u + 1013904223u;
    return static_cast<std::int64_t>((state >> 16) % most);
  };
  int bounds = 0, reached = 0;
  for (int again = 0; again < 12; ++again) {
    for (const auto& [ranks, total] : {std::pair(2, 2), std::pair(2, 3), std::pair(3, 2)}) {
      TickCosts costs;
      costs.comm = up_to(3);
      for (int s = 0; s < ranks; ++s) {
        costs.forward.push_back(1 + up_to(4));
        costs.input_grad.push_back(1 + up_to(4));
        costs.weight_grad.push_back(1 + up_to(4));
      }
      for (int limit = 1; limit <= total; ++limit) {
        const Schedule placed = empty_schedule("", {ranks, 1, total}, Placement::kLoop);
        const JobShop shop = make_job_shop(placed, costs, limit);
        const std::vector<Ticks> best = shortest_spans(shop);
        Ticks longest = 0;
        for (int rank = 0; rank < ranks; ++rank) {
          const Ticks bound = span_lower_bound(shop, rank, best[rank], 1e6);
          EXPECT_LE(bound, best[rank])
              << ranks << " ranks, " << total << " micro-batches, limit " << limit << ", " << rank;
          longest = std::max(longest, span_lower_bound(shop, rank, best.back(), 1e6));
          ++bounds;
          reached += bound == best[rank] ? 1 : 0;
        }
        EXPECT_LE(longest, best.back());
      }
    }
  }
  EXPECT_GE(reached, bounds * 7 / 10) << reached << " of " << bounds;
}

TEST(SpanBound, IsTheWorkOfARankWhereZbH2HasNoBubbleAndLessThanTheMakespanBound) {
  // Qi et al., arXiv:2401.10241: no bubble between a rank's first and last operation, while the
  // pipeline takes (P - 1) F more; so a bound on the makespan of the stages from a rank on is none
  // on its span.
  constexpr int kRanks = 4, kTotal = 16;
  const Schedule schedule = generate_schedule("zb_h2", {kRanks, 1, kTotal});
  const JobShop shop = make_job_shop(schedule, to_ticks({}, kRanks), 2 * kRanks);
  BoundFinder finder(shop, schedule);
  finder.raise(kNoDeadline / 2, 1e6);
  EXPECT_EQ(finder.value(), 3 * kTotal + kRanks - 1);
  for (int rank = 0; rank < kRanks; ++rank) {
    EXPECT_EQ(span_lower_bound(shop, rank, finder.value(), 1e6), 3 * kTotal);
    EXPECT_NEAR(evaluate(schedule, {}).span_idle[rank], 0.0, 1e-9);
  }
}

TEST(SpanBound, HasTheWaitForTheFirstGradientOnTheFirstRankOf1F1BsMemory) {
  // P activations at F = I = W: rank 0 is first and last, so its span is the makespan,
  // M work + (P - 1)(F + I - W).
  constexpr int kRanks = 4, kTotal = 12;
  const Schedule schedule = generate_schedule("zb_h1", {kRanks, 1, kTotal});
  const JobShop shop = make_job_shop(schedule, to_ticks({}, kRanks), kRanks);
  EXPECT_EQ(span_lower_bound(shop, 0, 1000, 1e6), 3 * kTotal + (kRanks - 1));
}

}  // namespace
}  // namespace plumbline
