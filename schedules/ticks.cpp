#include "schedules/ticks.h"

#include <algorithm>
#include <cmath>
#include <numeric>

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

template <typename Round>
ScaledCosts scaled(const UnitCosts& costs, int stages, Round round) {
  std::vector<double> all = costs.comm_by_stage;
  if (all.empty()) all.push_back(costs.comm);
  for (int s = 0; s < stages; ++s) {
    all.insert(all.end(), {costs.forward_of(s), costs.input_grad_of(s), costs.weight_grad_of(s)});
  }
  ScaledCosts result;
  result.ticks_per_unit = ticks_per_unit(all);
  const auto ticks = [&](double cost) { return round(cost * result.ticks_per_unit); };
  for (int s = 0; s < stages; ++s) {
    result.ticks.forward.push_back(ticks(costs.forward_of(s)));
    result.ticks.input_grad.push_back(ticks(costs.input_grad_of(s)));
    result.ticks.weight_grad.push_back(ticks(costs.weight_grad_of(s)));
  }
  result.ticks.comm = ticks(costs.comm);
  for (const double comm : costs.comm_by_stage) result.ticks.comm_by_stage.push_back(ticks(comm));
  if (!costs.comm_by_stage.empty()) {
    result.ticks.comm = *std::ranges::max_element(result.ticks.comm_by_stage);
  }
  return result;
}

}  // namespace

TickCosts to_ticks(const UnitCosts& costs, int stages) {
  return scaled(costs, stages, [](double ticks) { return std::llround(ticks); }).ticks;
}

ScaledCosts to_ticks_below(const UnitCosts& costs, int stages) {
  // What is whole but for the last bits of a product stays whole.
  return scaled(costs, stages, [](double ticks) {
    return static_cast<long long>(std::floor(ticks + 1e-9 * std::max(1.0, ticks)));
  });
}

std::int64_t common_divisor(const TickCosts& costs) {
  std::int64_t divisor = costs.comm;
  for (const auto* list :
       {&costs.forward, &costs.input_grad, &costs.weight_grad, &costs.comm_by_stage}) {
    for (const std::int64_t each : *list) divisor = std::gcd(divisor, each);
  }
  return std::max<std::int64_t>(1, divisor);
}

TickCosts divided(const TickCosts& costs, std::int64_t divisor) {
  TickCosts result = costs;
  result.comm /= divisor;
  for (auto* list :
       {&result.forward, &result.input_grad, &result.weight_grad, &result.comm_by_stage}) {
    for (std::int64_t& each : *list) each /= divisor;
  }
  return result;
}

}  // namespace plumbline
