// A draw is a sum of log-normal parts:
//
//   T = e^form * (e^clock (P e^products + A e^attention) + M e^memory + L e^links + H e^host)
//
// where products and attention err together by their class's common error and each kernel by its
// own, which falls with the square root of the effective number of different kernels.
#include "sim/run/interval.h"

#include <algorithm>
#include <cmath>

#include "sim/core/rng.h"

namespace plumbline {
namespace {

constexpr int kDraws = 200;  // in antithetic pairs: what makes one draw slow makes its twin fast
constexpr int kFactors = 8;

// Likeliest value given the 268 runs that gate and what their prices leave open: 0.030. Leaving out
// one of the 15 sources gives 0.030 to 0.031, 0.034 without the zero-bubble runs and 0.017 without
// vTrain's, the source with the widest unexplained spread.
constexpr double kDenseForm = 0.03;
// Likeliest value given the 121 mixtures of experts, 36 of them Grok-1 at -4 to -16 %: 0.33.
constexpr double kMixtureForm = 0.33;
// Kernels priced from a relative, beyond the errors of their class: likeliest value given the 41
// dense runs on GB200, GB300 and B300.
constexpr double kOutsideForm = 0.095;

double of_class(const ClassError& error, const KernelMix& mix) {
  return std::hypot(error.common, error.kernel / std::sqrt(mix.effective()));
}

double quantile(std::array<double, kDraws>& sorted, double q) {
  const double at = q * (kDraws - 1);
  const auto below = static_cast<std::size_t>(at);
  const double part = at - static_cast<double>(below);
  return sorted[below] +
         part * (sorted[std::min<std::size_t>(below + 1, kDraws - 1)] - sorted[below]);
}

}  // namespace

double model_form_error(const PredictionKind& kind) {
  return std::hypot(kind.mixture_of_experts ? kMixtureForm : kDenseForm,
                    kind.share_outside_calibration * kOutsideForm);
}

std::array<double, 2> iteration_time_interval(const IntervalInput& input) {
  const PathComposition& path = input.path;
  const PriceErrors& errors = input.errors;
  const std::array<double, kFactors> deviation{model_form_error(input.kind),
                                               errors.clock,
                                               of_class(errors.products, input.products),
                                               of_class(errors.attention, input.attention),
                                               errors.memory,
                                               errors.intra_node,
                                               errors.inter_node,
                                               errors.host};
  const RandomStream stream(input.seed, "interval");
  std::array<double, kDraws> times;
  for (int pair = 0; pair < kDraws / 2; ++pair) {
    std::array<double, kFactors> log;
    for (int i = 0; i < kFactors; ++i) {
      const auto index = static_cast<std::uint64_t>(pair * kFactors + i);
      log[i] = deviation[i] * stream.normal(index);
    }
    for (int twin = 0; twin < 2; ++twin) {
      const double sign = twin == 0 ? 1 : -1;
      const auto factor = [&](int i) { return std::exp(sign * log[i]); };
      times[2 * pair + twin] =
          factor(0) * (factor(1) * (path.products * factor(2) + path.attention * factor(3)) +
                       path.memory * factor(4) + path.intra_node * factor(5) +
                       path.inter_node * factor(6) + path.host * factor(7));
    }
  }
  std::sort(times.begin(), times.end());
  const double tail = (1 - kIntervalProbability) / 2;
  return {quantile(times, tail), quantile(times, 1 - tail)};
}

}  // namespace plumbline
