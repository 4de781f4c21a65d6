// Libraries that are found on the machine at run time, so that one static binary runs where only a
// driver is installed: cuBLASLt, NCCL and NVML. What is missing is said, and its sites are left
// out. Only the functions that are called are declared; their interfaces are stable since CUDA 11.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <memory>
#include <string>
#include <vector>

namespace plumbline::measure::gpu {

/// One dlopened library; the handle lives as long as this.
class Library {
 public:
  /// The first of `candidates` that loads. @throws Unsupported naming all of them
  Library(const char* what, const std::vector<std::string>& candidates);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  /// @throws Unsupported when the library has no such function
  void* symbol(const char* name) const;
  template <typename Function>
  void find(Function*& function, const char* name) const {
    function = reinterpret_cast<Function*>(symbol(name));
  }
  const std::string& path() const { return path_; }

 private:
  std::string what_, path_;
  void* handle_ = nullptr;
};

/// Where cuBLASLt may be: $PLUMBLINE_CUBLASLT, its soname, /usr/local/cuda/lib64, and the wheels'
/// site-packages/nvidia/{cu13,cublas}/lib below the Pythons of this machine.
std::vector<std::string> cublaslt_candidates();

/// The functions of cuBLASLt by their names.
struct CublasLt {
  CublasLt();
  Library library;
#define PLUMBLINE_LT(name) decltype(&::name) name = nullptr
  PLUMBLINE_LT(cublasLtCreate);
  PLUMBLINE_LT(cublasLtDestroy);
  PLUMBLINE_LT(cublasLtGetVersion);
  PLUMBLINE_LT(cublasLtMatmulDescCreate);
  PLUMBLINE_LT(cublasLtMatmulDescDestroy);
  PLUMBLINE_LT(cublasLtMatmulDescSetAttribute);
  PLUMBLINE_LT(cublasLtMatrixLayoutCreate);
  PLUMBLINE_LT(cublasLtMatrixLayoutDestroy);
  PLUMBLINE_LT(cublasLtMatmulPreferenceCreate);
  PLUMBLINE_LT(cublasLtMatmulPreferenceDestroy);
  PLUMBLINE_LT(cublasLtMatmulPreferenceSetAttribute);
  PLUMBLINE_LT(cublasLtMatmulAlgoGetHeuristic);
  PLUMBLINE_LT(cublasLtMatmul);
#undef PLUMBLINE_LT
  cublasLtHandle_t handle = nullptr;
  ~CublasLt();
};

/// Clocks and power from the driver's management library; zeros where it is not there.
class Nvml {
 public:
  /// @param pci_bus_id  "0000:18:00.0", of the CUDA device
  explicit Nvml(const std::string& pci_bus_id);
  ~Nvml();
  struct Reading {
    double sm_mhz = 0, power_w = 0, temperature_c = 0;
    unsigned long long clock_reasons = 0;  ///< bit mask of why clocks are not higher
  };
  Reading read() const;
  double power_limit_w() const;
  double max_sm_mhz() const;
  std::string driver() const;

 private:
  std::unique_ptr<Library> library_;
  void* device_ = nullptr;
};

/// A communicator of each of the first `ranks` GPUs, in this process.
class Nccl {
 public:
  explicit Nccl(int ranks);
  ~Nccl();
  /// Puts one collective on every stream; `bytes` as nccl-tests counts them (all-gather: received;
  /// reduce-scatter: sent, per rank). REQUIRES: buffers of `bytes` on each device.
  void enqueue(const std::string& op, std::size_t bytes, const std::vector<void*>& from,
               const std::vector<void*>& to, const std::vector<cudaStream_t>& streams) const;
  std::string version() const;

 private:
  struct Functions;
  std::unique_ptr<Functions> f_;
  std::vector<void*> communicators_;
};

}  // namespace plumbline::measure::gpu
