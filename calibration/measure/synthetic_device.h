// A device whose parameters are known, with noise: what the session and the fit are tested on.
#pragma once

#include "calibration/measure/device.h"

namespace plumbline::measure {

struct SyntheticParameters {
  double flops_per_s = 8e14;  ///< F of bf16; fp8 runs at twice, fp32 at a sixteenth of it
  double bytes_per_s = 3e12;  ///< B
  double t0_s = 3.6e-6;
  double p = 2.7;  ///< t = t0 + ((flops/F)^p + (bytes/B)^p)^(1/p)
  double streaming_bytes_per_s = 2.6e12;
  double kernel_latency_s = 2.5e-6;
  double host_bytes_per_s = 5e10;
  double host_latency_s = 8e-6;
  double sustained = 0.85;          ///< rate of a sustained site over the burst rate
  double noise = 0.01;              ///< standard deviation of log(time), per window
  double outliers = 0.02;           ///< share of windows that take 1.3 times as long
  double seconds_per_site = 0.012;  ///< warm-up, capture and allocation
  std::uint64_t seed = 1;
};

/// The time of one call without noise. @throws Unsupported for peers and collectives
double synthetic_seconds(const SyntheticParameters& parameters, const Site& site);

/// Its clock is virtual: a session of minutes takes milliseconds.
class SyntheticDevice : public MeasuredDevice {
 public:
  explicit SyntheticDevice(SyntheticParameters parameters = {}) : parameters_(parameters) {}
  DeviceFacts facts() const override;
  std::unique_ptr<Workload> open(const Site& site) override;
  double now_s() const override { return now_s_; }

 private:
  friend class SyntheticWorkload;
  SyntheticParameters parameters_;
  double now_s_ = 0;
};

}  // namespace plumbline::measure
