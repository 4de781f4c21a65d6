#include "calibration/statistics.h"

#include <algorithm>
#include <cmath>

namespace plumbline {

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double at = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - static_cast<double>(below)) * (values[above] - values[below]);
}

ErrorSummary summarize(const std::vector<double>& signed_errors) {
  std::vector<double> absolute;
  for (const double e : signed_errors) absolute.push_back(std::abs(e));
  ErrorSummary summary;
  summary.n = static_cast<int>(signed_errors.size());
  summary.median_abs = quantile(absolute, 0.5);
  summary.p90_abs = quantile(absolute, 0.9);
  double sum = 0;
  for (const double e : absolute) sum += e;
  if (!absolute.empty()) summary.mean_abs = sum / static_cast<double>(absolute.size());
  summary.bias = quantile(signed_errors, 0.5);
  return summary;
}

}  // namespace plumbline
