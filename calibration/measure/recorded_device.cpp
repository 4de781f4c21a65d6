#include "calibration/measure/recorded_device.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace plumbline::measure {

class RecordedWorkload : public Workload {
 public:
  RecordedWorkload(RecordedDevice& device, const Measurement& measurement)
      : device_(device), measurement_(measurement) {}

  Window run() override {
    const std::vector<double>& windows = measurement_.windows_s;
    const double seconds = windows[next_++ % windows.size()];
    // The raw file has no window lengths; a session's are 2 ms, or 50 ms where sustained.
    const double length = measurement_.site.regime == "sustained" ? 0.05 : 0.002;
    const double busy = seconds * std::ceil(length / measurement_.median_s());
    device_.now_s_ += busy;
    return {seconds, busy, measurement_.sm_mhz, measurement_.power_w};
  }

 private:
  RecordedDevice& device_;
  const Measurement& measurement_;
  std::size_t next_ = 0;
};

RecordedDevice::RecordedDevice(DeviceFacts facts, const std::vector<Measurement>& measurements)
    : facts_(std::move(facts)) {
  for (const Measurement& m : measurements) attempts_[to_id(m.site)].push_back(m);
}

std::unique_ptr<Workload> RecordedDevice::open(const Site& site) {
  const std::string id = to_id(site);
  const auto found = attempts_.find(id);
  if (found == attempts_.end()) throw Unsupported("was not recorded");
  const std::size_t attempt = std::min(opened_[id]++, found->second.size() - 1);
  return std::make_unique<RecordedWorkload>(*this, found->second[attempt]);
}

}  // namespace plumbline::measure
