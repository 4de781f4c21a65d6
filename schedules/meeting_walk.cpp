#include "schedules/meeting_walk.h"

#include <algorithm>
#include <utility>

#include "schedules/hashed.h"

namespace plumbline {
namespace {

// Rounds that show the period of a pattern: those before the first have not settled yet.
constexpr int kFirstRound = 4, kLastRound = 7;
// Micro-batches of a beginning or an end, in limits on live activations.
constexpr int kEnd = 2;
// Accepted in the beginning and in the end: so much longer, in the longest F + I.
constexpr double kHot = 0.25, kCold = 0.01;
// An operation here takes less than elsewhere: nothing is chosen, and no order is kept.
constexpr double kWorkPerOperation = 0.25;

/// place[k * width + i] is where micro-batch k meets micro-batch k - 1 - i: the last stage whose
/// input gradient has run; 0 when it has gone, `stages` when it waits on the last one.
struct Places {
  int width = 0;
  std::vector<int> place;
  int count() const { return static_cast<int>(place.size()) / width; }
};

class Walker {
 public:
  Walker(const JobShop& shop, WeightGrads weight_grads, double budget, std::uint64_t seed)
      : stages_(shop.stages()),
        limit_(shop.limits[0]),
        width_(limit_ - 1),
        total_(shop.microbatches),
        budget_(budget),
        seed_(seed),
        whole_(weight_grads == WeightGrads::kWhole),
        limits_(shop.limits),
        free_(stages_),
        idle_(stages_),
        gradients_(stages_),
        weight_grads_(stages_) {
    for (int s = 0; s < stages_; ++s) {
      forward_.push_back(shop.chains[s].duration);
      gradient_.push_back(shop.chains[stages_ + s].duration);
      weight_grad_.push_back(shop.chains[2 * stages_ + s].duration);
      hop_.push_back(s == 0 ? 0 : shop.chains[s].inputs.front().delay);
      unit_ = std::max(unit_, static_cast<double>(forward_[s] + gradient_[s]));
    }
    hop_.push_back(0);
  }

  MeetingWalk run(const ShopOrder& from) {
    const int ends = 2 * kEnd * limit_;
    // Micro-batches between the ends of what is walked over: all, or two rounds of a pattern.
    const bool repeats = total_ > ends + 3 * limit_;
    Places whole = places_of(from);
    int rounds = 0;
    if (repeats) {
      Places pattern = middle(whole);
      anneal(pattern, limit_, {}, 0.5 * budget_);
      rounds = (total_ - ends) / limit_ - 2;
      whole = repeated(pattern, total_ - rounds * limit_);
      const int first = kEnd * limit_;
      anneal(whole, 0, {first, first + 2 * limit_}, budget_);
      whole = longer(whole, first, rounds);
    } else {
      anneal(whole, 0, {0, 0}, budget_);
    }
    MeetingWalk result;
    if (whole_) {
      result.rows.resize(stages_);
      rows_ = &result.rows;
    }
    result.makespan = makespan(whole, total_, 0);
    result.before = before(whole);
    result.work = work_;
    return result;
  }

 private:
  struct Range {
    int first = 0, end = 0;
  };

  int at(const Places& places, int k, int i, int period) const {
    return places.place[static_cast<std::size_t>(period > 0 ? k % period : k) * places.width + i];
  }

