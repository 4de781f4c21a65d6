#include "schedules/ticks.h"

#include <algorithm>
#include <cmath>

namespace plumbline {
namespace {

// The power of ten that makes every cost whole, or what makes the largest a million.
double ticks_per_unit(const std::vector<double>& costs) {
  const double largest = *std::ranges::max_element(costs);
  if (largest <= 0.0) return 1.0;
  for (double scale = 1.0; scale <= 1e6; scale *= 10.0) {
    const bool whole = std::ranges::all_of(costs, [&](double cost) {
      const double ticks = cost * scale;
      return std::abs(ticks - std::round(ticks)) <= 1e-9 * std::max(1.0, ticks);
    });
    if (whole && largest * scale >= 1.0 && largest * scale < 1e12) return scale;
  }
  return 1e6 / largest;
}

}  // namespace

TickCosts to_ticks(const UnitCosts& costs, int stages) {
  std::vector<double> all{costs.comm};
  for (int s = 0; s < stages; ++s) {
    all.insert(all.end(), {costs.forward_of(s), costs.input_grad_of(s), costs.weight_grad_of(s)});
  }
  const double scale = ticks_per_unit(all);
  const auto ticks = [&](double cost) { return std::llround(cost * scale); };
  TickCosts result;
  for (int s = 0; s < stages; ++s) {
    result.forward.push_back(ticks(costs.forward_of(s)));
    result.input_grad.push_back(ticks(costs.input_grad_of(s)));
    result.weight_grad.push_back(ticks(costs.weight_grad_of(s)));
  }
  result.comm = ticks(costs.comm);
  return result;
}

}  // namespace plumbline
