// How far a prediction may be off: nine of ten published runs of its kind lie inside.
#pragma once

#include <array>

namespace plumbline {

/// What decides how well a run of this kind is predicted.
struct PredictionKind {
  bool mixture_of_experts = false;
  double share_outside_calibration = 0;  ///< of the busy time
};

/// Half width relative to the prediction: the 90th percentile of |predicted / measured - 1| over
/// the published runs of that kind (docs/accuracy.md): 9 % for dense models on GPUs with kernels of
/// their own, 27 % where most of the time is priced from a relative (GB300), 44 % for mixtures of
/// experts, whose routing is not printed.
double interval_half_width(const PredictionKind& kind);

/// The iteration times between which the measurement lies with the nominal probability of 90 %.
std::array<double, 2> iteration_time_interval(double iteration_time_s, const PredictionKind& kind);

}  // namespace plumbline
