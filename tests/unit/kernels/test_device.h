// A small device whose constants make closed forms easy.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "sim/cluster/device.h"
#include "sim/kernels/sha256.h"

namespace plumbline {

/// 100 TFLOP/s, 1 TB/s, no latency, a corner at the ridge, sustained at half the clock.
inline DeviceSpec simple_device() {
  DeviceSpec device;
  device.name = "simple";
  device.calibrated = true;
  device.multiprocessors = 100;
  device.kernel_latency = Seconds(2e-6);
  device.memory_bandwidth_peak = BytesPerSecond(1e12);
  device.memory_bandwidth_streaming = {BytesPerSecond(1e12), Provenance::kMeasured, "test"};
  device.peak_flops = {{"bf16", FlopsPerSecond(200e12)}, {"fp8", FlopsPerSecond(400e12)}};
  GemmFit fit;
  fit.flops = FlopsPerSecond(100e12);
  fit.bytes = BytesPerSecond(1e12);
  fit.t0 = Seconds(0);
  fit.p = 32;
  device.gemm["bf16"] = fit;
  device.sustained["bf16"].value = 0.5;
  return device;
}

inline LinkSpec simple_link(const std::string& name, double gigabytes, double latency_us) {
  LinkSpec link;
  link.name = name;
  link.peak = BytesPerSecond(gigabytes * 1e9);
  link.p2p_bandwidth.value = link.peak;
  link.p2p_latency.value = Seconds(latency_us * 1e-6);
  link.collective_bandwidth.value = link.peak;
  link.collective_latency.value = Seconds(latency_us * 1e-6);
  link.bidirectional_slowdown = 1.5;
  return link;
}

/// A folder of sample files that disappears with the test.
class SampleFolder {
 public:
  explicit SampleFolder(const std::string& name)
      : folder_(std::filesystem::temp_directory_path() / ("plumbline_" + name)) {
    std::filesystem::create_directories(folder_);
  }
  ~SampleFolder() { std::filesystem::remove_all(folder_); }

  SampleFile write(const std::string& operation, const std::string& dtype,
                   const std::string& text) const {
    SampleFile file;
    file.operation = operation;
    file.dtype = dtype;
    file.path = (folder_ / (operation + dtype + ".csv")).string();
    file.sha256 = sha256_hex(text);
    std::ofstream(file.path) << text;
    return file;
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace plumbline
