// Predicted beside measured: the arithmetic and the two forms of `plumbline validate`.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "sim/report/report.h"

namespace plumbline {

/// One metric of one scenario with a `measured:` block.
struct ValidationRow {
  std::string file;
  std::string source;
  bool gate = true;     ///< false: shown, but in no summary
  std::string metric;   ///< "iteration_time_s", "peak_memory_gib", ...
  double measured = 0;  ///< > 0
  double predicted = 0;
  /// Relative and signed: +0.05 is 5 % too high.
  double error() const { return predicted / measured - 1.0; }
};

/// Statistics of relative errors (dimensionless).
struct ErrorStatistics {
  int n = 0;
  double mean_abs_error = 0;
  double median_abs_error = 0;
  double p90_abs_error = 0;
  double bias = 0;  ///< the median of the signed errors
};

struct ValidationSummary {
  std::map<std::string, ErrorStatistics> by_metric;
  std::map<std::string, std::map<std::string, ErrorStatistics>> by_source;  ///< source, metric
};

/// The value below which a fraction `p` of the values lies, by linear interpolation between
/// order statistics: position p·(n-1) of the sorted values (numpy's default).
/// REQUIRES: values is not empty, 0 <= p <= 1
double percentile(std::vector<double> values, double p);

/// @param errors  signed relative errors; none gives n = 0 and zeros
ErrorStatistics error_statistics(std::span<const double> errors);

/// Over the rows with `gate`, by metric and by source and metric.
ValidationSummary summarize(std::span<const ValidationRow> rows);

/// A line per row, worst first within a metric, then the summaries.
std::string validation_table(std::span<const ValidationRow> rows, const TextStyle& style = {});

/// {"runs": [...], "summary": {...}, "by_source": {...}}
std::string validation_json(std::span<const ValidationRow> rows);

}  // namespace plumbline
