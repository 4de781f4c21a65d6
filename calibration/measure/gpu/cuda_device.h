// A GPU as the device of a session: every site as a CUDA graph of calls over rotated buffers.
#pragma once

#include <memory>
#include <string>

#include "calibration/measure/device.h"
#include "calibration/measure/gpu/check.h"
#include "calibration/measure/gpu/libraries.h"

namespace plumbline::measure::gpu {

/// What workloads share: streams, libraries and a pool of memory that grows as needed.
struct Machine {
  /// @throws CudaError when there is no usable device `ordinal`
  explicit Machine(int ordinal);

  int ordinal;
  DeviceFacts facts;
  Stream stream, other;
  std::unique_ptr<CublasLt> cublaslt;  ///< null where it was not found
  std::string no_cublaslt;             ///< then why
  std::unique_ptr<Nvml> nvml;
  Memory workspace, probe;
  std::uint64_t seed = 1;

  /// At least that many bytes; what was in the pool before is lost.
  char* pool(std::size_t bytes);
  /// Cycles per microsecond right now: a kernel of 50 us that counts both.
  double sm_mhz();

 private:
  Memory pool_;
};

class CudaDevice : public MeasuredDevice {
 public:
  explicit CudaDevice(Machine& machine) : machine_(machine) {}
  DeviceFacts facts() const override { return machine_.facts; }
  std::unique_ptr<Workload> open(const Site& site) override;
  double now_s() const override;

 private:
  Machine& machine_;
};

}  // namespace plumbline::measure::gpu
