#include "schedules/crossing_layers.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>

namespace plumbline {
namespace {

// States of one forward m: on its way down, or turned.  Of each the times are, for every stage,
// since when its rank is free; for every stage, when the weight gradients that wait there would be
// done if nothing else ran; for every micro-batch alive, the end of its last operation; and the
// end of m's last forward.  The place of a micro-batch is the last stage whose gradient has run, or
// the number of stages when none has; 0 is the end of its way.
struct States {
  std::vector<Ticks> times;
  std::vector<std::uint16_t> places;
  std::vector<int> finished;  // micro-batches that were not alive when forward m started
  std::vector<int> parent;    // state after forward m - 1
  std::vector<int> next;      // with the same hash, or -1
  std::vector<char> beaten;   // by another with the same places
  std::vector<int> table;     // by hash: the last state stored

  int size() const { return static_cast<int>(parent.size()); }
  void clear(int expected) {
    times.clear();
    places.clear();
    finished.clear();
    parent.clear();
    next.clear();
    beaten.clear();
    table.assign(std::bit_ceil(static_cast<std::size_t>(4 * expected + 64)), -1);
  }
};

class Layers {
 public:
  Layers(const JobShop& shop, const Windows& windows, double budget)
      : shop_(shop),
        windows_(windows),
        stages_(shop.stages()),
        total_(shop.microbatches),
        limit_(shop.limits[0]),
        width_(2 * stages_ + limit_ + 1),
        budget_(budget),
        times_(width_, 0),
        places_(limit_, 0),
        gradients_(stages_, 0) {
    for (int s = 0; s < stages_; ++s) {
      forward_.push_back(shop.chains[s].duration);
      gradient_.push_back(shop.chains[stages_ + s].duration);
      weight_grad_.push_back(shop.chains[2 * stages_ + s].duration);
      hop_.push_back(s == 0 ? 0 : shop.chains[s].inputs.front().delay);
    }
    hop_.push_back(0);
  }

  LayerSearch run() {
    LayerSearch result;
    result.found = search();
    result.layers = static_cast<int>(past_.size());
    result.work = work_;
    if (result.found == Branching::kOpen) result.before = before_of(last_);
    return result;
  }

 private:
  struct Layer {
    std::vector<std::uint16_t> places;
    std::vector<int> finished, parent;
  };

  std::size_t at(int kind, int s, int k) const {
    return static_cast<std::size_t>(kind * stages_ + s) * total_ + k;
  }
  std::size_t pair(int s, int k) const { return static_cast<std::size_t>(s) * total_ + k; }
  Ticks latest_forward(int s) const { return windows_.due[at(0, s, forward_at_)] - forward_[s]; }
  Ticks latest_gradient(int s, int k) const { return windows_.due[at(1, s, k)] - gradient_[s]; }

  // Of the state at hand.
  Ticks& free(int s) { return times_[s]; }
  Ticks& idle(int s) { return times_[stages_ + s]; }
  Ticks& ended(int j) { return times_[2 * stages_ + j]; }
  Ticks& passed() { return times_[width_ - 1]; }

  Branching search() {
    next_.clear(1);
    forward_at_ = finished_ = alive_ = parent_ = 0;
    if (!turn()) return Branching::kRefuted;
    std::swap(states_, next_);
    keep_layer();
    for (forward_at_ = 1; forward_at_ < total_; ++forward_at_) {
      for (int i = 0; i < states_.size(); ++i) states_.parent[i] = i;
      for (int k = std::max(0, forward_at_ - limit_); k < forward_at_; ++k) {
        if (!each_state([&] { meet(k); })) return Branching::kGaveUp;
      }
      if (!each_state([&] { turn(); })) return Branching::kGaveUp;
      if (states_.size() == 0) return Branching::kRefuted;
      keep_layer();
    }
    for (last_ = 0; last_ < states_.size(); ++last_) {
      if (states_.beaten[last_]) continue;
      load(last_);
      if (drain()) return Branching::kOpen;
    }
    return Branching::kRefuted;
  }

  // Makes the next states of all that stand.
  bool each_state(const auto& step) {
    next_.clear(states_.size());
    for (int i = 0; i < states_.size(); ++i) {
      if (states_.beaten[i]) continue;
      load(i);
      step();
      if (work_ > budget_) return false;
    }
    std::swap(states_, next_);
    return true;
  }

