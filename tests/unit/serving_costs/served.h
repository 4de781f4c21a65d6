// A served model in the making, for tests of prices.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "models/model_reader.h"
#include "sim/cluster/read_profile.h"
#include "sim/kernels/kernel_times.h"
#include "sim/plan/parallel_plan.h"
#include "sim/plan/serving_options.h"
#include "sim/serving/step_prices.h"
#include "sim/serving/weights.h"

namespace plumbline::test {

inline constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
inline const std::string kRoot = PLUMBLINE_SOURCE_DIR;

/// A model on one kind of GPU, layers spread evenly over the stages.
struct Served {
  ModelSpec model;
  Cluster cluster;
  ParallelPlan plan;
  ServingOptions options;
  std::shared_ptr<KernelTimes> kernels;

  Served(const char* name, const char* gpu, const char* link, int tensor = 1, int pipeline = 1)
      : model(find_model(kRoot + "/models", name)) {
    cluster.device = read_device(kRoot + "/hardware_profiles/" + gpu + ".yaml");
    cluster.intra_node = read_link(kRoot + "/hardware_profiles/" + link + ".yaml");
    cluster.inter_node = read_link(kRoot + "/hardware_profiles/ib_ndr400.yaml");
    kernels = std::make_shared<KernelTimes>(cluster);
    spread(tensor, pipeline);
  }
  void spread(int tensor, int pipeline) {
    plan.tensor = tensor;
    plan.pipeline = pipeline;
    plan.stages.clear();
    const int each = static_cast<int>(model.layers) / pipeline;
    int spare = static_cast<int>(model.layers) % pipeline;
    for (int s = 0, first = 0; s < pipeline; ++s) {
      const int end = first + each + (spare-- > 0 ? 1 : 0);
      plan.stages.push_back({first, end, s == 0, s == pipeline - 1});
      first = end;
    }
    plan.hop_inside_node.assign(static_cast<std::size_t>(pipeline), true);
    plan.tensor_group = {tensor, std::min(tensor, 8)};
  }
  ServedModel view() const { return {model, cluster, plan, options, *kernels}; }
  double weights() const {
    double sum = 0;
    for (const StageLayers& stage : plan.stages) {
      sum += plan.tensor * stage_weights(model, plan, stage, options.precision).total();
    }
    return sum;
  }
};

inline StepWork decodes(int count, std::int64_t context) {
  StepWork work;
  for (int i = 0; i < count; ++i) work.add_decode(context);
  work.emitting = count;
  return work;
}

}  // namespace plumbline::test
