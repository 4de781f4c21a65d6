#include "sim/kernels/forms.h"

#include <algorithm>
#include <cmath>

namespace plumbline {

double element_bytes(std::string_view dtype) {
  if (dtype == "fp32" || dtype == "tf32") return 4;
  if (dtype == "mxfp8") return 1.0 + 1.0 / 32;
  if (dtype == "nvfp4") return 0.5 + 1.0 / 16;
  if (dtype.substr(0, 3) == "fp8" || dtype == "int8") return 1;
  return 2;
}

double output_bytes(std::string_view dtype) { return dtype == "fp32" || dtype == "tf32" ? 4 : 2; }

GemmWork gemm_work(std::string_view dtype, double m, double n, double k, double batch) {
  const double in = element_bytes(dtype), out = output_bytes(dtype);
  return {Flops(2 * m * n * k * batch), Bytes(batch * (in * (m * k + k * n) + out * m * n))};
}

double padded_rows(double m, int row_tile) {
  if (row_tile <= 1 || m <= 16) return m;
  const double tile = m <= 64 ? 16 : m <= 256 ? std::min(64, row_tile) : row_tile;
  return std::ceil(m / tile) * tile;
}

GemmWork gemm_work(const GemmFit& fit, std::string_view dtype, double m, double n, double k,
                   double batch) {
  GemmWork work = gemm_work(dtype, m, n, k, batch);
  work.flops = (padded_rows(m, fit.row_tile) / m) * work.flops;
  return work;
}

Seconds gemm_form(const GemmFit& fit, const GemmWork& work, double clock) {
  const double compute = work.flops / (clock * fit.flops) / Seconds(1);
  const double memory = work.bytes / fit.bytes / Seconds(1);
  const double larger = compute < memory ? memory : compute;
  const double smaller = compute < memory ? compute : memory;
  if (larger <= 0) return fit.t0;
  // (a^p + b^p)^(1/p) = a (1 + (b/a)^p)^(1/p), which neither over- nor underflows.
  return fit.t0 + Seconds(larger * std::pow(1 + std::pow(smaller / larger, fit.p), 1 / fit.p));
}

AttentionWork attention_work(double batch, double heads, double kv_heads, double head_dim,
                             double v_head_dim, double query_tokens, double kv_tokens, bool causal,
                             double element_bytes) {
  // The mask is aligned at the end: the last query sees every key.
  const double full = query_tokens * kv_tokens;
  const double hidden = query_tokens <= kv_tokens ? query_tokens * query_tokens / 2
                                                  : full - kv_tokens * kv_tokens / 2;
  const double pairs = causal ? full - hidden : full;
  AttentionWork work;
  work.flops = Flops(2 * batch * heads * (head_dim + v_head_dim) * pairs);
  work.bytes = Bytes(element_bytes * batch * (query_tokens * heads + kv_tokens * kv_heads) *
                     (head_dim + v_head_dim));
  return work;
}

Seconds prefill_form(const AttentionFit& fit, const AttentionWork& work) {
  return fit.t0 + work.flops / fit.flops + work.bytes / fit.bytes;
}

Seconds decode_form(const AttentionFit& fit, double batch, double kv_heads, double head_dim,
                    double kv_tokens, double element_bytes, int multiprocessors) {
  const Bytes cache(2 * element_bytes * batch * kv_tokens * kv_heads * head_dim);
  return fit.t0 + cache / fit.bytes + fit.per_sequence * (batch * kv_heads / multiprocessors);
}

}  // namespace plumbline
