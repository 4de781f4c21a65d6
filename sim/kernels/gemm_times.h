// Matrix products: a measured shape verbatim, else the fitted form corrected by its neighbours.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sim/cluster/device.h"
#include "sim/kernels/kernel_times.h"
#include "sim/kernels/residual_table.h"

namespace plumbline {

class GemmTimes {
 public:
  explicit GemmTimes(const DeviceSpec& device);

  /// The products of a device that differs from this one's in its sustained rates alone; shares the
  /// samples.
  GemmTimes at_rates_of(const DeviceSpec& device) const { return {device, samples_}; }

  KernelPrice price(const GemmQuery& query) const;

  /// What pricing products of `dtype` assumes, for the result.
  std::vector<std::string> notes(std::string_view dtype) const;

 private:
  /// How one dtype is priced.
  struct Model {
    GemmFit fit;
    double clock = 1.0;  ///< sustained over burst
    const ResidualTable* residuals = nullptr;
    bool own_samples = false;  ///< residuals of this dtype on this device
    std::string stand_in;      ///< the dtype whose form prices it, or empty
    std::string clock_source;  ///< where `clock` comes from when it was not measured
  };

  /// Residuals by dtype, and which of them are of another device.
  struct Samples {
    explicit Samples(const DeviceSpec& device);
    std::map<std::string, ResidualTable> tables;
    std::set<std::string> inherited;
  };

  GemmTimes(const DeviceSpec& device, std::shared_ptr<const Samples> samples);
  const Model& model(std::string_view dtype) const;

  std::string device_name_;
  std::shared_ptr<const Samples> samples_;
  std::map<std::string, Model, std::less<>> models_;
  double layout_nn_ = 1.0, layout_nt_ = 1.0;
  double accumulate_bytes_ = 0.0;
  BytesPerSecond streaming_;
};

}  // namespace plumbline
