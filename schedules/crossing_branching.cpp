#include "schedules/crossing_branching.h"

#include <algorithm>
#include <utility>

#include "schedules/hashed.h"

namespace plumbline {
namespace {

/// Earliest and latest starts of F and I, [kind][stage][micro-batch], and the range of c.
struct Node {
  std::vector<Ticks> early, late;
  std::vector<int> least, most;
};

/// Forward `forward` goes before input gradient `gradient` of its stage, or after it.
struct Decision {
  std::size_t forward;
  int gradient;
  bool before_first;  // the way that has more room
};

class Crossings {
 public:
  Crossings(const JobShop& shop, const std::vector<Ticks>& separation, double budget,
            std::uint64_t seed)
      : shop_(shop),
        stages_(shop.stages()),
        total_(shop.microbatches),
        forwards_(static_cast<std::size_t>(stages_) * total_),
        lag_(binding_separations(separation, total_)),
        budget_(budget),
        seed_(seed),
        queued_(2 * forwards_, 0) {
    for (int s = 0; s < stages_; ++s) {
      forward_.push_back(shop.chains[s].duration);
      gradient_.push_back(shop.chains[stages_ + s].duration);
      weight_grad_.push_back(shop.chains[2 * stages_ + s].duration);
      hop_.push_back(s == 0 ? 0 : shop.chains[s].inputs.front().delay);
    }
  }

  CrossingSearch run(const Windows& windows) {
    Node root;
    for (std::size_t at = 0; at < 2 * forwards_; ++at) {
      root.early.push_back(windows.head[at]);
      root.late.push_back(windows.due[at] - shop_.chains[at / total_].duration);
    }
    root.least = windows.least_before;
    root.most = windows.most_before;
    node_ = &root;
    for (int k = 0; k < total_; ++k) {
      for (int s = 0; s < stages_; ++s) push(f(s, k));
      for (int s = stages_ - 1; s >= 0; --s) push(i(s, k));
    }
    CrossingSearch result;
    result.found = propagate() ? branch(root) : Branching::kRefuted;
    if (result.found == Branching::kOpen) result.windows = around(windows);
    result.work = work_;
    return result;
  }

 private:
  std::size_t f(int s, int k) const { return static_cast<std::size_t>(s) * total_ + k; }
  std::size_t i(int s, int k) const { return forwards_ + f(s, k); }
  int stage(std::size_t at) const { return static_cast<int>(at % forwards_) / total_; }
  int microbatch(std::size_t at) const { return static_cast<int>(at) % total_; }

  Branching branch(Node& node) {
    const Decision next = undecided(node);
    if (next.forward == forwards_) {
      open_ = node;
      return Branching::kOpen;
    }
    for (const bool before : {next.before_first, !next.before_first}) {
      if (work_ > budget_) return Branching::kGaveUp;
      Node half = node;
      node_ = &half;
      const bool holds =
          before ? at_most(next.forward, next.gradient) : at_least(next.forward, next.gradient + 1);
      if (!holds || !propagate()) {
        forget();
        continue;
      }
      const Branching below = branch(half);
      if (below != Branching::kRefuted) return below;
    }
    return Branching::kRefuted;
  }

  // The pair with the least room, counting a way that is nearly closed more: it decides the most.
  Decision undecided(const Node& node) {
    Decision chosen{forwards_, 0, true};
    Ticks least = 0;
    work_ += static_cast<double>(forwards_) / 2;
    ++decisions_;
    for (std::size_t at = 0; at < forwards_; ++at) {
      if (node.least[at] == node.most[at]) continue;
      const int s = stage(at);
      for (const int count : {node.least[at], node.most[at] - 1}) {
        const std::size_t other = i(s, count);
        const Ticks before = node.late[other] - node.early[at] - forward_[s];
        const Ticks after = node.late[at] - node.early[other] - gradient_[s];
        Ticks room = std::max(before, after) + 3 * std::min(before, after);
        if (seed_ > 0) {
          const double shake = hashed(seed_, decisions_ * forwards_ + at);
          room += static_cast<Ticks>(0.5 * shake * static_cast<double>(room));
        }
        if (chosen.forward < forwards_ && room >= least) continue;
        least = room;
        chosen = {at, count, before >= after};
      }
    }
    return chosen;
  }

  void push(std::size_t at) {
    if (queued_[at]) return;
    queued_[at] = 1;
    queue_.push_back(at);
  }
  void forget() {
    for (std::size_t j = taken_; j < queue_.size(); ++j) queued_[queue_[j]] = 0;
    queue_.clear();
    taken_ = 0;
  }

  bool raise(std::size_t at, Ticks early) {
    if (early <= node_->early[at]) return true;
    node_->early[at] = early;
    push(at);
    return early <= node_->late[at];
  }
  bool lower(std::size_t at, Ticks late) {
    if (late >= node_->late[at]) return true;
    node_->late[at] = late;
    push(at);
    return late >= node_->early[at];
  }

  // c of forward `at` is at least `count`: on later stages and of later forwards, too.
  bool at_least(std::size_t at, int count) {
    for (int s = stage(at); s < stages_ && node_->least[f(s, microbatch(at))] < count; ++s) {
      for (int k = microbatch(at); k < total_ && node_->least[f(s, k)] < count; ++k) {
        node_->least[f(s, k)] = count;
        if (count > node_->most[f(s, k)]) return false;
        push(f(s, k));
        push(i(s, count - 1));
      }
    }
    return true;
  }
  bool at_most(std::size_t at, int count) {
    for (int s = stage(at); s >= 0 && node_->most[f(s, microbatch(at))] > count; --s) {
      for (int k = microbatch(at); k >= 0 && node_->most[f(s, k)] > count; --k) {
        node_->most[f(s, k)] = count;
        if (count < node_->least[f(s, k)]) return false;
        push(f(s, k));
        push(i(s, count));
      }
    }
    return true;
  }

