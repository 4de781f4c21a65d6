// Prices and memory of a served model, from its dimensions and the cluster's calibrated kernels.
#pragma once

#include <memory>

#include "sim/serving/step.h"

namespace plumbline {

struct Cluster;
class KernelTimes;
struct ModelSpec;
struct ParallelPlan;
struct ServingOptions;

/// Everything that one replica's prices and memory depend on. The references must outlive the call,
/// not the result.
struct ServedModel {
  const ModelSpec& model;
  const Cluster& cluster;
  const ParallelPlan& plan;  ///< stages hold the layer split
  const ServingOptions& options;
  const KernelTimes& kernels;
};

/// @throws InputError when something has no price
std::unique_ptr<StepPrices> make_step_prices(const ServedModel& served);

/// @throws InputError when the options contradict the model
ServingResources serving_resources(const ServedModel& served);

}  // namespace plumbline
