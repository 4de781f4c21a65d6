#include "calibration/measure/synthetic_device.h"

#include <algorithm>
#include <cmath>

#include "sim/core/rng.h"

namespace plumbline::measure {

double synthetic_seconds(const SyntheticParameters& d, const Site& site) {
  if (site.operation == "gemm") {
    const double width = bytes_of(site.dtype);
    const double rate = d.flops_per_s * (width == 1 ? 2.0 : width == 4 ? 1.0 / 16 : 1.0);
    const double compute = flops(site) / rate, memory = memory_bytes(site) / d.bytes_per_s;
    const double burst = d.t0_s + std::pow(std::pow(compute, d.p) + std::pow(memory, d.p), 1 / d.p);
    return site.regime == "sustained" ? burst / d.sustained : burst;
  }
  if (site.operation == "elementwise" || site.operation == "memory") {
    return d.kernel_latency_s + static_cast<double>(site.bytes) / d.streaming_bytes_per_s;
  }
  if (site.operation == "host_copy") {
    return d.host_latency_s + static_cast<double>(site.bytes) / d.host_bytes_per_s;
  }
  if (site.operation == "overhead") return d.kernel_latency_s;
  throw Unsupported("a synthetic device has one GPU");
}

class SyntheticWorkload : public Workload {
 public:
  SyntheticWorkload(SyntheticDevice& device, const Site& site)
      : device_(device),
        seconds_(synthetic_seconds(device.parameters_, site)),
        window_s_(site.regime == "sustained" ? 0.05 : 0.002),
        draws_(device.parameters_.seed, to_id(site)) {}

  Window run() override {
    const SyntheticParameters& p = device_.parameters_;
    double factor = std::exp(p.noise * draws_.normal(2 * windows_));
    if (draws_.uniform(2 * windows_ + 1) < p.outliers) factor *= 1.3;
    ++windows_;
    const double calls = std::ceil(window_s_ / seconds_);
    const Window window{seconds_ * factor, calls * seconds_ * factor, 1980, 500};
    device_.now_s_ += window.busy_s;
    return window;
  }

 private:
  SyntheticDevice& device_;
  double seconds_;
  double window_s_;
  RandomStream draws_;
  std::uint64_t windows_ = 0;
};

DeviceFacts SyntheticDevice::facts() const {
  DeviceFacts facts;
  facts.name = "synthetic";
  facts.uuid = "GPU-synthetic-" + std::to_string(parameters_.seed);
  facts.driver = "none";
  facts.multiprocessors = 132;
  facts.compute_capability = 90;
  facts.memory_bytes = 80e9;
  facts.l2_bytes = 50e6;
  facts.max_sm_mhz = 1980;
  facts.peak_bytes_per_s =
      1.2 * std::max(parameters_.bytes_per_s, parameters_.streaming_bytes_per_s);
  facts.peak_flops = {{"bf16", 1.25 * parameters_.flops_per_s},
                      {"fp16", 1.25 * parameters_.flops_per_s}};
  return facts;
}

std::unique_ptr<Workload> SyntheticDevice::open(const Site& site) {
  auto workload = std::make_unique<SyntheticWorkload>(*this, site);
  now_s_ += parameters_.seconds_per_site;
  return workload;
}

}  // namespace plumbline::measure
