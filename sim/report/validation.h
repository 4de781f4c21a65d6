// Predicted beside measured: the arithmetic and the two forms of `plumbline validate`.
#pragma once

#include <array>
#include <map>
#include <optional>
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
  std::optional<std::array<double, 2>> interval;  ///< that the measurement should lie in
  std::string notes;  ///< what a reader of the row must know: fitted on it, assumed for it
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

/// How well intervals of a nominal probability did; everything relative.
struct IntervalStatistics {
  int n = 0;
  double coverage = 0;           ///< share of the measurements inside
  double median_half_width = 0;  ///< (high - low) / 2 over the prediction
  /// Mean of (width + 2/alpha * distance outside) / measurement, alpha = 1 - probability: narrow is
  /// good and outside is bad, and neither can be had at the other's expense.
  /// Source: Gneiting, Raftery, JASA 102(477), 2007, equation 43.
  double score = 0;
};

/// @param probability nominal, of lying inside
IntervalStatistics interval_statistics(std::span<const ValidationRow* const> rows,
                                       double probability);

/// What intervals of `plumbline run` promise.
inline constexpr double kNominalProbability = 0.9;

struct ValidationSummary {
  std::map<std::string, ErrorStatistics> by_metric;
  std::map<std::string, std::map<std::string, ErrorStatistics>> by_source;  ///< source, metric
  IntervalStatistics intervals;  ///< over rows that have one
  std::map<std::string, IntervalStatistics> intervals_by_source;
};

/// The value below which a fraction `p` of the values lies, by linear interpolation between
/// order statistics: position p·(n-1) of the sorted values (numpy's default).
/// REQUIRES: values is not empty, 0 <= p <= 1
double percentile(std::vector<double> values, double p);

/// @param errors  signed relative errors; none gives n = 0 and zeros
ErrorStatistics error_statistics(std::span<const double> errors);

/// Over the rows with `gate`, by metric and by source and metric.
ValidationSummary summarize(std::span<const ValidationRow> rows);

/// A line per row, worst first within a metric, then the notes and the summaries. Rows of single
/// requests (metric "request_...") are in the summaries only.
std::string validation_table(std::span<const ValidationRow> rows, const TextStyle& style = {});

/// {"runs": [...], "summary": {...}, "by_source": {...}, "intervals": {...}}
std::string validation_json(std::span<const ValidationRow> rows);

}  // namespace plumbline
