#include "schedules/weight_grad_filling.h"

#include <algorithm>

namespace plumbline {
namespace {

constexpr Ticks kNotYet = -1;

class Filling {
 public:
  Filling(const JobShop& shop, const Windows& windows)
      : shop_(shop),
        windows_(windows),
        stages_(shop.stages()),
        total_(shop.microbatches),
        ends_(2 * static_cast<std::size_t>(stages_) * total_, kNotYet),
        rows_(stages_),
        free_(stages_, 0),
        next_(3, std::vector<int>(stages_, 0)) {}

  std::vector<std::vector<int>> run() {
    // Down and up again: what goes down finds its inputs, then what comes up.
    for (bool more = true; more;) {
      more = false;
      for (int s = 0; s < stages_; ++s) more = advance(s) || more;
      for (int s = stages_ - 1; s >= 0; --s) more = advance(s) || more;
    }
    for (int s = 0; s < stages_; ++s) {
      while (next_[2][s] < total_) put(2, s);
    }
    return std::move(rows_);
  }

 private:
  std::size_t at(int kind, int s, int k) const {
    return static_cast<std::size_t>(kind * stages_ + s) * total_ + k;
  }
  Ticks duration(int kind, int s) const { return shop_.chains[kind * stages_ + s].duration; }

  // Everything of the stage whose input has run.
  bool advance(int s) {
    bool any = false;
    while (next_[1][s] < total_) {
      const int k = next_[0][s];
      const bool forward = k < total_ && windows_.least_before[at(0, s, k)] <= next_[1][s];
      const int kind = forward ? 0 : 1;
      const Ticks arrives = arrival(kind, s);
      if (arrives == kNotYet) return any;
      const int released = forward ? k + 1 - shop_.limits[s] : 0;
      while (next_[2][s] < released) put(2, s);
      const Ticks latest = windows_.due[at(kind, s, next_[kind][s])] - duration(kind, s);
      while (next_[2][s] < next_[1][s] && free_[s] + duration(2, s) <= std::max(arrives, latest)) {
        put(2, s);
      }
      free_[s] = std::max(free_[s], arrives);
      const std::size_t op = put(kind, s);
      ends_[op] = free_[s];
      any = true;
    }
    return any;
  }

  // When the input of the stage's next operation of a kind is there.
  Ticks arrival(int kind, int s) const {
    const int k = next_[kind][s];
    Ticks arrives = 0;
    for (const Chain::Link& in : shop_.chains[kind * stages_ + s].inputs) {
      const Ticks end = ends_[static_cast<std::size_t>(in.chain) * total_ + k];
      if (end == kNotYet) return kNotYet;
      arrives = std::max(arrives, end + in.delay);
    }
    return arrives;
  }

  std::size_t put(int kind, int s) {
    const std::size_t op = at(kind, s, next_[kind][s]++);
    rows_[s].push_back(static_cast<int>(op));
    free_[s] += duration(kind, s);
    return op;
  }

  const JobShop& shop_;
  const Windows& windows_;
  const int stages_, total_;
  std::vector<Ticks> ends_;  // of forwards and input gradients
  std::vector<std::vector<int>> rows_;
  std::vector<Ticks> free_;             // [stages]
  std::vector<std::vector<int>> next_;  // [kind][stages] micro-batches that have run
};

}  // namespace

std::vector<std::vector<int>> fill_weight_grads(const JobShop& shop, const Windows& windows) {
  return Filling(shop, windows).run();
}

}  // namespace plumbline
