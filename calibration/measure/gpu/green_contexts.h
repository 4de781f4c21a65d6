// The card's multiprocessors in disjoint groups, a stream on each (CUDA green contexts).
#pragma once

#include <cuda_runtime_api.h>

#include <set>
#include <vector>

namespace plumbline::measure::gpu {

class GreenGroups {
 public:
  /// Equal groups, as large as the card's alignment allows.
  /// @throws Unsupported for a driver without green contexts or a card with too few processors
  GreenGroups(int ordinal, int groups);
  ~GreenGroups();
  GreenGroups(const GreenGroups&) = delete;
  GreenGroups& operator=(const GreenGroups&) = delete;

  int multiprocessors() const { return multiprocessors_; }  ///< of each group
  cudaStream_t stream(int group) const { return streams_[static_cast<std::size_t>(group)]; }

 private:
  struct Driver;
  int multiprocessors_ = 0;
  std::vector<void*> contexts_;
  std::vector<cudaStream_t> streams_;
};

/// Which multiprocessors blocks on that stream ran on, by %smid.
std::set<int> audit(cudaStream_t stream, int multiprocessors);

}  // namespace plumbline::measure::gpu
