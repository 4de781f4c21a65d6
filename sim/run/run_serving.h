// A serving scenario -> Result: plan, prices, capacity, traffic, answer.
#pragma once

#include <memory>
#include <vector>

#include "sim/kernels/kernel_times.h"
#include "sim/measure/result.h"
#include "sim/plan/parallel_plan.h"
#include "sim/scenario/scenario.h"
#include "sim/serving/simulate_serving.h"

namespace plumbline {

class ServingMemo;

/// Everything but the traffic, so that a search over the rate makes it once.
struct PreparedServing {
  Scenario scenario;  ///< `serving` is set
  ParallelPlan plan;
  ServingResources resources;
  std::shared_ptr<const StepPrices> prices;  ///< null where the model does not fit
  CacheTransfer transfer;
};

/// @param memo  nullptr: everything is made anew; the answer is the same
/// @throws InputError when the plan is impossible or something has no price
PreparedServing prepare_serving(const Scenario& scenario, const KernelTimes& kernels,
                                ServingMemo* memo = nullptr);
PreparedServing prepare_serving(const Scenario& scenario, const HardwareScale& scale = {});

/// The answer of a serving scenario: what it shares with training (name, fits, assumptions, engine)
/// in `result`, whose training block is empty, and its own.
struct ServedRun {
  Result result;
  ServingResult serving;
  std::vector<Request> requests;              ///< in order of arrival
  std::vector<std::vector<StageSpan>> spans;  ///< [replica] what every stage ran, where kept
};

struct ServeOptions {
  bool keep_spans = false;  ///< a trace of every stage needs them
  HardwareScale scale;
};

/// @throws InputError when a trace cannot be read
ServedRun run_serving(const PreparedServing& prepared, const ServeOptions& options = {});

/// One scenario by itself. REQUIRES: scenario.serving
/// @throws InputError when plan or prices are impossible, located in the scenario
ServedRun serve(const Scenario& scenario, const ServeOptions& options = {});

/// How a prompt's cache gets from one replica to another: every GPU sends what its stage holds, all
/// at once, over the link that the two replicas have between them.
CacheTransfer cache_transfer(const Cluster& cluster, const ParallelPlan& plan,
                             const KvCapacity& kv);

}  // namespace plumbline