  void keep_layer() { past_.push_back({states_.places, states_.finished, states_.parent}); }

  void load(int i) {
    std::copy_n(&states_.times[static_cast<std::size_t>(i) * width_], width_, times_.begin());
    std::copy_n(&states_.places[static_cast<std::size_t>(i) * limit_], limit_, places_.begin());
    finished_ = states_.finished[i];
    parent_ = states_.parent[i];
    alive_ = std::min(forward_at_, total_) - finished_;
    std::fill(gradients_.begin(), gradients_.end(), finished_);
    for (int j = 0; j < alive_; ++j) {
      for (int s = places_[j]; s < stages_; ++s) ++gradients_[s];
    }
  }

  // One state with some places that is nowhere later than another makes it superfluous.
  void store() {
    std::uint64_t hash = static_cast<std::uint64_t>(finished_) * 0x9e3779b97f4a7c15ull;
    for (const std::uint16_t place : places_) hash = (hash ^ place) * 0x100000001b3ull;
    hash ^= hash >> 29;
    int& head = next_.table[hash & (next_.table.size() - 1)];
    for (int i = head; i >= 0; i = next_.next[i]) {
      if (next_.beaten[i] || next_.finished[i] != finished_) continue;
      const std::uint16_t* places = &next_.places[static_cast<std::size_t>(i) * limit_];
      if (!std::equal(places_.begin(), places_.end(), places)) continue;
      work_ += 1.0;
      const Ticks* other = &next_.times[static_cast<std::size_t>(i) * width_];
      bool later = false, earlier = false;
      for (int t = 0; t < width_ && !(later && earlier); ++t) {
        later = later || times_[t] > other[t];
        earlier = earlier || times_[t] < other[t];
      }
      if (!earlier) return;
      if (!later) next_.beaten[i] = 1;
    }
    next_.next.push_back(head);
    head = next_.size();
    next_.times.insert(next_.times.end(), times_.begin(), times_.end());
    next_.places.insert(next_.places.end(), places_.begin(), places_.end());
    next_.finished.push_back(finished_);
    next_.parent.push_back(parent_);
    next_.beaten.push_back(0);
    work_ += 0.25 * width_;
  }

  // Weight gradients fill the time until `start`.
  void run_at(int s, Ticks start, Ticks duration) {
    free(s) = start + duration;
    idle(s) = std::max(idle(s), start) + duration;
    work_ += 1.0;
  }

  bool go_forward(int from, int to) {
    for (int s = from; s < to; ++s) {
      Ticks start = std::max({passed() + hop_[s], free(s), windows_.head[at(0, s, forward_at_)]});
      // Weight gradients that may still wait when it starts.
      const int spare = gradients_[s] - (forward_at_ + 1 - shop_.limits[s]);
      if (spare < gradients_[s]) start = std::max(start, idle(s) - spare * weight_grad_[s]);
      if (start > latest_forward(s)) return false;
      run_at(s, start, forward_[s]);
      passed() = free(s);
    }
    return true;
  }

  bool go_back(int s, int k, int j) {
    const Ticks start = std::max({ended(j) + hop_[s + 1], free(s), windows_.head[at(1, s, k)]});
    if (start > latest_gradient(s, k)) return false;
    run_at(s, start, gradient_[s]);
    idle(s) += weight_grad_[s];
    ended(j) = free(s);
    places_[j] = static_cast<std::uint16_t>(s);
    return idle(s) <= windows_.due[at(2, s, gradients_[s]++)];
  }

  // The forward meets micro-batch k, at every place where it can.
  void meet(int k) {
    if (k < finished_) return store();
    const int j = k - finished_;
    const int from = j > 0 ? places_[j - 1] : 0;
    const bool has_to_finish = k <= forward_at_ - limit_;
    while (true) {
      const int place = places_[j];
      if (place == 0 || !has_to_finish) meet_at(place, from, k);
      if (place <= from) return;
      const int s = place - 1;
      if (windows_.most_before[pair(s, forward_at_)] <= k) return;
      if (!go_back(s, k, j) || free(s) > latest_forward(s)) return;
    }
  }

