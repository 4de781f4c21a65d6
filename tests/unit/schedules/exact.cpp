#include "exact.h"

#include <algorithm>
#include <map>
#include <vector>

namespace plumbline::testing {
namespace {

using Counts = std::vector<std::int8_t>;  // [3 * stages] operations done of F, I, W
using Times = std::vector<std::int64_t>;  // rank free at, then the ends that others wait for

class Exact {
 public:
  Exact(const Schedule& placed, const TickCosts& costs, int limit)
      : rank_of_(placed.stage_rank.front()),
        stages_(placed.num_stages()),
        ranks_(placed.num_ranks()),
        total_(placed.shape.microbatches),
        costs_(costs),
        limit_(limit) {}

  std::int64_t run() {
    std::map<Counts, std::vector<Times>> layer;
    // Times: [ranks] free at, [stages][M] end of F, [stages][M] end of I.
    layer[Counts(3 * stages_, 0)] = {Times(ranks_ + 2 * stages_ * total_, 0)};
    for (int done = 0; done < 3 * stages_ * total_; ++done) {
      std::map<Counts, std::vector<Times>> next;
      for (const auto& [counts, ways] : layer) {
        for (const Times& way : ways) expand(counts, way, next);
      }
      layer = std::move(next);
    }
    std::int64_t best = -1;
    for (const auto& [counts, ways] : layer) {
      for (const Times& way : ways) {
        const std::int64_t end = *std::max_element(way.begin(), way.begin() + ranks_);
        best = best < 0 ? end : std::min(best, end);
      }
    }
    return best;
  }

 private:
  std::size_t end_of(int kind, int stage, int mb) const {
    return ranks_ + (kind * stages_ + stage) * total_ + mb;
  }

  int live(const Counts& counts, int rank) const {
    int alive = 0;
    for (int s = 0; s < stages_; ++s) {
      if (rank_of_[s] == rank) alive += counts[s] - counts[2 * stages_ + s];
    }
    return alive;
  }

  void expand(const Counts& counts, const Times& way, std::map<Counts, std::vector<Times>>& next) {
    for (int kind = 0; kind < 3; ++kind) {
      for (int s = 0; s < stages_; ++s) {
        const int mb = counts[kind * stages_ + s];
        if (mb == total_) continue;
        const int rank = rank_of_[s];
        if (kind == 0 && live(counts, rank) >= limit_) continue;
        std::int64_t start = way[rank];
        bool ready = true;
        const auto needs = [&](int of_kind, int stage) {
          ready = ready && counts[of_kind * stages_ + stage] > mb;
          const std::int64_t hop = rank_of_[stage] == rank ? 0 : costs_.comm_between(s, stage);
          if (ready) start = std::max(start, way[end_of(of_kind, stage, mb)] + hop);
        };
        if (kind == 0 && s > 0) needs(0, s - 1);
        if (kind == 1) needs(0, s);
        if (kind == 1 && s + 1 < stages_) needs(1, s + 1);
        if (kind == 2) needs(1, s);
        if (!ready) continue;
        const std::int64_t duration = kind == 0   ? costs_.forward[s]
                                      : kind == 1 ? costs_.input_grad[s]
                                                  : costs_.weight_grad[s];
        Counts after = counts;
        ++after[kind * stages_ + s];
        Times times = way;
        times[rank] = start + duration;
        if (kind < 2) times[end_of(kind, s, mb)] = start + duration;
        forget(after, times);
        keep(next[after], times);
      }
    }
  }

  // Ends that nobody waits for any more would only keep equal ways apart.
  void forget(const Counts& counts, Times& times) const {
    for (int s = 0; s < stages_; ++s) {
      for (int mb = 0; mb < total_; ++mb) {
        const bool forward_used = s + 1 == stages_ || counts[s + 1] > mb;
        const bool gradient_used = s == 0 || counts[stages_ + s - 1] > mb;
        if (forward_used) times[end_of(0, s, mb)] = 0;
        if (gradient_used) times[end_of(1, s, mb)] = 0;
      }
    }
  }

  static void keep(std::vector<Times>& ways, const Times& times) {
    const auto no_later = [](const Times& a, const Times& b) {
      return std::equal(a.begin(), a.end(), b.begin(), [](auto x, auto y) { return x <= y; });
    };
    for (const Times& other : ways) {
      if (no_later(other, times)) return;
    }
    std::erase_if(ways, [&](const Times& other) { return no_later(times, other); });
    ways.push_back(times);
  }

  std::vector<int> rank_of_;
  int stages_, ranks_, total_;
  const TickCosts& costs_;
  int limit_;
};

}  // namespace

std::int64_t shortest_makespan(const Schedule& placed, const TickCosts& costs, int limit) {
  return Exact(placed, costs, limit).run();
}

}  // namespace plumbline::testing