  // When everything is done in a pipeline of `count` micro-batches; starts of F(0, k) in starts_.
  Ticks makespan(const Places& places, int count, int period) {
    std::fill(free_.begin(), free_.end(), 0);
    std::fill(idle_.begin(), idle_.end(), 0);
    std::fill(gradients_.begin(), gradients_.end(), 0);
    std::fill(weight_grads_.begin(), weight_grads_.end(), 0);
    ended_.assign(count, 0);
    starts_.resize(count);
    for (int k = 0; k < count + limit_; ++k) {
      for (int i = width_; i >= 0; --i) {
        const int j = k - 1 - i;
        if (j < 0 || j >= count) continue;
        const int from = i == 0 ? stages_ : k > count ? 0 : at(places, k - 1, i - 1, period);
        const int to = k >= count || i == width_ ? 0 : at(places, k, i, period);
        for (int s = from - 1; s >= to; --s) {
          const Ticks arrives = ended_[j] + hop_[s + 1];
          if (whole_) fill(s, arrives, 0, count);
          const Ticks start = std::max(arrives, free_[s]);
          if (rows_) rows_->at(s).push_back((stages_ + s) * count + j);
          free_[s] = start + gradient_[s];
          idle_[s] = std::max(idle_[s], start) + gradient_[s] + weight_grad_[s];
          ended_[j] = free_[s];
          ++gradients_[s];
        }
      }
      if (k >= count) break;
      Ticks passed = 0;
      for (int s = 0; s < stages_; ++s) {
        const int released = k + 1 - limits_[s];
        if (whole_) fill(s, passed + hop_[s], released, count);
        Ticks start = std::max(passed + hop_[s], free_[s]);
        if (rows_) rows_->at(s).push_back(s * count + k);
        if (!whole_ && released > 0)
          start = std::max(start, idle_[s] - (gradients_[s] - released) * weight_grad_[s]);
        if (s == 0) starts_[k] = start;
        free_[s] = passed = start + forward_[s];
        idle_[s] = std::max(idle_[s], start) + forward_[s];
      }
      ended_[k] = passed;
    }
    work_ += kWorkPerOperation * 2.0 * stages_ * count;
    if (whole_) {
      Ticks end = 0;
      for (int s = 0; s < stages_; ++s) {
        fill(s, free_[s], count, count);
        end = std::max(end, free_[s]);
      }
      return end;
    }
    return std::ranges::max(idle_);
  }

  void fill(int s, Ticks until, int released, int count) {
    int n = std::max(0, released - weight_grads_[s]);
    const Ticks gap = until - free_[s] - n * weight_grad_[s];
    if (gap >= weight_grad_[s] && weight_grad_[s] > 0) {
      n += static_cast<int>(
          std::min<Ticks>(gradients_[s] - weight_grads_[s] - n, gap / weight_grad_[s]));
    }
    if (rows_) {
      for (int w = 0; w < n; ++w)
        rows_->at(s).push_back((2 * stages_ + s) * count + weight_grads_[s] + w);
    }
    weight_grads_[s] += n;
    free_[s] += n * weight_grad_[s];
  }

  double value(const Places& places, int period) {
    if (period == 0) return static_cast<double>(makespan(places, places.count(), 0));
    makespan(places, kLastRound * period + 1, period);
    return static_cast<double>(starts_[kLastRound * period] - starts_[kFirstRound * period]) /
           (kLastRound - kFirstRound);
  }

  // Moves single meetings by a stage, all but those of micro-batches `fixed`.
  void anneal(Places& places, int period, Range fixed, double until) {
    const int count = places.count();
    const int free_count = count - (fixed.end - fixed.first);
    if (free_count <= 0 || width_ == 0) return;
    double now = value(places, period);
    Places best = places;
    double least = now;
    const double begin = work_;
    while (work_ < until) {
      const double left = (until - work_) / (until - begin);
      const std::uint64_t draw = hashed_bits(seed_, ++draws_);
      int k = static_cast<int>(draw % free_count);
      if (k >= fixed.first) k += fixed.end - fixed.first;
      const int i = static_cast<int>((draw >> 20) % width_);
      const int by = (draw >> 40) % 2 == 0 ? 1 : -1;
      int& place = places.place[static_cast<std::size_t>(k) * width_ + i];
      work_ += 1.0;
      if (k - 1 - i < 0 && period == 0) continue;
      if (!may_be(places, k, i, place + by, period)) continue;
      place += by;
      const double after = value(places, period);
      const double heat = unit_ * left * left * (kHot * left + kCold);
      if (after <= now + heat * hashed(seed_, ~draws_)) {
        now = after;
        if (now < least) {
          least = now;
          best = places;
        }
      } else {
        place -= by;
      }
    }
    places = std::move(best);
  }

