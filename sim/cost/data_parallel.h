// Gradient reduction, parameter gathering and the optimizer step.
#pragma once

#include "sim/cost/layer_cost.h"
#include "sim/cost/stage_costs.h"

namespace plumbline {

/// Fills `costs.data`, the overlap flags and `costs.optimizer`; stage costs must be there.
void price_data_parallel(const ModelSpec& model, const Cluster& cluster, const ParallelPlan& plan,
                         const TrainingOptions& training, const KernelTimes& kernels,
                         const LayerPricer& pricer, TrainingCosts& costs);

}  // namespace plumbline
