// How near to the best possible is an order?
#pragma once

#include <string>

#include "schedules/costs.h"
#include "schedules/order_bounds.h"
#include "schedules/schedule.h"

namespace plumbline {

struct OrderProof {
  int limit = 0;             ///< live activations per rank that every other order has to keep
  double lower_bound = 0.0;  ///< no order that keeps it is faster; in the unit of the costs
  std::string by;            ///< the bound that says so, see order_bounds.h: "B0", "B3" .. "B7"
  /// The order meets the bound, in ticks of the costs: exact for costs of up to six decimals, else
  /// but for a millionth of the longest operation in each of them.
  bool optimal = false;
};

/// Raises a bound by all means it has, up to the makespan `known` of some order, spending about
/// `budget` units of work.
void raise_bound(BoundFinder& bounds, Ticks known, double budget);

/// Looks for the best lower bound for orders of F, I and W of every stage, placed as `schedule`
/// places them, spending about `budget` units of work (an operation or state looked at).
/// REQUIRES: one copy of the weights, a backward split in I and W, `limit` >= the peaks
OrderProof prove_order(const Schedule& schedule, const UnitCosts& costs, int limit, double budget);

}  // namespace plumbline
