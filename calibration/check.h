// Predicted beside measured for kernels, whether a profile has seen them or not.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "calibration/statistics.h"
#include "sim/cluster/device.h"

namespace plumbline {

/// The profile called `name` in `folder`, or the path that `name` is.
/// @throws InputError naming the profiles there are
std::string device_profile_path(const std::string& name, const std::string& folder);

struct OperationCheck {
  ErrorSummary error;
  int extrapolated = 0;  ///< predictions that lie outside what the profile was fitted to
};

struct CalibrateCheckReport {
  std::string gpu;
  int samples = 0;
  std::map<std::string, OperationCheck> by_operation;
  std::vector<std::string> notes;
};

/// Prices every sample of the files on a device with its usual links, in the burst regime: samples
/// are microbenchmarks.
/// @param folder where link profiles lie
/// @throws InputError for files that cannot be read
CalibrateCheckReport calibrate_check(const DeviceSpec& device, const std::string& folder,
                                     const std::vector<std::string>& csv_paths);

/// The same for a GPU's name in `folder` or the path of a profile.
CalibrateCheckReport calibrate_check(const std::string& gpu_or_profile, const std::string& folder,
                                     const std::vector<std::string>& csv_paths);

/// {"gpu": ..., "samples": ..., "by_operation": {...}}, one operation a line.
std::string to_json(const CalibrateCheckReport& report);

/// A table for people.
std::string to_text(const CalibrateCheckReport& report);

}  // namespace plumbline
