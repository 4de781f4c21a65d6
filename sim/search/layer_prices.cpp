#include "sim/search/layer_prices.h"

#include <array>
#include <cmath>
#include <optional>

namespace plumbline {
namespace {

StageCost difference(StageCost whole, const StageCost& part) {
  whole.add(part, -1.0);
  return whole;
}

// Everything of a plan that the price of a layer depends on.
std::vector<std::int64_t> key_of(const Scenario& scenario, const ParallelPlan& plan) {
  const TrainingOptions& training = scenario.training;
  std::vector<std::int64_t> key{plan.tensor,
                                plan.context,
                                plan.expert,
                                plan.expert_tensor,
                                plan.sequence_parallel,
                                plan.zero_stage >= 3,
                                plan.tensor_group.ranks_per_node,
                                plan.context_group.ranks_per_node,
                                plan.expert_group.ranks_per_node,
                                training.micro_batch_size,
                                static_cast<int>(training.recompute),
                                training.recompute_layers_per_stage.value_or(0),
                                std::llround(1e6 * plan.nics_per_gpu)};
  if (plan.zero_stage >= 3) {
    key.insert(key.end(), {plan.data_context_group.ranks, plan.data_context_group.ranks_per_node});
    key.insert(key.end(), {plan.expert_data_group.ranks, plan.expert_data_group.ranks_per_node});
  }
  return key;
}

/// Layers of one kind cost the same: a mixture of experts or not, windowed or not.
std::size_t kind_of(const ModelSpec& model, int layer) {
  return (model.is_moe_layer(layer) ? 1 : 0) + (model.is_windowed_layer(layer) ? 2 : 0);
}

LayerPrices price(const Scenario& scenario, const ParallelPlan& plan, const KernelTimes& kernels) {
  ParallelPlan pieces = plan;
  pieces.stages = {{0, 0, true, false}, {0, 0, false, true}};
  std::array<int, 4> layer_of_kind;
  layer_of_kind.fill(-1);
  for (int layer = static_cast<int>(scenario.model.layers); layer-- > 0;) {
    layer_of_kind[kind_of(scenario.model, layer)] = layer;
  }
  for (const int layer : layer_of_kind) {
    if (layer < 0) continue;
    pieces.stages.push_back({layer, layer + 1, false, false});
    pieces.stages.push_back({layer, layer + 1, false, true});
  }
  pieces.stage_rank = {std::vector<int>(pieces.stages.size(), 0)};
  const TrainingCosts costs =
      price_training(scenario.model, scenario.cluster, pieces, scenario.training, kernels);
  LayerPrices prices;
  prices.embedding = costs.stages[0];
  prices.head = costs.stages[1];
  std::size_t next = 2;
  for (std::size_t kind = 0; kind < layer_of_kind.size(); ++kind) {
    if (layer_of_kind[kind] < 0) continue;
    prices.layer[kind] = costs.stages[next];
    prices.last_layer[kind] = difference(costs.stages[next + 1], prices.head);
    next += 2;
  }
  return prices;
}

}  // namespace

const LayerPrices& PriceBook::prices(const Scenario& scenario, const ParallelPlan& plan) {
  std::vector<std::int64_t> key = key_of(scenario, plan);
  const auto found = known_.find(key);
  if (found != known_.end()) return found->second;
  return known_.emplace(std::move(key), price(scenario, plan, kernels_)).first->second;
}

std::vector<StageCost> stage_costs(const LayerPrices& prices, const ModelSpec& model,
                                   const std::vector<StageLayers>& stages) {
  std::vector<StageCost> costs;
  costs.reserve(stages.size());
  for (const StageLayers& stage : stages) {
    StageCost cost;
    std::array<int, 4> layers{};
    if (model.moe || model.sliding_window) {
      for (int layer = stage.first_layer; layer < stage.end_layer; ++layer) {
        ++layers[kind_of(model, layer)];
      }
    } else {
      layers[0] = stage.layers();
    }
    const auto& price = stage.head ? prices.last_layer : prices.layer;
    for (std::size_t kind = 0; kind < layers.size(); ++kind) {
      if (layers[kind] > 0) cost.add(price[kind], layers[kind]);
    }
    if (stage.embedding) cost.add(prices.embedding, 1.0);
    if (stage.head) cost.add(prices.head, 1.0);
    costs.push_back(cost);
  }
  return costs;
}

LayerWeights layer_weights(const LayerPrices& prices, const ModelSpec& model) {
  const auto both = [](const StageCost& cost) {
    return (cost.forward.total() + cost.backward.total()).base();
  };
  LayerWeights weights;
  for (int layer = 0; layer < model.layers; ++layer) {
    weights.layer.push_back(both(prices.layer[kind_of(model, layer)]));
  }
  weights.embedding = both(prices.embedding);
  weights.head = both(prices.head);
  return weights;
}

}  // namespace plumbline
