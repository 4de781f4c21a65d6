#include "sim/run/run_serving.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "sim/run/serving_memo.h"
#include "sim/run/session.h"
#include "sim/serving/serving_plan.h"

namespace plumbline {
namespace {

void append(std::vector<std::string>& to, const std::vector<std::string>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

/// Of the stages' busy time.
OutsideCalibration outside_calibration(const ServingResult& serving) {
  OutsideCalibration out;
  double busy = 0;
  for (std::size_t part = 0; part < kStepParts; ++part) {
    busy += serving.busy_parts_s[part];
    out.share_of_time += serving.outside_parts_s[part];
    if (serving.outside_parts_s[part] > 0) out.operations.emplace_back(kStepPartNames[part]);
  }
  out.share_of_time = busy > 0 ? out.share_of_time / busy : 0;
  return out;
}

}  // namespace

CacheTransfer cache_transfer(const Cluster& cluster, const ParallelPlan& plan,
                             const KvCapacity& kv) {
  const bool inside = plan.gpus() <= cluster.gpus_per_nvlink_domain;
  const LinkSpec& link = inside ? cluster.intra_node : cluster.inter_node;
  double bandwidth = link.p2p_bandwidth.value.base();
  if (!inside) {
    bandwidth *= std::min(1.0, static_cast<double>(cluster.nics_per_node) / cluster.gpus_per_node);
  }
  return {link.p2p_latency.value, Seconds(kv.bytes_per_token_per_gpu / bandwidth)};
}

PreparedServing prepare_serving(const Scenario& scenario, const HardwareScale& scale) {
  return prepare_serving(scenario, KernelTimes(scenario.cluster, scale));
}

PreparedServing prepare_serving(const Scenario& scenario, const KernelTimes& kernels,
                                ServingMemo* memo) {
  ParallelPlan plan =
      make_serving_plan(scenario.model, scenario.cluster, scenario.parallelism, *scenario.serving);
  PricedServing priced = memo == nullptr ? price_serving(scenario, plan, kernels)
                                         : memo->price(scenario, plan, kernels);
  return {scenario, std::move(plan), std::move(priced.resources), std::move(priced.prices),
          priced.transfer};
}

ServedRun run_serving(const PreparedServing& prepared, const ServeOptions& options) {
  const auto began = std::chrono::steady_clock::now();
  const Scenario& scenario = prepared.scenario;
  ServedRun run;
  Result& result = run.result;
  result.scenario = scenario.name;
  append(result.assumptions, scenario.assumptions);
  append(result.assumptions, prepared.resources.assumptions);
  const int gpus = prepared.plan.tensor * prepared.plan.pipeline;
  if (prepared.prices) {
    const ServingSetup setup{.options = *scenario.serving,
                             .resources = prepared.resources,
                             .prices = *prepared.prices,
                             .pipeline = prepared.plan.pipeline,
                             .replicas = prepared.plan.data,
                             .gpus_per_replica = gpus,
                             .transfer = prepared.transfer,
                             .seed = scenario.seed,
                             .keep_spans = options.keep_spans};
    ServingRun served =
        simulate_serving(setup, make_traffic(scenario.serving->requests, scenario.seed));
    run.serving = std::move(served.result);
    run.requests = std::move(served.requests);
    run.spans = std::move(served.spans);
  } else {
    run.serving.kv = prepared.resources.kv;
    run.serving.stage_memory = prepared.resources.stages;
    run.serving.gpus = prepared.plan.gpus();
    run.serving.replicas = prepared.plan.data;
    run.serving.why_not = prepared.resources.why_not;
    nothing_served(run.serving);
  }
  ServingResult& serving = run.serving;
  result.outside_calibration = outside_calibration(serving);
  result.fits = serving.why_not.empty();
  if (result.fits && scenario.usd_per_gpu_hour) {
    serving.usd_per_million_output_tokens =
        *scenario.usd_per_gpu_hour * serving.gpu_seconds_per_million_output_tokens / 3600;
  }
  const double limit_w =
      scenario.cluster.power_limit_w.value_or(scenario.cluster.device.power_limit_w);
  if (result.fits && limit_w > 0) {
    serving.kwh_per_million_output_tokens_at_power_limit =
        limit_w * serving.gpu_seconds_per_million_output_tokens / 3.6e6;
  }
  result.engine.tasks = serving.steps * prepared.plan.pipeline;
  result.engine.executor = "serving_loop";
  result.engine.reason = "batches are formed while time passes";
  result.engine.wall_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return run;
}

ServedRun serve(const Scenario& scenario, const ServeOptions& options) {
  return SimulationSession().serve(scenario, options);
}

}  // namespace plumbline