  void meet_at(int place, int from, int k) {
    if (place > 0 && windows_.least_before[pair(place - 1, forward_at_)] > k) return;
    kept_ = times_;
    if (go_forward(from, place) &&
        (place == 0 || free(place - 1) <= latest_gradient(place - 1, k))) {
      if (place < stages_) passed() = std::max(passed(), free(place) - hop_[place]);
      store();
    }
    times_ = kept_;
  }

  // The forward goes on to the last stage.
  bool turn() {
    if (!go_forward(alive_ > 0 ? places_[alive_ - 1] : 0, stages_)) return false;
    int gone = 0;
    while (gone < alive_ && places_[gone] == 0) ++gone;
    finished_ += gone;
    alive_ -= gone;
    for (int j = 0; j < limit_; ++j) {
      places_[j] = j < alive_ ? places_[j + gone] : 0;
      ended(j) = j < alive_ ? ended(j + gone) : 0;
    }
    places_[alive_] = static_cast<std::uint16_t>(stages_);
    ended(alive_++) = passed();
    passed() = 0;
    if (!settle()) return false;
    store();
    return true;
  }

  // Puts off what cannot be used earlier, so that more states are alike.
  bool settle() {
    Ticks forward = 0;
    for (int s = 0, j = 0; s < stages_; ++s) {
      while (places_[j] <= s) ++j;
      Ticks gradient = ended(j) + hop_[places_[j]];
      for (int below = places_[j] - 1; below > s; --below)
        gradient += gradient_[below] + hop_[below];
      Ticks used = std::max(gradient, windows_.head[at(1, s, finished_ + j)]);
      if (forward_at_ + 1 < total_) {
        forward = std::max(forward + hop_[s], windows_.head[at(0, s, forward_at_ + 1)]);
        used = std::min(used, forward);
      }
      free(s) = std::max(free(s), used);
      idle(s) = std::max(idle(s), free(s));
      forward = std::max(forward, free(s)) + forward_[s];
    }
    for (int j = 0; j < alive_; ++j) {
      const int s = places_[j] - 1;
      const Ticks hop = hop_[s + 1];
      ended(j) = std::max({ended(j), free(s) - hop, windows_.head[at(1, s, finished_ + j)] - hop});
      if (j > 0 && places_[j] == places_[j - 1]) {
        ended(j) = std::max(ended(j), ended(j - 1) + gradient_[s]);
      }
      if (ended(j) + hop > latest_gradient(s, finished_ + j)) return false;
    }
    return true;
  }

  // Nobody comes down any more.
  bool drain() {
    for (int j = 0; j < alive_; ++j) {
      for (int s = places_[j] - 1; s >= 0; --s) {
        if (!go_back(s, finished_ + j, j)) return false;
      }
    }
    return true;
  }

  std::vector<int> before_of(int state) const {
    std::vector<int> before(static_cast<std::size_t>(stages_) * total_, 0);
    for (int k = total_ - 1; k > 0; --k) {
      const Layer& layer = past_[k];
      for (int s = 0; s < stages_; ++s) {
        int count = layer.finished[state];
        for (int j = 0; j < limit_; ++j) {
          const int place = layer.places[static_cast<std::size_t>(state) * limit_ + j];
          count += place > 0 && place <= s ? 1 : 0;
        }
        before[pair(s, k)] = count;
      }
      state = layer.parent[state];
    }
    return before;
  }

  const JobShop& shop_;
  const Windows& windows_;
  const int stages_, total_, limit_, width_;
  const double budget_;
  std::vector<Ticks> forward_, gradient_, weight_grad_;  // [stages]
  std::vector<Ticks> hop_;                               // [stages + 1] before the stage
  double work_ = 0.0;
  int forward_at_ = 0;  // the forward that is on its way
  States states_, next_;
  std::vector<Layer> past_;
  int last_ = 0;
  // The state at hand.
  std::vector<Ticks> times_, kept_;
  std::vector<std::uint16_t> places_;  // of micro-batch finished_ + j
  int finished_ = 0, alive_ = 0, parent_ = 0;
  std::vector<int> gradients_;  // [stages] input gradients done
};

}  // namespace

LayerSearch search_layers(const JobShop& shop, const Windows& windows, double budget) {
  return Layers(shop, windows, budget).run();
}

}  // namespace plumbline
