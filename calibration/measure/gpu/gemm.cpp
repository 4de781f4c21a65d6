#include "calibration/measure/gpu/gemm.h"

#include <stdexcept>

#include "calibration/measure/device.h"

namespace plumbline::measure::gpu {
namespace {

void lt_check(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS) {
    throw Unsupported(std::string(what) + ": cuBLAS status " + std::to_string(status));
  }
}

cudaDataType_t type_of(Element element) {
  switch (element) {
    case Element::kBf16:
      return CUDA_R_16BF;
    case Element::kFp16:
      return CUDA_R_16F;
    case Element::kFp8:
      return CUDA_R_8F_E4M3;
    default:
      return CUDA_R_32F;
  }
}

}  // namespace

Element operand_of(const Site& site) {
  if (site.dtype == "bf16") return Element::kBf16;
  if (site.dtype == "fp16") return Element::kFp16;
  if (site.dtype == "fp8" || site.dtype == "fp8_split") return Element::kFp8;
  if (site.dtype == "fp32" || site.dtype == "tf32") return Element::kFp32;
  throw Unsupported("no product of dtype " + site.dtype);
}

Element output_of(const Site& site) {
  const Element in = operand_of(site);
  if (site.accumulate) return Element::kFp32;
  return in == Element::kFp8 ? Element::kBf16 : in;
}

Gemm::Gemm(const CublasLt& lt, const Site& site, std::optional<int> sm_target) : lt_(lt) {
  const bool fp8 = operand_of(site) == Element::kFp8;
  if (fp8 && site.name != "tn") throw Unsupported("cuBLASLt takes fp8 as tn only");
  const auto compute = site.dtype == "tf32" ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  lt_check(lt.cublasLtMatmulDescCreate(&description_, compute, CUDA_R_32F), "MatmulDescCreate");
  const auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
    lt_check(lt.cublasLtMatmulDescSetAttribute(description_, attribute, &value, sizeof value),
             "MatmulDescSetAttribute");
  };
  // Ours row-major is theirs column-major transposed: first is W (or B), second is A.
  const cublasOperation_t first = site.name == "tn" ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasOperation_t second = site.name == "nt" ? CUBLAS_OP_T : CUBLAS_OP_N;
  set(CUBLASLT_MATMUL_DESC_TRANSA, first);
  set(CUBLASLT_MATMUL_DESC_TRANSB, second);
  if (sm_target) set(CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET, std::int32_t{*sm_target});
  if (fp8) {
    scale_ = Memory(sizeof(float));
    check(cudaMemcpy(scale_.data(), &alpha_, sizeof alpha_, cudaMemcpyHostToDevice), "cudaMemcpy");
    check(cudaDeviceSynchronize(), "cudaMemcpy");  // our streams do not wait for the default one
    void* scale = scale_.data();
    set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, scale);
    set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, scale);
    set(CUBLASLT_MATMUL_DESC_FAST_ACCUM, std::int8_t{site.dtype == "fp8"});
  }
  const auto layout = [&](cublasLtMatrixLayout_t& out, Element element, std::int64_t rows,
                          std::int64_t columns) {
    lt_check(lt.cublasLtMatrixLayoutCreate(&out, type_of(element), static_cast<std::uint64_t>(rows),
                                           static_cast<std::uint64_t>(columns), rows),
             "MatrixLayoutCreate");
  };
  const Element in = operand_of(site);
  if (first == CUBLAS_OP_T) {
    layout(first_, in, site.k, site.n);
  } else {
    layout(first_, in, site.n, site.k);
  }
  if (second == CUBLAS_OP_T) {
    layout(second_, in, site.m, site.k);
  } else {
    layout(second_, in, site.k, site.m);
  }
  layout(output_, output_of(site), site.n, site.m);
  beta_ = site.accumulate ? 1.0f : 0.0f;

  cublasLtMatmulPreference_t preference = nullptr;
  lt_check(lt.cublasLtMatmulPreferenceCreate(&preference), "MatmulPreferenceCreate");
  const std::size_t workspace = kWorkspaceBytes;
  lt.cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                          &workspace, sizeof workspace);
  cublasLtMatmulHeuristicResult_t result{};
  int found = 0;
  const cublasStatus_t status = lt.cublasLtMatmulAlgoGetHeuristic(
      lt.handle, description_, first_, second_, output_, output_, preference, 1, &result, &found);
  lt.cublasLtMatmulPreferenceDestroy(preference);
  lt_check(status, "MatmulAlgoGetHeuristic");
  if (found == 0) throw Unsupported("cuBLASLt has no algorithm for " + to_id(site));
  algorithm_ = result.algo;
}

Gemm::~Gemm() {
  for (const cublasLtMatrixLayout_t layout : {first_, second_, output_}) {
    if (layout) lt_.cublasLtMatrixLayoutDestroy(layout);
  }
  if (description_) lt_.cublasLtMatmulDescDestroy(description_);
}

void Gemm::enqueue(const void* a, const void* b, void* c, void* workspace,
                   cudaStream_t stream) const {
  lt_check(lt_.cublasLtMatmul(lt_.handle, description_, &alpha_, b, first_, a, second_, &beta_, c,
                              output_, c, output_, &algorithm_, workspace, kWorkspaceBytes, stream),
           "cublasLtMatmul");
}

}  // namespace plumbline::measure::gpu
