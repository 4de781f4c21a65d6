#include "calibration/section_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace plumbline::section_text {
namespace {

constexpr double kIdentified = 1.0 / 3;

}  // namespace

std::string number(double value) { return fmt::format("{:.5g}", value); }
std::string share(double value) {
  return std::isfinite(value) ? fmt::format("{:.2g}", value) : "unidentified";
}

std::string identified(const std::vector<const char*>& names, const std::vector<double>& se) {
  std::string list;
  std::size_t i = 0;
  for (const char* name : names) {
    if (se[i++] < kIdentified) list += (list.empty() ? "" : ", ") + std::string(name);
  }
  return "identified: [" + list + "]";
}

std::string range(const char* name, const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return fmt::format("{}: [{:.0f}, {:.0f}]", name, *low, *high);
}

std::string errors(const char* key, const ErrorSummary& e) {
  return fmt::format("{}: {{n: {}, median: {}, p90: {}}}", key, e.n, share(e.median_abs),
                     share(e.p90_abs));
}

FittedRow row(std::string form, const ErrorSummary& fitted, const ErrorSummary& held_out) {
  return {std::move(form),     fitted.n > 0 ? fitted.n : held_out.n,
          fitted.median_abs,   fitted.p90_abs,
          held_out.median_abs, held_out.p90_abs};
}

}  // namespace plumbline::section_text
