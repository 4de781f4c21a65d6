// Products in the layouts of the backward pass, held against the price of the forward one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "calibration/fit_kernels.h"

namespace plumbline {

struct LayoutFit {
  double factor = 1;            ///< time over that of the same product in TN
  double accumulate_bytes = 0;  ///< per output element into fp32; 0: no row accumulates
  std::vector<double> relative_standard_error;  ///< of factor, accumulate_bytes
  ErrorSummary form;             ///< of factor and bytes on the samples they were fitted to
  ErrorSummary cross_validated;  ///< on sites (n, k) left out
};

/// time = factor * price in TN + accumulate_bytes * m * n / streaming, by least squares of
/// logarithms, the price being that of the fit with its samples, as a run's is.
/// @param tn what `fit_gemm` made of `tn_samples`
/// @param accumulate [samples] whether a row reads and writes an fp32 accumulator: all or none
/// @throws InputError for fewer than 8 samples
LayoutFit fit_layout(std::string_view dtype, const GemmFit& tn,
                     const std::vector<GemmSample>& tn_samples,
                     const std::vector<GemmSample>& samples, bool accumulate,
                     BytesPerSecond streaming);

}  // namespace plumbline
