// Matrix products: a measured shape verbatim, else the fitted form corrected by its neighbours.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/cluster/device.h"
#include "sim/kernels/kernel_times.h"
#include "sim/kernels/residual_table.h"

namespace plumbline {

class GemmTimes {
 public:
  explicit GemmTimes(const DeviceSpec& device);

  KernelPrice price(const GemmQuery& query) const;

  /// What it assumes, for the result.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  /// How one dtype is priced.
  struct Model {
    GemmFit fit;
    double clock = 1.0;  ///< sustained over burst
    const ResidualTable* residuals = nullptr;
    bool own_samples = false;  ///< residuals of this dtype on this device
  };

  const Model& model(std::string_view dtype) const;

  std::string device_name_;
  std::map<std::string, ResidualTable> tables_;
  std::map<std::string, Model, std::less<>> models_;
  double layout_nn_ = 1.0, layout_nt_ = 1.0;
  double accumulate_bytes_ = 0.0;
  BytesPerSecond streaming_;
  std::vector<std::string> notes_;
};

}  // namespace plumbline
