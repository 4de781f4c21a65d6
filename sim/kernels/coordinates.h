// Where a kernel's shape lies among its samples: log2 coordinates for the residual table. The fit
// cross-validates with the same ones that prices are looked up by.
#pragma once

#include <cmath>

#include "sim/core/units.h"
#include "sim/kernels/residual_table.h"

namespace plumbline {

/// How many of the nearest samples correct a price.
inline constexpr int kPrefillNeighbours = 8, kDecodeNeighbours = 6;

/// @param rows m as the kernel runs it: see padded_rows
inline ResidualTable::Point gemm_point(double rows, double n, double k) {
  return {std::log2(rows), std::log2(n), std::log2(k), 0.0, 0.0, 0.0};
}

inline ResidualTable::Point prefill_point(double batch, double length, double heads,
                                          double kv_heads) {
  return {std::log2(length), std::log2(batch), std::log2(heads), std::log2(kv_heads), 0.0, 0.0};
}

/// Length and query heads count half: a decode's efficiency depends little on either (held-out
/// samples of four GPUs: median error 1.4 to 2.9 % instead of 1.7 to 4.3 %).
/// Kernels that share a cache head among several query heads split long caches over processors,
/// those of one query head per cache head may not (FlashAttention swaps the group into the query
/// rows): neighbours are looked for on the same side first (A100: 90th percentile 9.6 instead of
/// 15.5 %).
/// So is a cache that the L2 holds (read again and again, it stays there) and one that it does not:
/// just beyond the L2's size a decode takes up to twice as long (B200, caches within 2.5 times the
/// L2: median error 3.4 instead of 7.4 %; 90th percentiles of all held-out shapes: H100 6.4 to 5.6,
/// H200 5.6 to 5.0, B200 12.5 to 11.4 %). An A100 shows no such step: its profile states no L2.
/// @param l2 of the device the kernel runs on; 0: not stated, no cache is told apart
inline ResidualTable::Point decode_point(double batch, double length, double heads, double kv_heads,
                                         Bytes cache, Bytes l2) {
  return {0.5 * std::log2(length),      std::log2(batch),
          0.5 * std::log2(heads),       std::log2(kv_heads),
          heads > kv_heads ? 2.0 : 0.0, l2 > Bytes(0) && cache > l2 ? 2.0 : 0.0};
}

/// What one decode step reads: keys and values of every sequence.
inline Bytes cache_bytes(double batch, double length, double kv_heads, double head_dim,
                         double element_bytes) {
  return Bytes(2 * batch * length * kv_heads * head_dim * element_bytes);
}

}  // namespace plumbline
