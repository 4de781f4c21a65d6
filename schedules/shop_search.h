// The search for a short order of a job shop: improvement by list scheduling forwards and backwards
// in time, and a tabu walk over swaps on the critical path.  Everything counts its work in units
// (operations placed, states looked at), so that a budget means the same on every machine.
#pragma once

#include <cstdint>
#include <vector>

#include "schedules/job_shop.h"
#include "schedules/tabu_walk.h"
#include "schedules/windows.h"

namespace plumbline {

class ShopSearch {
 public:
  ShopSearch(const JobShop& shop, double budget);

  bool found() const { return !best_.rows.empty(); }
  const ShopOrder& best() const { return best_; }
  double work() const { return work_; }
  void add_work(double work) { work_ += work; }
  /// Nothing below `bound` exists: the search is done when it gets there, or has spent its budget.
  void set_bound(Ticks bound) { bound_ = bound; }
  bool done() const { return (found() && best_.makespan <= bound_) || work_ > budget_; }

  /// Takes an order as it is, when it is the best so far.
  bool consider(const ShopOrder& order);
  /// Forwards, backwards, forwards ... from the order until that gains nothing more.
  /// @returns the shortest order on the way
  ShopOrder improve(const ShopOrder& order);
  /// List schedules by latest start, forwards and backwards, starts held back to the windows or
  /// not.
  void follow(const Windows& windows);
  /// Rank s keeps at most forwards[s] micro-batches between F and I and lags its weight gradients
  /// by lag[s]; rows that the limit or the neighbours do not allow are skipped.
  void try_pattern(const std::vector<int>& forwards, const std::vector<int>& lag);
  /// Forwards of stage 0 no closer than `numerator / denominator` ticks on average.
  void try_pace(Ticks numerator, Ticks denominator);
  /// Runs the operations of every rank in the order of these start times, which need not be legal.
  void try_starts(const TickTimes& starts);
  /// From the best order with its priorities shaken; `round` is the seed.
  void shake(std::uint64_t round);
  /// A tabu walk from the best order, for `budget` units or until it is done.
  void walk(double budget, std::uint64_t seed);
  /// Of several starts at once: gives every walk its part of `budget`, then keeps the better half.
  void walk_from_all(double budget);
  /// Another start for `walk_from_all`, unless one of the same length is known.
  void add_start(const ShopOrder& order);

 private:
  std::optional<ShopOrder> listed(const JobShop& shop, const TickTimes& priority,
                                  const TickTimes* release = nullptr);
  // An order of the shop or of the reversed one as the start times that it gives the other.
  static TickTimes mirrored_starts(const JobShop& shop, const ShopOrder& order);

  const JobShop& shop_;
  JobShop back_;
  double budget_;
  double pass_work_;
  double work_ = 0.0;
  Ticks longest_ = 1;
  Ticks bound_ = 0;
  ShopOrder best_;
  std::vector<TabuWalk> walks_;  // the one that has found the shortest order first
  std::uint64_t starts_ = 0;
};

}  // namespace plumbline
