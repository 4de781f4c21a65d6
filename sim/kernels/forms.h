// The closed forms that kernel times follow. The fit and the price use the same functions: what
// prices a kernel in a run is what a fit is judged by.
#pragma once

#include <string_view>

#include "sim/cluster/device.h"
#include "sim/core/units.h"

namespace plumbline {

/// Bytes of one operand element: "fp8" 1, "bf16" 2, "fp32" 4; mxfp8 and nvfp4 carry their scales
/// (one byte for 32 and for 16 elements: OCP Microscaling formats 1.0; NVIDIA's NVFP4).
double element_bytes(std::string_view dtype);

/// Bytes of one element of a product's output: fp8 and fp4 products write bf16.
double output_bytes(std::string_view dtype);

struct GemmWork {
  Flops flops;
  Bytes bytes;  ///< both operands read once, the output written once
};
GemmWork gemm_work(std::string_view dtype, double m, double n, double k, double batch = 1);

/// The rows a kernel of tiles computes for m of them: up to 16 as they are, then whole tiles of 16,
/// of 64 from 64 on, of `row_tile` from 256 on. Tensor-core kernels fill the tile with rows of
/// nothing.
/// @param row_tile rows of the largest tile; 1: m
double padded_rows(double m, int row_tile);

/// The same with the rows the fit's kernels compute; bytes are those of the rows there are.
GemmWork gemm_work(const GemmFit& fit, std::string_view dtype, double m, double n, double k,
                   double batch = 1);

/// t0 + ((flops/F)^p + (bytes/B)^p)^(1/p): a roofline whose ridge is rounded by p.
/// @param clock the rate F is multiplied with this: sustained over burst
Seconds gemm_form(const GemmFit& fit, const GemmWork& work, double clock = 1.0);

struct AttentionWork {
  Flops flops;
  Bytes bytes;
};
/// Prompt attention: 2 (d_qk + d_v) flops per head and (query, key) pair that the mask leaves;
/// q, k, v read and o written once.
AttentionWork attention_work(double batch, double heads, double kv_heads, double head_dim,
                             double v_head_dim, double query_tokens, double kv_tokens, bool causal,
                             double element_bytes);
Seconds prefill_form(const AttentionFit& fit, const AttentionWork& work);
/// One query token against a cache of `kv_tokens`: the cache is read once per kv head.
Seconds decode_form(const AttentionFit& fit, double batch, double kv_heads, double head_dim,
                    double kv_tokens, double element_bytes, int multiprocessors);

}  // namespace plumbline
