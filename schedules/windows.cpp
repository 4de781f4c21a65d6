#include "schedules/windows.h"

#include <algorithm>

namespace plumbline {
namespace {

constexpr Ticks kNever = 2 * kNoDeadline;
constexpr Ticks kImpossible = -kNever;
constexpr int kMostRounds = 64;

}  // namespace

std::vector<std::pair<int, Ticks>> binding_separations(const std::vector<Ticks>& separation,
                                                       int microbatches) {
  std::vector<std::pair<int, Ticks>> binding;
  for (int n = 2; n < static_cast<int>(separation.size()) && n < microbatches; ++n) {
    Ticks implied = 0;
    for (int a = 1; a <= n / 2; ++a) {
      implied = std::max(implied, separation[a] + separation[n - a]);
    }
    if (separation[n] > implied) binding.emplace_back(n, separation[n]);
  }
  return binding;
}

WindowSolver::WindowSolver(const JobShop& shop) : shop_(shop) {
  const int stages = shop.stages();
  for (int s = 0; s < stages; ++s) order_.push_back(s);
  for (int s = stages - 1; s >= 0; --s) order_.push_back(stages + s);
  for (int s = 0; s < stages; ++s) order_.push_back(2 * stages + s);
}

void WindowSolver::set_separation(const std::vector<Ticks>& separation) {
  lag_ = binding_separations(separation, shop_.microbatches);
}

Windows WindowSolver::open(Ticks end) const {
  Windows windows{TickTimes(shop_.operations(), 0), TickTimes(shop_.operations(), end), {}, {}};
  if (shop_.chunks > 1) return windows;
  for (int s = 0; s < shop_.stages(); ++s) {
    for (int mb = 0; mb < shop_.microbatches; ++mb) {
      windows.least_before.push_back(std::max(0, mb - shop_.limits[s] + 1));
      windows.most_before.push_back(mb);
    }
  }
  return windows;
}

bool WindowSolver::propagate_heads(Windows& windows, std::vector<char>& touched) {
  const int total = shop_.microbatches;
  const int stages = shop_.stages();
  for (int mb = 0; mb < total; ++mb) {
    for (const int c : order_) {
      const Chain& chain = shop_.chains[c];
      const std::size_t at = static_cast<std::size_t>(c) * total + mb;
      Ticks head = windows.head[at];
      if (mb > 0) head = std::max(head, windows.head[at - 1] + chain.duration);
      for (const Chain::Link& in : chain.inputs) {
        head = std::max(head, windows.head[static_cast<std::size_t>(in.chain) * total + mb] +
                                  shop_.chains[in.chain].duration + in.delay);
      }
      const int limit = shop_.limits[chain.rank];
      if (shop_.chunks == 1 && c < stages && mb >= limit) {
        const int w = 2 * stages + c;
        head = std::max(head, windows.head[static_cast<std::size_t>(w) * total + mb - limit] +
                                  shop_.chains[w].duration);
      }
      if (c == 0) {
        for (const auto& [n, least] : lag_) {
          if (n > mb) break;
          head = std::max(head, windows.head[mb - n] + least);
        }
      }
      if (head == windows.head[at]) continue;
      if (head + chain.duration > windows.due[at]) return false;
      windows.head[at] = head;
      touched[chain.rank] = 1;
    }
  }
  return true;
}

bool WindowSolver::propagate_dues(Windows& windows, std::vector<char>& touched) {
  const int total = shop_.microbatches;
  const int stages = shop_.stages();
  for (int mb = total - 1; mb >= 0; --mb) {
    for (auto each = order_.rbegin(); each != order_.rend(); ++each) {
      const int c = *each;
      const Chain& chain = shop_.chains[c];
      const std::size_t at = static_cast<std::size_t>(c) * total + mb;
      Ticks due = windows.due[at];
      if (mb + 1 < total) due = std::min(due, windows.due[at + 1] - chain.duration);
      for (const Chain::Link& out : chain.outputs) {
        due = std::min(due, windows.due[static_cast<std::size_t>(out.chain) * total + mb] -
                                shop_.chains[out.chain].duration - out.delay);
      }
      const int limit = shop_.limits[chain.rank];
      if (shop_.chunks == 1 && c >= 2 * stages && mb + limit < total) {
        const int f = c - 2 * stages;
        due = std::min(due, windows.due[static_cast<std::size_t>(f) * total + mb + limit] -
                                shop_.chains[f].duration);
      }
      if (c == 0) {
        for (const auto& [n, least] : lag_) {
          if (mb + n >= total) break;
          due = std::min(due, windows.due[mb + n] - least);
        }
      }
      if (due == windows.due[at]) continue;
      if (windows.head[at] + chain.duration > due) return false;
      windows.due[at] = due;
      touched[chain.rank] = 1;
    }
  }
  return true;
}

bool WindowSolver::propagate(Windows& windows, std::vector<char>& touched) {
  work_ += 2.0 * static_cast<double>(shop_.operations() + lag_.size() * shop_.microbatches);
  return propagate_heads(windows, touched) && propagate_dues(windows, touched);
}

bool WindowSolver::tighten(Windows& windows) {
  std::vector<char> touched(shop_.ranks, 1);
  if (!propagate(windows, touched)) return false;
  std::fill(touched.begin(), touched.end(), 1);
  bool downwards = true;
  // What still moves after so many rounds creeps by a tick each; the windows are right as they are.
  for (int round = 0; round < kMostRounds; ++round) {
    bool changed = false;
    for (int i = 0; i < shop_.ranks; ++i) {
      const int rank = downwards ? i : shop_.ranks - 1 - i;
      if (!touched[rank]) continue;
      touched[rank] = 0;
      if (!tighten_rank(rank, windows, changed)) return false;
      if (shop_.chunks == 1 && !cross(rank, windows, touched)) return false;
    }
    if (!changed && std::ranges::count(touched, 1) == 0) return true;
    if (!propagate(windows, touched)) return false;
    downwards = !downwards;
  }
  return true;
}

bool WindowSolver::tighten_rank(int rank, Windows& windows, bool& changed) {
  pool(rank, windows);
  least_ = most_ = nullptr;
  if (shop_.chunks == 1) {
    least_ = windows.least_before.data() + static_cast<std::ptrdiff_t>(rank) * count_;
    most_ = windows.most_before.data() + static_cast<std::ptrdiff_t>(rank) * count_;
    new_least_.assign(count_, count_);
    new_most_.assign(count_, -1);
  }
  const int limit = std::min(shop_.limits[rank], count_);
  row_.assign(limit + 2, 0);
  for (int a = 0; a <= limit; ++a) row_[a + 1] = row_[a] + limit - a + 1;
  return run_forward(limit) && run_backward(limit) && unpool(rank, windows, changed);
}

void WindowSolver::pool(int rank, const Windows& windows) {
  const int total = shop_.microbatches;
  const int stages = shop_.stages();
  count_ = total * shop_.chunks;
  for (int kind = 0; kind < 3; ++kind) {
    head_[kind].clear();
    due_[kind].clear();
    duration_[kind] = kNever;
  }
  for (const int c : shop_.of_rank[rank]) {
    const int kind = c / stages;
    duration_[kind] = std::min(duration_[kind], shop_.chains[c].duration);
    const auto first = static_cast<std::ptrdiff_t>(c) * total;
    head_[kind].insert(head_[kind].end(), windows.head.begin() + first,
                       windows.head.begin() + first + total);
    due_[kind].insert(due_[kind].end(), windows.due.begin() + first,
                      windows.due.begin() + first + total);
  }
  for (int kind = 0; kind < 3; ++kind) {
    if (shop_.chunks > 1) {
      std::ranges::sort(head_[kind]);
      std::ranges::sort(due_[kind]);
    }
    new_head_[kind].assign(count_, kNever);
    new_due_[kind].assign(count_, kImpossible);
  }
}

bool WindowSolver::run_forward(int limit) {
  const int layer = row_[limit + 1];
  earliest_.assign(static_cast<std::size_t>(count_ + 1) * layer, kNever);
  earliest_[0] = 0;
  std::size_t states = 0;
  const auto reach = [](Ticks& state, Ticks now, Ticks head, Ticks duration, Ticks due) {
    const Ticks end = std::max(now, head) + duration;
    if (end <= due && end < state) state = end;
  };
  for (int w = 0; w <= count_; ++w) {
    Ticks* const at = earliest_.data() + static_cast<std::size_t>(w) * layer;
    for (int a = 0; a <= std::min(limit, count_ - w); ++a) {
      const int most = std::min(limit - a, count_ - w - a);
      const int i = w + a;
      states += most + 1;
      for (int b = 0; b <= most; ++b) {
        const Ticks now = at[row_[a] + b];
        if (now == kNever) continue;
        const int f = i + b;
        if (f < count_ && a + b < limit && (!least_ || (least_[f] <= i && i <= most_[f]))) {
          reach(at[row_[a] + b + 1], now, head_[0][f], duration_[0], due_[0][f]);
        }
        if (b > 0) reach(at[row_[a + 1] + b - 1], now, head_[1][i], duration_[1], due_[1][i]);
        if (a > 0) {
          reach(at[layer + row_[a - 1] + b], now, head_[2][w], duration_[2], due_[2][w]);
        }
      }
    }
  }
  work_ += 2.0 * static_cast<double>(states);
  return earliest_[static_cast<std::size_t>(count_) * layer] != kNever;
}

bool WindowSolver::run_backward(int limit) {
  const int layer = row_[limit + 1];
  latest_[0].assign(layer, kImpossible);
  latest_[1].assign(layer, kImpossible);
  for (int w = count_; w >= 0; --w) {
    const Ticks* const at = earliest_.data() + static_cast<std::size_t>(w) * layer;
    std::vector<Ticks>& latest = latest_[w % 2];
    const std::vector<Ticks>& below = latest_[1 - w % 2];
    for (int a = std::min(limit, count_ - w); a >= 0; --a) {
      const int i = w + a;
      for (int b = std::min(limit - a, count_ - i); b >= 0; --b) {
        Ticks& here = latest[row_[a] + b];
        here = kImpossible;
        const Ticks now = at[row_[a] + b];
        if (now == kNever) continue;
        if (w == count_) {
          here = kNoDeadline;
          continue;
        }
        const auto leave = [&](int kind, int n, Ticks after) {
          if (after == kImpossible) return false;
          const Ticks end = std::min(after, due_[kind][n]);
          const Ticks start = end - duration_[kind];
          const Ticks earliest = std::max(now, head_[kind][n]);
          if (earliest > start) return false;
          here = std::max(here, start);
          new_head_[kind][n] = std::min(new_head_[kind][n], earliest);
          new_due_[kind][n] = std::max(new_due_[kind][n], end);
          return true;
        };
        const int f = i + b;
        if (f < count_ && a + b < limit) {
          if (!least_) {
            leave(0, f, latest[row_[a] + b + 1]);
          } else if (least_[f] <= i && i <= most_[f] && leave(0, f, latest[row_[a] + b + 1])) {
            new_least_[f] = std::min(new_least_[f], i);
            new_most_[f] = std::max(new_most_[f], i);
          }
        }
        if (b > 0) leave(1, i, latest[row_[a + 1] + b - 1]);
        if (a > 0) leave(2, w, below[row_[a - 1] + b]);
      }
    }
  }
  return latest_[0][0] != kImpossible;
}

// An input gradient that is overtaken by a forward on one stage is so on every earlier stage.
bool WindowSolver::cross(int rank, Windows& windows, std::vector<char>& touched) {
  const int total = shop_.microbatches;
  for (int mb = 0; mb < total; ++mb) {
    const auto at = static_cast<std::size_t>(rank) * total + mb;
    windows.least_before[at] = std::max(windows.least_before[at], new_least_[mb]);
    windows.most_before[at] = std::min(windows.most_before[at], new_most_[mb]);
    if (windows.least_before[at] > windows.most_before[at]) return false;
    for (int s = rank + 1; s < shop_.ranks; ++s) {
      int& least = windows.least_before[static_cast<std::size_t>(s) * total + mb];
      if (least >= windows.least_before[at]) break;
      least = windows.least_before[at];
      touched[s] = 1;
    }
    for (int s = rank - 1; s >= 0; --s) {
      int& most = windows.most_before[static_cast<std::size_t>(s) * total + mb];
      if (most <= windows.most_before[at]) break;
      most = windows.most_before[at];
      touched[s] = 1;
    }
  }
  return true;
}

bool WindowSolver::unpool(int rank, Windows& windows, bool& changed) {
  const int total = shop_.microbatches;
  const int stages = shop_.stages();
  const int chunks = shop_.chunks;
  for (const int c : shop_.of_rank[rank]) {
    const int kind = c / stages;
    // How many chunks run before this one's operation of the same micro-batch, this one included,
    // and how many after: forwards climb, input gradients descend, weight gradients are free.
    const int chunk = c % stages / shop_.ranks;
    const int before = kind == 0 ? chunk + 1 : kind == 1 ? chunks - chunk : 1;
    const int after = kind == 0 ? chunks - chunk : kind == 1 ? chunk + 1 : 1;
    for (int mb = 0; mb < total; ++mb) {
      const std::size_t at = static_cast<std::size_t>(c) * total + mb;
      const Ticks head = new_head_[kind][before * (mb + 1) - 1];
      const Ticks due = new_due_[kind][count_ - after * (total - mb)];
      if (head > windows.head[at]) {
        windows.head[at] = head;
        changed = true;
      }
      if (due < windows.due[at]) {
        windows.due[at] = due;
        changed = true;
      }
      if (windows.head[at] + shop_.chains[c].duration > windows.due[at]) return false;
    }
  }
  return true;
}

}  // namespace plumbline
