#include "schedules/tabu_walk.h"

#include <algorithm>
#include <limits>

#include "schedules/hashed.h"

namespace plumbline {
namespace {

constexpr int kReach = 10;  // how far an operation is moved at most
constexpr std::size_t kTabuSlots = 1 << 16;
// Units of work: to look whether an operation has to be visited, and to find its head or its tail.
constexpr double kLook = 0.25;
constexpr double kUpdate = 1.5;

}  // namespace

TabuWalk::TabuWalk(const JobShop& shop, const ShopOrder& from, std::uint64_t seed)
    : shop_(&shop), seed_(seed), rows_(from.rows), place_(shop.operations()), tabu_(kTabuSlots, 0) {
  for (const std::vector<int>& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) place_[row[i]] = static_cast<int>(i);
  }
  evaluate();
  best_ = makespan_;
}

Ticks TabuWalk::job_head(int op) const {
  const int total = shop_->microbatches;
  Ticks head = 0;
  for (const Chain::Link& in : shop_->chains[op / total].inputs) {
    const int from = in.chain * total + op % total;
    head = std::max(head, head_[from] + shop_->chains[in.chain].duration + in.delay);
  }
  return head;
}

Ticks TabuWalk::job_tail(int op) const {
  const int total = shop_->microbatches;
  Ticks tail = 0;
  for (const Chain::Link& out : shop_->chains[op / total].outputs) {
    const int to = out.chain * total + op % total;
    tail = std::max(tail, tail_[to] + shop_->chains[out.chain].duration + out.delay);
  }
  return tail;
}

// Heads and tails of the whole order.
void TabuWalk::evaluate() {
  const int total = shop_->microbatches;
  const int count = static_cast<int>(shop_->operations());
  head_.resize(count);
  tail_.resize(count);
  waiting_.resize(count);
  topological_.clear();
  for (int c = 0; c < static_cast<int>(shop_->chains.size()); ++c) {
    const int inputs = static_cast<int>(shop_->chains[c].inputs.size());
    for (int mb = 0; mb < total; ++mb) {
      const int op = c * total + mb;
      waiting_[op] = inputs + (place_[op] > 0 ? 1 : 0);
      if (waiting_[op] == 0) topological_.push_back(op);
    }
  }
  makespan_ = 0;
  for (std::size_t i = 0; i < topological_.size(); ++i) {
    const int op = topological_[i];
    const int c = op / total, mb = op % total;
    const std::vector<int>& row = rows_[shop_->chains[c].rank];
    Ticks head = job_head(op);
    if (place_[op] > 0) {
      const int before = row[place_[op] - 1];
      head = std::max(head, head_[before] + duration(before));
    }
    head_[op] = head;
    makespan_ = std::max(makespan_, head + shop_->chains[c].duration);
    for (const Chain::Link& out : shop_->chains[c].outputs) {
      const int to = out.chain * total + mb;
      if (--waiting_[to] == 0) topological_.push_back(to);
    }
    if (place_[op] + 1 < static_cast<int>(row.size())) {
      const int to = row[place_[op] + 1];
      if (--waiting_[to] == 0) topological_.push_back(to);
    }
  }
  for (auto each = topological_.rbegin(); each != topological_.rend(); ++each) {
    const int op = *each;
    const std::vector<int>& row = rows_[shop_->chains[op / total].rank];
    Ticks tail = job_tail(op);
    if (place_[op] + 1 < static_cast<int>(row.size())) {
      const int after = row[place_[op] + 1];
      tail = std::max(tail, tail_[after] + duration(after));
    }
    tail_[op] = tail;
  }
  position_.resize(count);
  for (std::size_t i = 0; i < topological_.size(); ++i)
    position_[topological_[i]] = static_cast<int>(i);
  marked_.assign(count, 0);
  live_.resize(count);
  for (const std::vector<int>& row : rows_) {
    int live = 0;
    for (const int op : row) {
      live_[op] = live;
      live += shop_->chains[op / total].acquires - shop_->chains[op / total].releases;
    }
  }
  work_ += 3.0 * count;
}

// The same after one move, as far as it reaches.
void TabuWalk::reevaluate(int rank, int from, int to) {
  const std::vector<int>& row = rows_[rank];
  const int low = std::min(from, to), high = std::max(from, to);
  int first = position_[row[low]], last = first;
  int live = low > 0 ? live_[row[low - 1]] : 0;
  const auto step = [&](int op) {
    live += shop_->chains[chain_of(op)].acquires - shop_->chains[chain_of(op)].releases;
  };
  if (low > 0) step(row[low - 1]);
  for (int i = low; i <= high; ++i) {
    first = std::min(first, position_[row[i]]);
    last = std::max(last, position_[row[i]]);
    live_[row[i]] = live;
    step(row[i]);
  }
  reorder(row[to], first, last, to > from);
  const int end = static_cast<int>(row.size()) - 1;
  for (int i = low; i <= std::min(high + 1, end); ++i) mark(row[i]);
  update_heads(first);
  for (int i = std::max(0, low - 1); i <= high; ++i) mark(row[i]);
  update_tails(last);
  find_makespan();
}

