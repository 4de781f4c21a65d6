// Where a kernel's shape lies among its samples: log2 coordinates for the residual table. The fit
// cross-validates with the same ones that prices are looked up by.
#pragma once

#include <cmath>

#include "sim/kernels/residual_table.h"

namespace plumbline {

inline ResidualTable::Point gemm_point(double m, double n, double k) {
  return {std::log2(m), std::log2(n), std::log2(k), 0.0};
}

inline ResidualTable::Point prefill_point(double batch, double length, double heads,
                                          double kv_heads) {
  return {std::log2(length), std::log2(batch), std::log2(heads), std::log2(kv_heads)};
}

/// Length and query heads count half: a decode's efficiency depends little on either (held-out
/// samples of four GPUs: median error 1.4 to 2.9 % instead of 1.7 to 4.3 %).
inline ResidualTable::Point decode_point(double batch, double length, double heads,
                                         double kv_heads) {
  return {0.5 * std::log2(length), std::log2(batch), 0.5 * std::log2(heads), std::log2(kv_heads)};
}

}  // namespace plumbline
