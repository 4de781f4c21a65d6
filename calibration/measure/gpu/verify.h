// Every kernel of our own, and every product that is timed, against float64 on the host.
#pragma once

#include <string>
#include <vector>

#include "calibration/measure/gpu/cuda_device.h"

namespace plumbline::measure::gpu {

struct Verified {
  std::string what;      ///< "rmsnorm y", "gemm nt bf16 into fp32"
  double worst = 0;      ///< largest |got - reference| / (tolerance of the element)
  std::string left_out;  ///< why it could not run, or empty
  bool passed() const { return left_out.empty() && worst <= 1; }
};

std::vector<Verified> verify(Machine& machine);

}  // namespace plumbline::measure::gpu
