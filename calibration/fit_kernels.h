// Measured kernels -> the constants of the forms that price them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "calibration/statistics.h"
#include "sim/cluster/device.h"

namespace plumbline {

struct GemmSample {
  double m = 0, n = 0, k = 0;
  Seconds time;
};

struct GemmFitResult {
  GemmFit fit;
  std::vector<double> relative_standard_error;  ///< of F, B, t0, p
  ErrorSummary form;             ///< of the form alone on the samples it was fitted to
  ErrorSummary cross_validated;  ///< form and neighbours on sites (n, k) left out
};

/// t0 + ((flops/F)^p + (bytes/B)^p)^(1/p) by least squares on log(measured / form).
/// Cross-validation leaves out a tenth of the (n, k) sites at a time: what a shape costs that
/// nobody measured, not how well neighbours of itself predict a point.
/// @throws InputError for fewer than 8 samples or a time that is not above zero
/// @param row_tile rows of the largest tile that the kernels are taken to work in; 1: none
GemmFitResult fit_gemm(std::string_view dtype, const std::vector<GemmSample>& samples,
                       int neighbours, int row_tile = 1);

struct AttentionSample {
  double batch = 1, length = 0, heads = 1, kv_heads = 1;
  Seconds time;
};

struct AttentionFitResult {
  AttentionFit fit;
  std::vector<double> relative_standard_error;  ///< prefill: F, B, t0; decode: B, t0, per_sequence
  ErrorSummary form;
  ErrorSummary cross_validated;  ///< sites are (heads, kv heads)
};

/// t0 + flops/F + bytes/B over causal prompts, head size 128, bf16.
AttentionFitResult fit_prefill(const std::vector<AttentionSample>& samples);

/// t0 + cache/B + c * batch * kv_heads / multiprocessors.
/// @param l2 size of the device's L2, 0 where it is not stated: see decode_point
AttentionFitResult fit_decode(const std::vector<AttentionSample>& samples, int multiprocessors,
                              Bytes l2 = {});

struct LinkFit {
  Seconds latency;
  BytesPerSecond bandwidth;
  double relative_standard_error[2] = {0, 0};
  ErrorSummary form;
};

/// t = latency + bytes/bandwidth by relative least squares: samples span six decades, and absolute
/// residuals would be decided by the largest message alone. Source: Hockney, Parallel Computing
/// 20(3), 1994.
/// @throws InputError for fewer than three samples or two sizes
LinkFit fit_link(const std::vector<Bytes>& bytes, const std::vector<Seconds>& times);

}  // namespace plumbline
