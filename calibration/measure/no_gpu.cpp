// plumbline-measure without CUDA: the synthetic and the recorded device work, a GPU does not.
#include "calibration/measure/gpu.h"

namespace plumbline::measure {

std::unique_ptr<Gpu> open_gpu(int, std::uint64_t) {
  throw NoDevice(
      "this plumbline-measure was built without CUDA (configure with -DPLUMBLINE_CUDA=ON)");
}

}  // namespace plumbline::measure
