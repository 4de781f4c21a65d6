// One product of cuBLASLt under its whole key: dtype, layout, accumulation.
//
// Matrices are row-major as PyTorch has them; cuBLASLt sees their transposes in column-major order,
// so C[m,n] is computed as an n x m product whose first operand is our second.
//   tn   C[m,n] = A[m,k] W[n,k]^T     forward
//   nn   C[m,n] = A[m,k] W[k,n]       input gradient
//   nt   C[m,n] = A[k,m]^T B[k,n]     weight gradient
#pragma once

#include <optional>

#include "calibration/measure/gpu/check.h"
#include "calibration/measure/gpu/kernels.h"
#include "calibration/measure/gpu/libraries.h"
#include "calibration/measure/site.h"

namespace plumbline::measure::gpu {

Element operand_of(const Site& site);
/// fp32 where it accumulates or the operands are; bf16 behind fp8; otherwise the operands' own.
Element output_of(const Site& site);

class Gemm {
 public:
  /// Chooses the first algorithm of the heuristic, as frameworks do.
  /// @param sm_target  multiprocessors that the kernel may count on, where its stream has fewer
  /// @throws Unsupported when cuBLASLt has none for this key
  Gemm(const CublasLt& lt, const Site& site, std::optional<int> sm_target = {});
  ~Gemm();
  Gemm(const Gemm&) = delete;
  Gemm& operator=(const Gemm&) = delete;

  static constexpr std::size_t kWorkspaceBytes = 64u << 20;

  void enqueue(const void* a, const void* b, void* c, void* workspace, cudaStream_t stream) const;

 private:
  const CublasLt& lt_;
  float alpha_ = 1, beta_ = 0;
  Memory scale_;  ///< fp8: the factor 1 of both operands
  cublasLtMatmulDesc_t description_ = nullptr;
  cublasLtMatrixLayout_t first_ = nullptr, second_ = nullptr, output_ = nullptr;
  cublasLtMatmulAlgo_t algorithm_{};
};

}  // namespace plumbline::measure::gpu
