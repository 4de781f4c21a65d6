// What every operation of every stage costs: the prices a schedule is replayed with.
#pragma once

#include <string>
#include <vector>

#include "models/model_spec.h"
#include "sim/cluster/device.h"
#include "sim/core/units.h"
#include "sim/kernels/kernel_times.h"
#include "sim/plan/parallel_plan.h"
#include "sim/plan/training_options.h"

namespace plumbline {

/// One operation's exposed time by cause; the sum is how long the rank is busy with it.
struct OpCost {
  Seconds compute;
  Seconds recompute;
  Seconds tensor_comm;
  Seconds context_comm;
  Seconds expert_comm;
  Seconds data_comm;  ///< ZeRO-3: parameters gathered, gradients scattered inside the operation
  Seconds host;
  Seconds products;   ///< of compute and recompute, what matrix products take
  Seconds attention;  ///< likewise fused attention; what is left waits for memory
  Seconds total() const {
    return compute + recompute + tensor_comm + context_comm + expert_comm + data_comm + host;
  }
  /// Adds `times` of another: a layer `times` over, or a share of an operation.
  void add(const OpCost& other, double times = 1.0) {
    compute += times * other.compute;
    recompute += times * other.recompute;
    tensor_comm += times * other.tensor_comm;
    context_comm += times * other.context_comm;
    expert_comm += times * other.expert_comm;
    data_comm += times * other.data_comm;
    host += times * other.host;
    products += times * other.products;
    attention += times * other.attention;
  }
};

/// How a class's time spreads over different kernels: each is priced with an error of its own, and
/// errors of many kernels average out.
struct KernelMix {
  double seconds = 0;  ///< of all kernels
  double squares = 0;  ///< sum over different kernels of their seconds squared
  static KernelMix of(Seconds kernel) { return {kernel.base(), kernel.base() * kernel.base()}; }
  KernelMix& operator+=(const KernelMix& others) {
    seconds += others.seconds;
    squares += others.squares;
    return *this;
  }
  /// The same kernels, each `times` as often.
  KernelMix repeated(double times) const { return {times * seconds, times * times * squares}; }
  /// How many equally long kernels average out as much; 1 of none.
  double effective() const { return squares > 0 ? seconds * seconds / squares : 1; }
};

/// Costs of one global stage for one micro-batch.
struct StageCost {
  OpCost forward;
  OpCost backward;     ///< B: input and weight gradients together
  OpCost input_grad;   ///< I, when the schedule splits the backward
  OpCost weight_grad;  ///< W
  void add(const StageCost& other, double times = 1.0) {
    forward.add(other.forward, times);
    backward.add(other.backward, times);
    input_grad.add(other.input_grad, times);
    weight_grad.add(other.weight_grad, times);
  }
};

/// One direction of a hop between neighbouring stages.
struct HopCost {
  Seconds latency;  ///< from the producer's end to the consumer's possible start
  Bytes bytes;      ///< per GPU and direction
  bool same_node = false;
};

/// Gradient and parameter traffic of one stage, once per step.
struct DataParallelCost {
  Seconds reduce;        ///< gradient reduce-scatter or all-reduce of the stage
  Seconds last_bucket;   ///< what cannot overlap: the bucket that is ready last
  Seconds gather;        ///< parameter all-gather (ZeRO >= 1)
  Seconds first_bucket;  ///< of the gather: what the next forward waits for
};

/// Copies of one stage's activations of one micro-batch to host memory and back.
struct HostCopyCost {
  Seconds offload;  ///< 0 where the stage offloads nothing
  Seconds reload;
};

struct TrainingCosts {
  std::vector<StageCost> stages;       ///< [num_stages]
  std::vector<HopCost> forward_hop;    ///< [num_stages] from stage s to s+1; the last is unused
  std::vector<HopCost> backward_hop;   ///< [num_stages] from stage s to s-1; the first is unused
  bool blocking_hops = false;          ///< sender and receiver wait for the transfer
  std::vector<DataParallelCost> data;  ///< [num_stages]
  bool data_overlap = true;
  bool gather_overlap = true;
  bool optimizer_post_validation = false;  ///< see TrainingOptions
  std::vector<HostCopyCost> host_copy;     ///< [num_stages], or empty: nothing is offloaded
  int reload_ahead = 2;  ///< operations of the rank that a copy back may run beside, before its B
  std::vector<Seconds> optimizer;                ///< [pipeline ranks]
  double outside_calibration_share = 0;          ///< of the busy time
  std::vector<std::string> outside_calibration;  ///< operations priced outside measured ranges
  std::vector<std::string> assumptions;
  KernelMix products, attention;       ///< over the layers of all stages, forward and backward
  double model_flops_per_step = 0;     ///< whole job, Megatron-LM's formula
  double hardware_flops_per_step = 0;  ///< with recomputation
};

class LayerPriceMemo;

/// @param memo  keeps the layers' prices for the next call (sim/cost/layer_price_memo.h); the costs
///              are the same with and without it
TrainingCosts price_training(const ModelSpec& model, const Cluster& cluster,
                             const ParallelPlan& plan, const TrainingOptions& training,
                             const KernelTimes& kernels, LayerPriceMemo* memo = nullptr);

}  // namespace plumbline
