// A session's raw file as a device: the same windows come again, in the order they were taken.
#pragma once

#include <map>

#include "calibration/measure/device.h"
#include "calibration/measure/session.h"

namespace plumbline::measure {

/// Every site that was recorded is supported; a site asked for again gives its next attempt, and
/// after the last window of an attempt its windows start over. The clock is virtual.
class RecordedDevice : public MeasuredDevice {
 public:
  RecordedDevice(DeviceFacts facts, const std::vector<Measurement>& measurements);
  DeviceFacts facts() const override { return facts_; }
  std::unique_ptr<Workload> open(const Site& site) override;
  double now_s() const override { return now_s_; }

 private:
  friend class RecordedWorkload;
  DeviceFacts facts_;
  std::map<std::string, std::vector<Measurement>> attempts_;
  std::map<std::string, std::size_t> opened_;
  double now_s_ = 0;
};

}  // namespace plumbline::measure
