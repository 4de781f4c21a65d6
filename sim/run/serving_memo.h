// What scenarios that serve leave for the next: prices of steps and what fits, which depend on
// everything but the traffic, the objectives and the router.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/kernels/kernel_times.h"
#include "sim/plan/parallel_plan.h"
#include "sim/scenario/scenario.h"
#include "sim/serving/simulate_serving.h"

namespace plumbline {

/// What one replica costs and holds.
struct PricedServing {
  ServingResources resources;
  std::shared_ptr<const StepPrices> prices;  ///< null where the model does not fit
  CacheTransfer transfer;                    ///< where prefill and decode are apart
};

/// @throws InputError when something has no price
PricedServing price_serving(const Scenario& scenario, const ParallelPlan& plan,
                            const KernelTimes& kernels);

/// The prices that were asked for last.
class ServingMemo {
 public:
  /// What price_serving gives.
  PricedServing price(const Scenario& scenario, const ParallelPlan& plan,
                      const KernelTimes& kernels);
  std::int64_t priced() const { return priced_; }

 private:
  struct Entry {
    ModelSpec model;
    Cluster cluster;
    ParallelPlan plan;
    ServingOptions options;
    KernelTimes kernels;
    PricedServing priced;
  };
  static constexpr std::size_t kMost = 16;
  std::vector<Entry> recent_;  // the latest first
  std::int64_t priced_ = 0;
};

}  // namespace plumbline
