// Errors are relative to the measurement, e = predicted / measured - 1, so a prediction of t with
// |e| <= w means a measurement between t / (1 + w) and t / (1 - w).

#include "sim/run/interval.h"

#include <algorithm>

namespace plumbline {
namespace {

constexpr double kDense = 0.09;
constexpr double kPricedFromARelative = 0.27;
constexpr double kMixtureOfExperts = 0.44;
constexpr double kMostOfTheTime = 0.5;

}  // namespace

double interval_half_width(const PredictionKind& kind) {
  double width = kDense;
  if (kind.share_outside_calibration > kMostOfTheTime) {
    width = std::max(width, kPricedFromARelative);
  }
  if (kind.mixture_of_experts) width = std::max(width, kMixtureOfExperts);
  return width;
}

std::array<double, 2> iteration_time_interval(double iteration_time_s, const PredictionKind& kind) {
  const double width = interval_half_width(kind);
  return {iteration_time_s / (1.0 + width), iteration_time_s / (1.0 - width)};
}

}  // namespace plumbline
