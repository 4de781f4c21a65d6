// What one layer costs, forward and backward, with the part of each collective that stays exposed.
#pragma once

#include <set>
#include <string>

#include "models/layer_work.h"
#include "sim/cost/stage_costs.h"

namespace plumbline {

/// Exposed time of one layer (or of the embedding, or of the head).
struct LayerCost : StageCost {
  Seconds extrapolated;  ///< busy time of F + B that was priced outside what was measured
  KernelMix products, attention;
};

/// Prices layers of one model under one plan.  Keeps what it priced outside the calibrated range.
class LayerPricer {
 public:
  LayerPricer(const ModelSpec& model, const ParallelPlan& plan, const TrainingOptions& training,
              const KernelTimes& kernels);

  /// @param recomputed  whether this layer's forward is repeated in the backward (full recompute)
  LayerCost layer(std::int64_t index, bool recomputed);
  LayerCost embedding();
  LayerCost head();

  const LayerSharding& sharding() const { return sharding_; }
  const KernelChoices& choices() const { return choices_; }
  /// Of the linear layers' products: "bf16", "fp8", ...
  const std::string& linear_dtype() const { return linear_dtype_; }
  /// Bytes of an activation element over two (fp32 runs move twice the bytes).
  double element_scale() const { return element_scale_; }
  const std::set<std::string>& outside_calibration() const { return outside_; }
  CollectiveQuery tensor_query(Collective op, double bytes) const;

 private:
  struct Block;
  Seconds price(const Work& work, bool backward, bool weight_gradient, Seconds& extrapolated);
  Seconds sum(const std::vector<Work>& works, bool backward, bool weight_gradient,
              Seconds& extrapolated);
  Seconds gemm_at(const Work& work, double rows_share, GemmLayout layout);
  Seconds collective(const CollectiveQuery& query, Seconds& extrapolated);
  /// Compute of F, I, W and B; `accumulation` belongs to the weight gradient.
  void arithmetic(const LayerWork& work, Seconds accumulation, LayerCost& cost);
  Seconds recomputed_work(const LayerWork& work, bool whole_layer, bool moe_layer,
                          Seconds& extrapolated);
  void tensor_comm(const LayerWork& work, LayerCost& cost, Seconds& extrapolated);
  void context_comm(const LayerWork& work, LayerCost& cost, Seconds& extrapolated);
  void expert_comm(const LayerWork& work, LayerCost& cost, Seconds& extrapolated);
  void sharded_parameters(const LayerWork& work, LayerCost& cost, Seconds& extrapolated);
  void host_floor(LayerCost& cost) const;

  const ModelSpec& model_;
  const ParallelPlan& plan_;
  const TrainingOptions& training_;
  const KernelTimes& kernels_;
  LayerSharding sharding_;
  KernelChoices choices_;
  std::string linear_dtype_;
  std::string attention_dtype_;
  double element_scale_ = 1.0;
  std::set<std::string> outside_;
  KernelMix products_, attention_;  ///< priced since they were cleared
};

}  // namespace plumbline
