// Where a kernel's shape lies among its samples: log2 coordinates for the residual table. The fit
// cross-validates with the same ones that prices are looked up by.
#pragma once

#include <cmath>

#include "sim/kernels/residual_table.h"

namespace plumbline {

/// How many of the nearest samples correct a price.
inline constexpr int kPrefillNeighbours = 8, kDecodeNeighbours = 6;

/// @param rows m as the kernel runs it: see padded_rows
inline ResidualTable::Point gemm_point(double rows, double n, double k) {
  return {std::log2(rows), std::log2(n), std::log2(k), 0.0, 0.0};
}

inline ResidualTable::Point prefill_point(double batch, double length, double heads,
                                          double kv_heads) {
  return {std::log2(length), std::log2(batch), std::log2(heads), std::log2(kv_heads), 0.0};
}

/// Length and query heads count half: a decode's efficiency depends little on either (held-out
/// samples of four GPUs: median error 1.4 to 2.9 % instead of 1.7 to 4.3 %).
/// Kernels that share a cache head among several query heads split long caches over processors,
/// those of one query head per cache head may not (FlashAttention swaps the group into the query
/// rows): neighbours are looked for on the same side first (A100: 90th percentile 9.6 instead of
/// 15.5 %).
inline ResidualTable::Point decode_point(double batch, double length, double heads,
                                         double kv_heads) {
  return {0.5 * std::log2(length), std::log2(batch), 0.5 * std::log2(heads), std::log2(kv_heads),
          heads > kv_heads ? 2.0 : 0.0};
}

}  // namespace plumbline
