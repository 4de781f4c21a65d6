// One thing to measure: an operation under its whole key, as the model runs it.
//
// The id is the key as text, fixed fields joined by '/', so that the file of raw measurements alone
// says what was measured and an interrupted session knows what it has.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace plumbline::measure {

struct Site {
  std::string operation;  ///< gemm, elementwise, memory, overhead, host_copy, peer_copy, collective
  /// gemm: tn, nn, nt; otherwise the kernel, direction or collective ("rmsnorm", "h2d", ...).
  std::string name;
  std::string dtype = "bf16";   ///< of the operands; fp8_split is fp8 without the fast accumulator
  std::string role = "fit";     ///< fit, held_out (never fitted), head (vocabulary), sustained
  std::string regime = "cold";  ///< cold: rotated buffers; hot: one buffer, warm L2; sustained
  bool accumulate = false;      ///< gemm: into an fp32 output, beta = 1
  std::int64_t m = 0, n = 0, k = 0;  ///< gemm; elementwise: m rows of n elements
  std::int64_t bytes = 0;            ///< traffic (elementwise, memory) or payload (copies)
  int ranks = 1;                     ///< GPUs that take part

  friend bool operator==(const Site&, const Site&) = default;
};

/// "gemm/tn/bf16/fit/cold/0/8192/4096/4096/0/1"
std::string to_id(const Site& site);

/// @throws std::invalid_argument for a text that `to_id` does not write
Site site_of(std::string_view id);

/// 2 m n k, or 0 for what is not a product.
double flops(const Site& site);

/// Bytes that must cross the memory bus when nothing is cached: a product's operands and output
/// once (an accumulated output twice), otherwise `bytes`; 0 for what moves nothing.
double memory_bytes(const Site& site);

/// Of one element of that dtype; fp8_split is fp8. @throws std::invalid_argument
double bytes_of(std::string_view dtype);

}  // namespace plumbline::measure