// Makes the order topological again between two positions: what leads to the operation that was
// moved towards the start goes first, or what follows from one that was moved towards the end goes
// last.
void TabuWalk::reorder(int moved, int first, int last, bool forwards) {
  mark(moved);
  const auto scan = [&](int i) {
    const int op = topological_[i];
    const auto look = [&](int other) {
      if (marked_[other]) mark(op);
    };
    forwards ? for_each_before(op, look) : for_each_after(op, look);
  };
  if (forwards) {
    for (int i = first; i <= last; ++i) scan(i);
  } else {
    for (int i = last; i >= first; --i) scan(i);
  }
  const auto begin = topological_.begin();
  std::stable_partition(begin + first, begin + last + 1,
                        [&](int op) { return (marked_[op] != 0) != forwards; });
  for (int i = first; i <= last; ++i) {
    position_[topological_[i]] = i;
    marked_[topological_[i]] = 0;
  }
  open_ = 0;
  work_ += last - first + 1;
}

void TabuWalk::update_heads(int first) {
  for (std::size_t i = first; open_ > 0; ++i) {
    work_ += kLook;
    const int op = topological_[i];
    if (!marked_[op]) continue;
    unmark(op);
    Ticks head = job_head(op);
    if (place_[op] > 0) {
      const int before = rows_[shop_->chains[chain_of(op)].rank][place_[op] - 1];
      head = std::max(head, head_[before] + duration(before));
    }
    work_ += kUpdate;
    if (head == head_[op]) continue;
    head_[op] = head;
    for_each_after(op, [&](int other) { mark(other); });
  }
}

void TabuWalk::update_tails(int last) {
  for (int i = last; open_ > 0; --i) {
    work_ += kLook;
    const int op = topological_[i];
    if (!marked_[op]) continue;
    unmark(op);
    const std::vector<int>& row = rows_[shop_->chains[chain_of(op)].rank];
    Ticks tail = job_tail(op);
    if (place_[op] + 1 < static_cast<int>(row.size())) {
      const int after = row[place_[op] + 1];
      tail = std::max(tail, tail_[after] + duration(after));
    }
    work_ += kUpdate;
    if (tail == tail_[op]) continue;
    tail_[op] = tail;
    for_each_before(op, [&](int other) { mark(other); });
  }
}

void TabuWalk::find_makespan() {
  makespan_ = 0;
  for (const std::vector<int>& row : rows_) {
    if (!row.empty()) makespan_ = std::max(makespan_, head_[row.back()] + duration(row.back()));
  }
}

bool TabuWalk::keeps_limit(int rank, int from, int to) const {
  const std::vector<int>& row = rows_[rank];
  const int low = std::min(from, to), high = std::max(from, to);
  int live = live_[row[low]];
  const auto step = [&](int op) {
    const Chain& chain = shop_->chains[chain_of(op)];
    live += chain.acquires - chain.releases;
    return live <= shop_->limits[rank];
  };
  if (to < from) {
    if (!step(row[from])) return false;
    for (int i = to; i < from; ++i) {
      if (!step(row[i])) return false;
    }
    return true;
  }
  for (int i = from + 1; i <= high; ++i) {
    if (!step(row[i])) return false;
  }
  return step(row[from]);
}

Ticks& TabuWalk::tabu(int first, int second) {
  return tabu_[hashed_bits(static_cast<std::uint64_t>(first), static_cast<std::uint64_t>(second)) %
               kTabuSlots];
}

