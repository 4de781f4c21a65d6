// A pipeline that somebody timed can be simulated without knowing its model: what remains is what
// the engine makes of it (steps in flight, hand-over, host). That is how the pipeline's laws are
// set beside measured ones, see scenarios/serving_published/pipeline_*.yaml.

#include "sim/serving/stated_prices.h"

#include <vector>

#include "sim/serving/software.h"

namespace plumbline {
namespace {

class StatedPrices final : public StepPrices {
 public:
  explicit StatedPrices(const ServingOptions& options) {
    for (const double ms : options.stage_times_ms) stages_.emplace_back(ms * 1e-3);
    const ServingSoftware& software = serving_software(options.software);
    base_ =
        options.host_us_per_step ? Seconds(*options.host_us_per_step * 1e-6) : software.host_base;
    if (!options.host_us_per_step) per_sequence_ = software.host_per_sequence;
  }
  Seconds stage_time(int stage, const StepWork&) const override {
    return stages_[static_cast<std::size_t>(stage)];
  }
  Seconds hop_time(int, const StepWork&) const override { return {}; }
  Seconds host_time(const StepWork& work) const override {
    const auto chunks = static_cast<std::int64_t>(work.chunks.size());
    return base_ + static_cast<double>(work.decodes + chunks) * per_sequence_;
  }

 private:
  std::vector<Seconds> stages_;
  Seconds base_, per_sequence_;
};

}  // namespace

std::unique_ptr<StepPrices> make_stated_prices(const ServingOptions& options) {
  return std::make_unique<StatedPrices>(options);
}

}  // namespace plumbline
