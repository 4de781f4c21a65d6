// The door to the GPU half of plumbline-measure: built with CUDA (gpu/entry.cpp) or without
// (no_gpu.cpp), where it says so.
#pragma once

#include <iosfwd>
#include <memory>
#include <string>

#include "calibration/measure/device.h"

namespace plumbline::measure {

/// There is no GPU, no driver, or this build has no CUDA: the program ends with 77.
class NoDevice : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Gpu {
 public:
  virtual ~Gpu() = default;
  virtual MeasuredDevice& device() = 0;
  /// Every own kernel against float64; a line each. @returns whether all passed
  virtual bool verify(std::ostream& out) = 0;
  /// Replays the plan at `plan_path`; writes timeline.csv and box.yaml into `folder`.
  virtual void box(const std::string& plan_path, const std::string& folder) = 0;
};

/// @throws NoDevice
std::unique_ptr<Gpu> open_gpu(int ordinal, std::uint64_t seed);

}  // namespace plumbline::measure
