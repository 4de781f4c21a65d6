// Layers that many plans share, priced once: a sweep over stages, schedules or batch sizes prices
// its layers for the first point only.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "sim/cost/layer_cost.h"

namespace plumbline {

/// A layer's price with what of it lay outside the calibrated range.
struct PricedLayer {
  LayerCost cost;
  std::set<std::string> outside_calibration;
};

/// What a layer's price depends on; everything else of plan and training is at its default.
struct LayerSetting {
  ModelSpec model;
  ParallelPlan plan;
  TrainingOptions training;

  friend bool operator==(const LayerSetting&, const LayerSetting&) = default;
};

/// The setting in which layers see `plan` and `training`: without stages, micro-batches and the
/// global batch, and without the data-parallel group where its ranks do not share the weights.
LayerSetting layer_setting(const ModelSpec& model, const ParallelPlan& plan,
                           const TrainingOptions& training);

/// The layers of one setting, each priced when it is first asked for.
class PricedLayers {
 public:
  PricedLayers(LayerSetting setting, KernelTimes kernels)
      : setting_(std::move(setting)), kernels_(std::move(kernels)) {}

  const PricedLayer& layer(std::int64_t index, bool recomputed);
  const PricedLayer& embedding();
  const PricedLayer& head();

  bool is_of(const LayerSetting& setting, const KernelTimes& kernels) const {
    return kernels_.same_as(kernels) && setting_ == setting;
  }

 private:
  template <typename Price>
  PricedLayer price(Price&& of) const;

  LayerSetting setting_;
  KernelTimes kernels_;
  std::map<std::tuple<bool, bool, bool>, PricedLayer> layers_;  // by (moe, windowed, recomputed)
  std::optional<PricedLayer> embedding_, head_;
};

/// The settings that were asked for last.
class LayerPriceMemo {
 public:
  /// The layers of a setting; the reference holds until the next call.
  PricedLayers& of(const LayerSetting& setting, const KernelTimes& kernels);
  std::int64_t settings_priced() const { return priced_; }

 private:
  static constexpr std::size_t kMost = 16;
  std::vector<std::unique_ptr<PricedLayers>> recent_;  // the latest first
  std::int64_t priced_ = 0;
};

}  // namespace plumbline
