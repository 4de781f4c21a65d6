// Order statistics of errors.
#pragma once

#include <vector>

namespace plumbline {

/// The q-quantile (0..1) by linear interpolation; 0 of nothing.
double quantile(std::vector<double> values, double q);

struct ErrorSummary {
  int n = 0;
  double median_abs = 0, p90_abs = 0, bias = 0;  ///< of predicted / measured - 1; bias: median
  double mean_abs = 0;
};
ErrorSummary summarize(const std::vector<double>& signed_errors);

}  // namespace plumbline
