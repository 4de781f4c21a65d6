// What a session keeps, beside what prepare keeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "sim/kernels/kernel_times.h"
#include "sim/lowering/reprice.h"

namespace plumbline {

/// The kernel tables that were asked for last.
class KernelMemo {
 public:
  const KernelTimes& of(const Cluster& cluster);
  std::int64_t read() const { return read_; }

 private:
  struct Entry {
    DeviceSpec device;
    LinkSpec intra_node, inter_node;
    std::optional<double> power_limit_w;
    KernelTimes kernels;
  };
  static constexpr std::size_t kMost = 16;
  std::vector<Entry> recent_;  // the latest first
  std::int64_t read_ = 0;
};

/// The task graphs that were used last.
class StepMemo {
 public:
  /// What lower_training gives with folded transfers.  A graph is kept from the second time on that
  /// its schedule is seen; the reference holds until the next call.
  LoweredStep& lower(const std::shared_ptr<const Schedule>& schedule, const TrainingCosts& costs);
  std::int64_t lowered() const { return lowered_; }
  std::int64_t repriced() const { return repriced_; }

 private:
  struct Entry {
    std::shared_ptr<const Schedule> schedule;
    LoweredStep step;
    StepPricing pricing;
  };
  /// @returns whether the schedule was seen before
  bool see(const std::shared_ptr<const Schedule>& schedule);
  void forget_oldest();

  static constexpr std::size_t kMost = 16;
  static constexpr std::size_t kMostTasks = 2'000'000;
  std::vector<Entry> recent_;                          // the latest first
  std::vector<std::shared_ptr<const Schedule>> seen_;  // likewise
  LoweredStep latest_;
  std::int64_t lowered_ = 0, repriced_ = 0;
};

}  // namespace plumbline
