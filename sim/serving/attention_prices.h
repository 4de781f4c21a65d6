// What one layer's attention costs in a step: prompt chunks and decodes together.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "sim/kernels/layer_table.h"
#include "sim/serving/step_prices.h"

namespace plumbline {

/// Times on a rectangular grid, linear between its points and continued beyond them.
class PriceGrid {
 public:
  PriceGrid() = default;
  template <typename Price>
  PriceGrid(std::vector<double> x, std::vector<double> y, const Price& price)
      : x_(std::move(x)), y_(std::move(y)) {
    for (const double a : x_) {
      for (const double b : y_) seconds_.push_back(price(a, b));
    }
  }
  double at(double x, double y) const;
  /// Whether there is anything but zeros.
  bool any() const {
    return std::ranges::any_of(seconds_, [](double seconds) { return seconds > 0; });
  }

 private:
  std::vector<double> x_, y_, seconds_;
};

/// A layer's attention, and what of it was priced outside calibrated ranges.
struct AttentionTime {
  double seconds = 0, outside = 0;
};

/// Attention of one layer, from the model's measured table or from kernels:
///
///   measured   A = A0 + sum_i [A(c_i, k_i, n, k) - A0], A0 = A(0, 0, n, k): chunks one by one
///   beside
///              all decodes at their mean context k, every A out of one mixed kernel
///   kernels    A = A0 + sum_i [P(c_i, k_i) - t0] (+ t0 without decodes): one launch, then the
///   chunks'
///              and the decodes' work after each other
///
/// A batch whose contexts differ waits for its longest sequence where a device says how fast one
/// sequence is walked: A0' = (A0^3 + M^3 - m^3)^(1/3), M = s(x) k_max, m = min(A0, s(x) k), x =
/// kv_heads n / SMs; decodes alone with x < 2 are split evenly instead (FlashInfer's decode plan),
/// and A0' = A0.
class AttentionPrices {
 public:
  AttentionPrices(const ServedModel& served, const LayerTable* table);

  /// @param window  tokens a layer looks back at most; 0: all
  AttentionTime of(const StepWork& work, double window) const;

 private:
  double decodes(double count, double context) const;

  std::optional<LayerTable> table_;
  PriceGrid decode_, chunk_;
  std::optional<PriceGrid> decode_outside_, chunk_outside_;  // where any of it is
  double launch_ = 0;                                        ///< t0 of a chunk's kernel
  double seconds_per_token_ = 0;  ///< s of one block per multiprocessor; 0: unknown
  double processors_ = 1, kv_heads_ = 1;
};

/// Largest context that prices are tabulated for: what the options or the model say.
double longest_context(const ServedModel& served);

}  // namespace plumbline
