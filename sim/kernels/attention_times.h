// Attention: training kernels by their measured rate at a length, serving kernels from tables.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/cluster/device.h"
#include "sim/kernels/csv_table.h"
#include "sim/kernels/kernel_times.h"
#include "sim/kernels/residual_table.h"

namespace plumbline {

class AttentionTimes {
 public:
  explicit AttentionTimes(const DeviceSpec& device);

  /// The attention of a device that differs from this one's in its sustained rates alone; shares
  /// the samples.
  AttentionTimes at_rates_of(const DeviceSpec& device) const;

  KernelPrice prefill(const AttentionQuery& query) const;
  KernelPrice decode(const DecodeQuery& query) const;
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  /// Rates of fused training attention for one mask and head size, by length.
  struct Rates {
    double head_dim = 128;
    bool causal = true;
    std::vector<double> log_length, log_forward, log_backward;  ///< natural logarithms; flop/s
  };

  void read_rates(const CsvTable& csv, double scale);
  const Rates& rates_for(const AttentionQuery& query) const;
  KernelPrice from_rates(const AttentionQuery& query) const;
  KernelPrice from_table(const AttentionQuery& query) const;
  KernelPrice sustained(Seconds burst, Seconds fixed, bool extrapolated) const;

  std::vector<Rates> rates_;
  std::optional<AttentionFit> prefill_fit_, decode_fit_;
  std::shared_ptr<const ResidualTable> prefill_, decode_;
  double backward_rate_ = 1.0;
  double clock_ = 1.0;
  bool own_rates_ = false;
  FlopsPerSecond peak_;
  int multiprocessors_ = 1;
  Bytes l2_;
  Seconds latency_;
  bool calibrated_ = false;
  std::vector<std::string> notes_;
};

}  // namespace plumbline
