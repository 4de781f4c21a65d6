// Prices of the pieces that stages are made of, each worked out once for all plans that share it.
//
// A stage costs what its layers, its embedding and its head cost; those depend on the model, the
// GPU, the groups inside a stage, the micro-batch and recomputation, not on how many stages there
// are or which schedule runs them.
#pragma once

#include <map>
#include <vector>

#include "sim/cost/stage_costs.h"
#include "sim/kernels/kernel_times.h"
#include "sim/scenario/scenario.h"

namespace plumbline {

/// Of one micro-batch.
struct LayerPrices {
  /// A layer of each kind, recomputed as the plan says; see kind_of.
  std::array<StageCost, 4> layer;
  std::array<StageCost, 4> last_layer;  ///< the same in the stage with the head
  StageCost embedding, head;
};

class PriceBook {
 public:
  explicit PriceBook(const KernelTimes& kernels) : kernels_(kernels) {}

  /// @param scenario  whose model, cluster, parallelism and training `plan` was made from
  const LayerPrices& prices(const Scenario& scenario, const ParallelPlan& plan);

 private:
  KernelTimes kernels_;
  std::map<std::vector<std::int64_t>, LayerPrices> known_;
};

/// Costs of the plan's stages, put together from pieces: the same as price_training's up to
/// rounding.
std::vector<StageCost> stage_costs(const LayerPrices& prices, const ModelSpec& model,
                                   const std::vector<StageLayers>& stages);

/// What LayerSplit::kBalanced weighs layers with.
LayerWeights layer_weights(const LayerPrices& prices, const ModelSpec& model);

}  // namespace plumbline