void TabuWalk::consider(int rank, int from, int to) {
  const std::vector<int>& row = rows_[rank];
  const int op = row[from];
  const int total = shop_->microbatches;
  bool is_tabu = false;
  // An operation may not pass one of its own chain, nor its own inputs and outputs, nor anything
  // that they wait for through other ranks.
  if (to < from) {
    const int first = row[to];
    Ticks ready = 0;
    for (const Chain::Link& in : shop_->chains[op / total].inputs) {
      const int input = in.chain * total + op % total;
      ready = std::max(ready, head_[input]);
      if (shop_->chains[in.chain].rank == rank && place_[input] >= to) return;
    }
    if (!shop_->chains[op / total].inputs.empty() && ready >= head_[first] + duration(first))
      return;
    for (int i = to; i < from; ++i) {
      if (row[i] / total == op / total) return;
      is_tabu = is_tabu || tabu(op, row[i]) > static_cast<Ticks>(steps_);
    }
  } else {
    const int last = row[to];
    Ticks leaves = 0;
    for (const Chain::Link& out : shop_->chains[op / total].outputs) {
      const int output = out.chain * total + op % total;
      leaves = std::max(leaves, tail_[output]);
      if (shop_->chains[out.chain].rank == rank && place_[output] <= to) return;
    }
    if (!shop_->chains[op / total].outputs.empty() && leaves >= tail_[last] + duration(last))
      return;
    for (int i = from + 1; i <= to; ++i) {
      if (row[i] / total == op / total) return;
      is_tabu = is_tabu || tabu(row[i], op) > static_cast<Ticks>(steps_);
    }
  }
  if (!keeps_limit(rank, from, to)) return;

  // The segment's operations in their new order, with heads of the old order outside of it.
  const int low = std::min(from, to), high = std::max(from, to);
  segment_.clear();
  if (to < from) segment_.push_back(op);
  for (int i = low; i <= high; ++i) {
    if (i != from) segment_.push_back(row[i]);
  }
  if (to > from) segment_.push_back(op);
  Ticks end = low > 0 ? head_[row[low - 1]] + duration(row[low - 1]) : 0;
  segment_head_.clear();
  for (const int each : segment_) {
    segment_head_.push_back(std::max(end, job_head(each)));
    end = segment_head_.back() + duration(each);
  }
  const int last_place = static_cast<int>(row.size()) - 1;
  Ticks tail = high < last_place ? tail_[row[high + 1]] + duration(row[high + 1]) : 0;
  Ticks estimate = 0;
  for (int i = static_cast<int>(segment_.size()) - 1; i >= 0; --i) {
    tail = std::max(tail, job_tail(segment_[i]));
    estimate = std::max(estimate, segment_head_[i] + duration(segment_[i]) + tail);
    tail += duration(segment_[i]);
  }
  work_ += 4.0 * static_cast<double>(segment_.size());
  if (is_tabu && estimate >= best_) return;
  moves_.push_back({rank, from, to, estimate});
}

void TabuWalk::collect_moves() {
  moves_.clear();
  const int total = shop_->microbatches;
  // Down one critical path from its end; where two ways lead on, chance decides.
  int op = -1;
  std::uint64_t choices = 0;
  const auto choose = [&](int candidate, int& chosen) {
    if (chosen < 0 || hashed_bits(seed_ + steps_, ++choices) % 2 == 0) chosen = candidate;
  };
  for (const std::vector<int>& row : rows_) {
    if (row.empty()) continue;
    const int last = row.back();
    if (head_[last] + duration(last) == makespan_) choose(last, op);
  }
  int run_end = op;  // the last operation of the run without a pause
  while (op >= 0) {
    const int rank = shop_->chains[op / total].rank;
    int before = -1;
    if (place_[op] > 0) {
      const int other = rows_[rank][place_[op] - 1];
      if (head_[other] + duration(other) == head_[op]) before = other;
    }
    int input = -1;
    for (const Chain::Link& in : shop_->chains[op / total].inputs) {
      const int other = in.chain * total + op % total;
      if (head_[other] + duration(other) + in.delay == head_[op] &&
          shop_->chains[in.chain].rank != rank) {
        choose(other, input);
      }
    }
    int next = before;
    if (input >= 0) choose(input, next);
    const bool run_goes_on = next >= 0 && next == before;
    if (!run_goes_on) {
      const int first = place_[op], last = place_[run_end];
      for (int i = first; i <= last && last > first; ++i) {
        if (i > first && i - first <= kReach) consider(rank, i, first);
        if (i < last && i > first && last - i <= kReach) consider(rank, i, last);
        if (i == first && last - first <= kReach) consider(rank, first, last);
      }
      if (last > first) {
        // Towards the ends by one place, however long the run is.
        consider(rank, first, first + 1);
        consider(rank, last, last - 1);
      }
      run_end = next;
    }
    op = next;
  }
}

void TabuWalk::apply(const Move& move) {
  std::vector<int>& row = rows_[move.rank];
  const auto begin = row.begin();
  const int op = row[move.from];
  const Ticks until =
      static_cast<Ticks>(steps_) + 8 + static_cast<Ticks>(hashed_bits(seed_, steps_) % 12);
  if (move.to < move.from) {
    for (int i = move.to; i < move.from; ++i) tabu(row[i], op) = until;
    std::rotate(begin + move.to, begin + move.from, begin + move.from + 1);
  } else {
    for (int i = move.from + 1; i <= move.to; ++i) tabu(op, row[i]) = until;
    std::rotate(begin + move.from, begin + move.from + 1, begin + move.to + 1);
  }
  for (int i = std::min(move.from, move.to); i <= std::max(move.from, move.to); ++i) {
    place_[row[i]] = i;
  }
}

bool TabuWalk::step() {
  collect_moves();
  ++steps_;
  if (moves_.empty()) return false;
  const Move* chosen = nullptr;
  std::uint64_t ties = 0;
  for (const Move& move : moves_) {
    const bool tie = chosen && move.estimate == chosen->estimate &&
                     hashed_bits(seed_ + 7 * steps_, ++ties) % 2 == 0;
    if (!chosen || move.estimate < chosen->estimate || tie) chosen = &move;
  }
  const Move move = *chosen;
  apply(move);
  reevaluate(move.rank, move.from, move.to);
  best_ = std::min(best_, makespan_);
  return true;
}

ShopOrder TabuWalk::order() const { return {rows_, head_, makespan_}; }

}  // namespace plumbline
