// When a site has been measured often enough.
//
// A window is one timing of many calls. Windows are taken until the interval of their median is
// narrow, the noise has stopped shrinking, or the budget is spent; which of them is stored with the
// sample, because a median that merely ran out of time is worth less.
//
// The half-width of the median's interval is 1.57 IQR / sqrt(n): McGill, Tukey and Larsen,
// "Variations of Box Plots", The American Statistician 32(1), 1978 (two such intervals that do not
// overlap differ at about 95 %).
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace plumbline::measure {

struct StoppingLimits {
  double half_width = 0.005;  ///< of the median's interval, as a share of the median
  std::size_t min_windows = 7;
  double min_busy_s = 0.010;  ///< of the device
  std::size_t max_windows = 60;
  double budget_s = 0.5;  ///< of the device, for one site
};

enum class Stop {
  kGoOn,
  kConverged,  ///< the interval is narrow enough
  kPlateau,    ///< twice the windows did not narrow it: drift or several modes, not noise
  kBudget,     ///< neither within max_windows or budget_s
};

/// "converged", "plateau", "budget" or "go_on"
std::string_view to_string(Stop stop);

/// Linear interpolation between order statistics. REQUIRES: not empty, 0 <= share <= 1.
double quantile(std::vector<double> values, double share);

/// 1.57 IQR / sqrt(n) over the median. REQUIRES: not empty, a median above zero.
double relative_half_width(const std::vector<double>& windows);

class StoppingRule {
 public:
  explicit StoppingRule(StoppingLimits limits = {}) : limits_(limits) {}

  /// @param value  seconds of one call in this window
  /// @param busy_s  what the device worked for it
  void add(double value, double busy_s);

  Stop state() const { return state_; }
  const std::vector<double>& windows() const { return windows_; }
  double median() const { return quantile(windows_, 0.5); }

  /// The later half's median differs from the earlier half's by more than 2 % and by more than both
  /// halves' intervals: the clock or the temperature moved, not the dice.
  bool drifted() const;

 private:
  StoppingLimits limits_;
  std::vector<double> windows_;
  double busy_s_ = 0;
  double half_width_at_half_ = 0;  ///< when there were half as many windows
  std::size_t next_check_ = 0;
  Stop state_ = Stop::kGoOn;
};

}  // namespace plumbline::measure
