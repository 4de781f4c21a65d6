#include "schedules/order_proof.h"

#include <algorithm>

#include "schedules/evaluate.h"
#include "schedules/order_bounds.h"

namespace plumbline {

OrderProof prove_order(const Schedule& schedule, const UnitCosts& costs, int limit, double budget) {
  const ScaledCosts scaled = to_ticks_below(costs, schedule.num_stages());
  const Ticks divisor = common_divisor(scaled.ticks);
  const JobShop shop = make_job_shop(schedule, divided(scaled.ticks, divisor), limit);
  const Ticks found = timed(shop, rows_of(shop, schedule))->makespan;
  BoundFinder bounds(shop, schedule);
  const double end = bounds.work() + budget;
  for (double slice = budget / 64; bounds.value() < found && bounds.work() < end; slice *= 2) {
    const auto part = [&](double share) { return std::min(share * slice, end - bounds.work()); };
    bounds.raise(found, part(0.25));
    if (bounds.value() < found) bounds.find_separations(part(0.5));
    bounds.raise(found, part(0.25));
    if (bounds.value() < found) bounds.branch(found, part(0.25));
  }
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
