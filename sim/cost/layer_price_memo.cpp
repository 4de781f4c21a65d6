#include "sim/cost/layer_price_memo.h"

#include <algorithm>

namespace plumbline {

LayerSetting layer_setting(const ModelSpec& model, const ParallelPlan& plan,
                           const TrainingOptions& training) {
  LayerSetting setting{model, {}, training};
  ParallelPlan& seen = setting.plan;
  seen.tensor = plan.tensor;
  seen.context = plan.context;
  seen.expert = plan.expert;
  seen.expert_tensor = plan.expert_tensor;
  seen.sequence_parallel = plan.sequence_parallel;
  seen.zero_stage = plan.zero_stage;
  seen.ulysses = plan.ulysses;
  seen.tensor_group = plan.tensor_group;
  seen.context_group = plan.context_group;
  seen.expert_group = plan.expert_group;
  seen.expert_tensor_group = plan.expert_tensor_group;
  seen.nics_per_gpu = plan.nics_per_gpu;
  if (plan.zero_stage >= 3) {
    seen.data_context_group = plan.data_context_group;
    seen.expert_data_group = plan.expert_data_group;
  }
  setting.training.global_batch_size = TrainingOptions{}.global_batch_size;
  setting.training.recompute_layers_per_stage.reset();
  return setting;
}

template <typename Price>
PricedLayer PricedLayers::price(Price&& of) const {
  LayerPricer pricer(setting_.model, setting_.plan, setting_.training, kernels_);
  PricedLayer priced{of(pricer), {}};
  priced.outside_calibration = pricer.outside_calibration();
  return priced;
}

const PricedLayer& PricedLayers::layer(std::int64_t index, bool recomputed) {
  const auto kind = std::tuple(setting_.model.is_moe_layer(index),
                               setting_.model.is_windowed_layer(index), recomputed);
  const auto found = layers_.find(kind);
  if (found != layers_.end()) return found->second;
  return layers_
      .emplace(kind, price([&](LayerPricer& pricer) { return pricer.layer(index, recomputed); }))
      .first->second;
}

const PricedLayer& PricedLayers::embedding() {
  if (!embedding_) embedding_ = price([](LayerPricer& pricer) { return pricer.embedding(); });
  return *embedding_;
}

const PricedLayer& PricedLayers::head() {
  if (!head_) head_ = price([](LayerPricer& pricer) { return pricer.head(); });
  return *head_;
}

PricedLayers& LayerPriceMemo::of(const LayerSetting& setting, const KernelTimes& kernels) {
  const auto found = std::ranges::find_if(
      recent_, [&](const auto& layers) { return layers->is_of(setting, kernels); });
  if (found != recent_.end()) {
    std::rotate(recent_.begin(), found, found + 1);
    return *recent_.front();
  }
  if (recent_.size() == kMost) recent_.pop_back();
  recent_.insert(recent_.begin(), std::make_unique<PricedLayers>(setting, kernels));
  ++priced_;
  return *recent_.front();
}

}  // namespace plumbline
