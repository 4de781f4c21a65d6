// How numbers, errors and ranges stand in a profile's `fitted:`.
#pragma once

#include <string>
#include <vector>

#include "calibration/fit_sections.h"
#include "calibration/statistics.h"

namespace plumbline::section_text {

/// Rows, columns, lengths and counts in sample files: beyond it, no kernel.
inline constexpr double kMostSize = 1e12;

/// Five digits: an order finer than any constant is known.
std::string number(double value);
/// Two digits; what is not finite is unidentified.
std::string share(double value);

/// "identified: [a, b]": the constants whose standard error leaves their size standing, below a
/// third.
std::string identified(const std::vector<const char*>& names, const std::vector<double>& se);

/// "m: [1, 32768]"
std::string range(const char* name, const std::vector<double>& values);

/// "error: {n: 12, median: 0.01, p90: 0.05}"
std::string errors(const char* key, const ErrorSummary& e);

FittedRow row(std::string form, const ErrorSummary& fitted, const ErrorSummary& held_out);

}  // namespace plumbline::section_text
