#include "calibration/measure/stopping_rule.h"

#include <algorithm>
#include <cmath>

namespace plumbline::measure {

std::string_view to_string(Stop stop) {
  switch (stop) {
    case Stop::kGoOn:
      return "go_on";
    case Stop::kConverged:
      return "converged";
    case Stop::kPlateau:
      return "plateau";
    case Stop::kBudget:
      return "budget";
  }
  return "go_on";
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (values[above] - values[below]) * (place - static_cast<double>(below));
}

double relative_half_width(const std::vector<double>& windows) {
  const double range = quantile(windows, 0.75) - quantile(windows, 0.25);
  return 1.57 * range / std::sqrt(static_cast<double>(windows.size())) / quantile(windows, 0.5);
}

void StoppingRule::add(double value, double busy_s) {
  windows_.push_back(value);
  busy_s_ += busy_s;
  const std::size_t n = windows_.size();
  if (n < limits_.min_windows) return;
  const double width = relative_half_width(windows_);
  if (busy_s_ >= limits_.min_busy_s && width < limits_.half_width) {
    state_ = Stop::kConverged;
    return;
  }
  // Pure noise narrows by 1/sqrt(2) when the windows double; by less than a tenth is no narrowing.
  if (next_check_ == 0) {
    half_width_at_half_ = width;
    next_check_ = 2 * n;
  } else if (n >= next_check_) {
    if (width > 0.9 * half_width_at_half_) {
      state_ = Stop::kPlateau;
      return;
    }
    half_width_at_half_ = width;
    next_check_ = 2 * n;
  }
  if (n >= limits_.max_windows || busy_s_ >= limits_.budget_s) state_ = Stop::kBudget;
}

bool StoppingRule::drifted() const {
  const auto middle = windows_.begin() + static_cast<std::ptrdiff_t>(windows_.size() / 2);
  if (windows_.size() < 6) return false;
  const std::vector<double> early(windows_.begin(), middle), late(middle, windows_.end());
  const double change = std::abs(quantile(late, 0.5) / quantile(early, 0.5) - 1);
  return change > 0.02 && change > relative_half_width(early) + relative_half_width(late);
}

}  // namespace plumbline::measure
