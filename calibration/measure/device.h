// What a session measures on: a GPU, a synthetic device with known parameters, or a recorded file.
#pragma once

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "calibration/measure/site.h"

namespace plumbline::measure {

/// What provenance records, and the physical bounds that a time is held against. 0: not known.
struct DeviceFacts {
  std::string name;    ///< "NVIDIA H100 80GB HBM3"
  std::string uuid;    ///< "GPU-..."; a session is resumed on the same one only
  std::string driver;  ///< version
  std::vector<std::pair<std::string, std::string>> libraries;  ///< name and version
  int multiprocessors = 0;
  int compute_capability = 0;  ///< 90 for 9.0
  double memory_bytes = 0;
  double l2_bytes = 0;
  double max_sm_mhz = 0;
  double power_limit_w = 0;
  double peak_bytes_per_s = 0;
  std::map<std::string, double> peak_flops;  ///< by dtype, at the highest clock
  int gpus = 1;                              ///< that this process sees
};

/// One timing of many calls.
struct Window {
  double seconds = 0;  ///< of one call
  double busy_s = 0;   ///< of the whole window
  double sm_mhz = 0;   ///< probed on the device right after it; 0: not probed
  double power_w = 0;
};

/// A site made ready: buffers filled, graph built, warmed up.
class Workload {
 public:
  virtual ~Workload() = default;
  virtual Window run() = 0;
};

/// The device, its libraries or this program have no such operation: the site is left out, and why.
class Unsupported : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class MeasuredDevice {
 public:
  virtual ~MeasuredDevice() = default;
  virtual DeviceFacts facts() const = 0;
  /// @throws Unsupported
  virtual std::unique_ptr<Workload> open(const Site& site) = 0;
  /// Monotone, from any origin: what budgets are counted in.
  virtual double now_s() const = 0;
};

}  // namespace plumbline::measure
