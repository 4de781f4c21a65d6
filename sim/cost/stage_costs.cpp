// Stages are sums of layers; layers of one kind are priced once.
//
// Example: stage 0 of GPT-3 175B over 8 stages is the embedding and 12 times the dense layer;
// stage 7 is 12 layers, the final norm, the vocabulary head and the loss.

#include "sim/cost/stage_costs.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "models/flops.h"
#include "sim/cost/data_parallel.h"
#include "sim/cost/layer_cost.h"
#include "sim/cost/layer_price_memo.h"

namespace plumbline {
namespace {

// How many of a stage's layers run their forward again.
int recomputed_layers(const TrainingOptions& training, const StageLayers& stage) {
  if (training.recompute != Recompute::kFull) return 0;
  if (stage.head && !training.software.recompute_last_stage) return 0;
  return std::min(stage.layers(), training.recompute_layers_per_stage.value_or(stage.layers()));
}

HopCost hop_cost(const ModelSpec& model, const Cluster& cluster, const ParallelPlan& plan,
                 const TrainingOptions& training, const KernelTimes& kernels, int from, int to) {
  HopCost hop;
  const std::vector<int>& rank = plan.stage_rank.front();
  hop.same_node = hop_inside_node(plan, rank[static_cast<std::size_t>(from)],
                                  rank[static_cast<std::size_t>(to)]);
  const double element = training.precision == Precision::kFp32 ? 4.0 : 2.0;
  const double whole = element * static_cast<double>(training.micro_batch_size) *
                       static_cast<double>(training.sequence_length) / plan.context *
                       static_cast<double>(model.hidden);
  const bool split_already = plan.sequence_parallel && plan.tensor > 1;
  const bool scatter =
      !split_already && training.software.pipeline_scatter_gather && plan.tensor > 1;
  hop.bytes = Bytes(split_already || scatter ? whole / plan.tensor : whole);
  // All GPUs of a node send at once.  One sender reaches its point-to-point rate; senders that
  // share a NIC fill it as a collective does and get their share of that.
  double slowed = 1.0;
  const BytesPerSecond alone = cluster.inter_node.p2p_bandwidth.value;
  const BytesPerSecond line = cluster.inter_node.collective_bandwidth.value;
  if (!hop.same_node && alone > BytesPerSecond(0) && line > BytesPerSecond(0)) {
    const double nics_per_gpu = static_cast<double>(cluster.nics_per_node) / cluster.gpus_per_node;
    slowed = std::max(1.0, alone / (std::min(1.0, nics_per_gpu) * line));
  }
  hop.latency = kernels.send_recv(slowed * hop.bytes, hop.same_node).sustained;
  if (scatter) {
    CollectiveQuery gather;
    gather.op = Collective::kAllGather;
    gather.bytes = Bytes(whole);
    gather.ranks = plan.tensor_group.ranks;
    gather.ranks_per_node = plan.tensor_group.ranks_per_node;
    hop.latency += kernels.collective(gather).sustained;
  }
  return hop;
}

}  // namespace

TrainingCosts price_training(const ModelSpec& model, const Cluster& cluster,
                             const ParallelPlan& plan, const TrainingOptions& training,
                             const KernelTimes& kernels, LayerPriceMemo* memo) {
  TrainingCosts costs;
  LayerPriceMemo none;
  PricedLayers& priced =
      (memo != nullptr ? *memo : none).of(layer_setting(model, plan, training), kernels);
  std::set<std::string> outside;
  const PricedLayer* last = nullptr;                     // whose names are in `outside` already
  std::vector<std::pair<const PricedLayer*, int>> used;  // in the order of their first use
  const auto take = [&](StageCost& cost, const PricedLayer& layer, Seconds& extrapolated) {
    cost.add(layer.cost);
    extrapolated += layer.cost.extrapolated;
    if (&layer == last) {
      ++used.back().second;
      return;
    }
    outside.insert(layer.outside_calibration.begin(), layer.outside_calibration.end());
    last = &layer;
    used.emplace_back(&layer, 1);
  };

  const int num_stages = static_cast<int>(plan.stages.size());
  Seconds busy, extrapolated;
  for (const StageLayers& stage : plan.stages) {
    StageCost cost;
    const int recomputed = recomputed_layers(training, stage);
    for (int index = stage.first_layer; index < stage.end_layer; ++index) {
      take(cost, priced.layer(index, index - stage.first_layer < recomputed), extrapolated);
    }
    if (stage.embedding) take(cost, priced.embedding(), extrapolated);
    if (stage.head) take(cost, priced.head(), extrapolated);
    busy += cost.forward.total() + cost.backward.total();
    costs.stages.push_back(cost);
  }
  std::map<const PricedLayer*, int> times;
  for (const auto& [layer, count] : used) times[layer] += count;
  for (const auto& [layer, count] : used) {
    // Layers of one kind run the same kernels: counted once, at the place of their first use.
    const auto all = times.extract(layer);
    if (all.empty()) continue;
    costs.products += layer->cost.products.repeated(all.mapped());
    costs.attention += layer->cost.attention.repeated(all.mapped());
  }
  for (int s = 0; s < num_stages; ++s) {
    costs.forward_hop.push_back(
        hop_cost(model, cluster, plan, training, kernels, s, std::min(s + 1, num_stages - 1)));
    costs.backward_hop.push_back(
        hop_cost(model, cluster, plan, training, kernels, s, std::max(s - 1, 0)));
  }
  costs.blocking_hops = training.software.pipeline_transfer == PipelineTransfer::kBlocking;
  const LayerPricer pricer(model, plan, training, kernels);
  costs.optimizer_post_validation = training.optimizer_post_validation;
  price_data_parallel(model, cluster, plan, training, kernels, pricer, costs);

  FlopConvention convention;
  convention.vocab = static_cast<std::int64_t>(padded_vocab(model, plan.tensor));
  costs.model_flops_per_step =
      model_flops(model, training.sequence_length, training.global_batch_size, convention).base();
  const Recomputed recomputed = training.recompute == Recompute::kFull ? Recomputed::kLayers
                                : training.recompute == Recompute::kSelective
                                    ? Recomputed::kCoreAttention
                                    : Recomputed::kNothing;
  std::optional<std::int64_t> layers;
  if (training.recompute_layers_per_stage) {
    layers = 0;
    for (const StageLayers& stage : plan.stages) *layers += recomputed_layers(training, stage);
  }
  costs.hardware_flops_per_step =
      hardware_flops(model, training.sequence_length, training.global_batch_size, recomputed,
                     layers, convention)
          .base();
  if (training.recompute == Recompute::kModules) {
    costs.assumptions.emplace_back("hardware TFLOP/s do not count recomputed modules");
  }

  costs.outside_calibration_share = busy > Seconds(0) ? extrapolated / busy : 0.0;
  costs.outside_calibration.assign(outside.begin(), outside.end());
  for (const std::string& note : kernels.notes()) costs.assumptions.push_back(note);
  for (const std::string& note : kernels.notes(pricer.linear_dtype())) {
    costs.assumptions.push_back(note);
  }
  const SoftwareFacts& facts = training.software;
  if (facts.tensor_overlap == TensorOverlap::kUserBuffers && plan.tensor > 1 &&
      !plan.sequence_parallel) {
    costs.assumptions.emplace_back(
        "tensor_overlap: userbuffers needs sequence_parallel; without it the backward's "
        "all-reduces run under the weight gradients and the forward's are exposed");
  }
  if (model.moe && facts.moe_capacity_factor <= 0 && facts.moe_imbalance == 1.0) {
    costs.assumptions.emplace_back(
        "moe.imbalance: 1.0 (routing assumed balanced; real runs print no figure)");
  }
  if (plan.zero_stage == 2) {
    costs.assumptions.emplace_back("zero_stage 2 is timed like 1: one reduction per step");
  }
  return costs;
}

}  // namespace plumbline
