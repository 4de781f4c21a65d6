// What a rank of the box runs for F, I and W: spins, tensor-core products or products of cuBLASLt.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "calibration/measure/box_plan.h"
#include "calibration/measure/gpu/cuda_device.h"
#include "calibration/measure/gpu/gemm.h"

namespace plumbline::measure::gpu {

/// An operation is a count of equal pieces: nanoseconds, tensor steps, or products. Buffers and the
/// workspace are the rank's own; L2, memory and power are shared with the others.
class RankWork {
 public:
  /// @param multiprocessors  of the rank's group; cuBLASLt is told to count on so many
  /// @throws Unsupported without cuBLASLt in mode gemm
  RankWork(Machine& machine, const BoxPlan& plan, int multiprocessors);

  /// A full backward (B) is both gradients, one behind the other.
  void enqueue(char kind, cudaStream_t stream) const;
  /// Sets the pieces of a kind. REQUIRES: > 0
  void set(char kind, std::int64_t pieces) { pieces_[kind] = pieces; }

 private:
  void prepare_products();

  Machine& machine_;
  const BoxPlan& plan_;
  int multiprocessors_;
  std::map<char, std::int64_t> pieces_;
  std::map<char, std::unique_ptr<Gemm>> products_;
  std::vector<Memory> buffers_;
  Memory workspace_, never_;
};

}  // namespace plumbline::measure::gpu
