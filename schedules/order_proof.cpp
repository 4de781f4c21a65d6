#include "schedules/order_proof.h"

#include <algorithm>

#include "schedules/evaluate.h"

namespace plumbline {

void raise_bound(BoundFinder& bounds, Ticks known, double budget) {
  const double end = bounds.work() + budget;
  for (double slice = budget / 64; bounds.value() < known && bounds.work() < end; slice *= 2) {
    const auto part = [&](double share) { return std::min(share * slice, end - bounds.work()); };
    bounds.raise(known, part(0.25));
    const double branching = bounds.in_layers() ? 0.5 : 0.25;
    if (bounds.value() < known) bounds.find_separations(part(0.75 - branching));
    bounds.raise(known, part(0.25));
    if (bounds.value() < known) bounds.branch(known, part(branching));
  }
}

OrderProof prove_order(const Schedule& schedule, const UnitCosts& costs, int limit, double budget) {
  const ScaledCosts scaled = to_ticks_below(costs, schedule.num_stages());
  const Ticks divisor = common_divisor(scaled.ticks);
  const JobShop shop = make_job_shop(schedule, divided(scaled.ticks, divisor), limit);
  const Ticks found = timed(shop, rows_of(shop, schedule))->makespan;
  BoundFinder bounds(shop, schedule);
  raise_bound(bounds, found, budget);
  OrderProof proof;
  proof.limit = limit;
  proof.lower_bound =
      std::min(static_cast<double>(bounds.value() * divisor) / scaled.ticks_per_unit,
               evaluate(schedule, costs).makespan);
  proof.by = bounds.by();
  proof.optimal = found <= bounds.value();
  return proof;
}

}  // namespace plumbline