  // Decides what the windows of F(s, k) leave no choice for.
  bool decide(int s, int k) {
    const std::size_t at = f(s, k);
    int count = node_->least[at];
    while (count < node_->most[at] && node_->early[at] + forward_[s] > node_->late[i(s, count)]) {
      ++count;
    }
    if (count > node_->least[at] && !at_least(at, count)) return false;
    count = node_->most[at];
    while (count > node_->least[at] &&
           node_->early[i(s, count - 1)] + gradient_[s] > node_->late[at]) {
      --count;
    }
    return count == node_->most[at] || at_most(at, count);
  }

  // From the end of I(s, k) to the start of F(s, k + limit + more) run weight gradients k to
  // k + more, the input gradients that they wait for and the forwards that wait for them.
  Ticks work_until(int s, int more) const {
    return more * (forward_[s] + gradient_[s]) + (more + 1) * weight_grad_[s];
  }

  bool from_forward(int s, int k) {
    const std::size_t at = f(s, k);
    const Ticks early = node_->early[at], late = node_->late[at];
    if (s > 0 && !lower(f(s - 1, k), late - hop_[s] - forward_[s - 1])) return false;
    if (s + 1 < stages_ && !raise(f(s + 1, k), early + forward_[s] + hop_[s + 1])) return false;
    if (k + 1 < total_ && !raise(f(s, k + 1), early + forward_[s])) return false;
    if (k > 0 && !lower(f(s, k - 1), late - forward_[s])) return false;
    if (!raise(i(s, node_->most[at]), early + forward_[s])) return false;
    const int before = node_->least[at] - 1;
    if (before >= 0 && !lower(i(s, before), late - gradient_[s])) return false;
    const int limit = shop_.limits[s];
    for (int more = 0; more < limit && k - limit - more >= 0; ++more) {
      const Ticks latest = late - gradient_[s] - work_until(s, more);
      if (!lower(i(s, k - limit - more), latest)) return false;
    }
    work_ += limit;
    if (s == 0) {
      for (const auto& [n, least] : lag_) {
        if (k + n < total_ && !raise(f(0, k + n), early + least)) return false;
        if (k >= n && !lower(f(0, k - n), late - least)) return false;
      }
      work_ += static_cast<double>(lag_.size());
    }
    return decide(s, k);
  }

  bool from_gradient(int s, int k) {
    const std::size_t at = i(s, k);
    const Ticks early = node_->early[at], late = node_->late[at];
    const Ticks end = early + gradient_[s];
    if (s > 0 && !raise(i(s - 1, k), end + hop_[s])) return false;
    if (s + 1 < stages_ && !lower(i(s + 1, k), late - hop_[s + 1] - gradient_[s + 1])) return false;
    if (k + 1 < total_ && !raise(i(s, k + 1), end)) return false;
    if (k > 0 && !lower(i(s, k - 1), late - gradient_[s])) return false;
    if (!lower(f(s, k), late - forward_[s])) return false;
    const int limit = shop_.limits[s];
    for (int m = k + 1; m < total_ && m <= k + limit; ++m) {
      const std::size_t other = f(s, m);
      if (node_->least[other] > k) {
        if (!raise(other, end)) return false;
      } else if (node_->most[other] <= k) {
        if (!lower(other, late - forward_[s])) return false;
      } else if (!decide(s, m)) {
        return false;
      }
    }
    for (int more = 0; more < limit && k + limit + more < total_; ++more) {
      if (!raise(f(s, k + limit + more), end + work_until(s, more))) return false;
    }
    work_ += 2.0 * limit;
    return true;
  }

  bool propagate() {
    while (taken_ < queue_.size()) {
      const std::size_t at = queue_[taken_++];
      queued_[at] = 0;
      work_ += 1.0;
      const int s = stage(at), k = microbatch(at);
      if (!(at < forwards_ ? from_forward(s, k) : from_gradient(s, k))) {
        forget();
        return false;
      }
    }
    forget();
    return true;
  }

  Windows around(const Windows& root) const {
    Windows windows = root;
    windows.least_before = open_.least;
    windows.most_before = open_.most;
    for (std::size_t at = 0; at < 2 * forwards_; ++at) {
      windows.head[at] = open_.early[at];
      windows.due[at] = open_.late[at] + shop_.chains[at / total_].duration;
    }
    for (int s = 0; s < stages_; ++s) {
      for (int k = 0; k < total_; ++k) {
        const std::size_t at = 2 * forwards_ + f(s, k);
        windows.head[at] = std::max(windows.head[at], open_.early[i(s, k)] + gradient_[s]);
        const int next = k + shop_.limits[s];
        if (next < total_) windows.due[at] = std::min(windows.due[at], open_.late[f(s, next)]);
      }
    }
    return windows;
  }

  const JobShop& shop_;
  const int stages_, total_;
  const std::size_t forwards_;
  const std::vector<std::pair<int, Ticks>> lag_;
  const double budget_;
  const std::uint64_t seed_;
  std::vector<Ticks> forward_, gradient_, weight_grad_, hop_;  // [stages]
  double work_ = 0.0;
  std::uint64_t decisions_ = 0;
  Node* node_ = nullptr;  // the one that is being narrowed
  Node open_;
  std::vector<std::size_t> queue_;  // operations whose windows or c have changed
  std::size_t taken_ = 0;
  std::vector<char> queued_;
};

}  // namespace

CrossingSearch search_crossings(const JobShop& shop, const std::vector<Ticks>& separation,
                                const Windows& windows, double budget, std::uint64_t seed) {
  return Crossings(shop, separation, budget, seed).run(windows);
}

}  // namespace plumbline