  // Gradients keep their order, and none goes back down.
  bool may_be(const Places& places, int k, int i, int place, int period) const {
    const int count = places.count();
    if (place < 0 || place > stages_) return false;
    const auto around = [&](int other) { return period > 0 ? (other + period) % period : other; };
    if (i > 0 && place > at(places, k, i - 1, period)) return false;
    if (i + 1 < width_ && k - 2 - i >= (period > 0 ? -width_ : 0) &&
        place < at(places, k, i + 1, period)) {
      return false;
    }
    if (i > 0 && (k > 0 || period > 0) && place > at(places, around(k - 1), i - 1, period)) {
      return false;
    }
    return i + 1 >= width_ || (k + 1 >= count && period == 0) ||
           place >= at(places, around(k + 1), i + 1, period);
  }

  Places places_of(const ShopOrder& order) const {
    Places places{width_, std::vector<int>(static_cast<std::size_t>(total_) * width_, 0)};
    for (int k = 0; k < total_; ++k) {
      for (int i = 0; i < width_ && k - 1 - i >= 0; ++i) {
        int& place = places.place[static_cast<std::size_t>(k) * width_ + i];
        place = stages_;
        while (place > 0 && order.starts[start_of(1, place - 1, k - 1 - i)] <
                                order.starts[start_of(0, place - 1, k)]) {
          --place;
        }
      }
    }
    return places;
  }
  std::size_t start_of(int kind, int s, int k) const {
    return static_cast<std::size_t>(kind * stages_ + s) * total_ + k;
  }

  // One round out of the middle, made to follow itself.
  Places middle(const Places& whole) const {
    const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(total_ / 2 / limit_) * limit_ * width_;
    Places pattern{width_,
                   {whole.place.begin() + first,
                    whole.place.begin() + first + static_cast<std::ptrdiff_t>(limit_) * width_}};
    for (int k = 0; k < limit_; ++k) {
      for (int i = 1; i < width_; ++i) {
        int& place = pattern.place[static_cast<std::size_t>(k) * width_ + i];
        place = std::min(place, at(pattern, (k + limit_ - 1) % limit_, i - 1, 0));
      }
    }
    // The first followed the last before that was cut down.
    for (int i = 1; i < width_; ++i) {
      int& place = pattern.place[i];
      place = std::min(place, at(pattern, limit_ - 1, i - 1, 0));
    }
    return pattern;
  }

  Places repeated(const Places& pattern, int count) const {
    Places places{width_, {}};
    for (int k = 0; k < count; ++k) {
      for (int i = 0; i < width_; ++i) places.place.push_back(at(pattern, k, i, pattern.count()));
    }
    return places;
  }

  // Repeats the round from `first` on so many times more.
  Places longer(const Places& places, int first, int rounds) const {
    const auto begin = places.place.begin() + static_cast<std::ptrdiff_t>(first) * width_;
    const auto end = begin + static_cast<std::ptrdiff_t>(limit_) * width_;
    Places result{width_, {places.place.begin(), end}};
    for (int i = 0; i < rounds; ++i) result.place.insert(result.place.end(), begin, end);
    result.place.insert(result.place.end(), end, places.place.end());
    return result;
  }

  std::vector<int> before(const Places& places) const {
    std::vector<int> counts;
    for (int s = 0; s < stages_; ++s) {
      for (int k = 0; k < total_; ++k) {
        int count = std::max(0, k - width_);
        for (int i = 0; i < width_ && k - 1 - i >= 0; ++i)
          count += at(places, k, i, 0) <= s ? 1 : 0;
        counts.push_back(count);
      }
    }
    return counts;
  }

  const int stages_, limit_, width_, total_;
  const double budget_;
  const std::uint64_t seed_;
  const bool whole_;
  const std::vector<int> limits_;
  std::vector<Ticks> forward_, gradient_, weight_grad_, hop_;
  double unit_ = 0.0, work_ = 0.0;
  std::uint64_t draws_ = 0;
  // Of the pipeline that is run: when ranks are free, and would have done what waits there.
  std::vector<Ticks> free_, idle_, ended_, starts_;
  std::vector<int> gradients_, weight_grads_;  // done
  std::vector<std::vector<int>>* rows_ = nullptr;
};

}  // namespace

MeetingWalk walk_meetings(const JobShop& shop, const ShopOrder& from, WeightGrads weight_grads,
                          double budget, std::uint64_t seed) {
  return Walker(shop, weight_grads, budget, seed).run(from);
}

}  // namespace plumbline
