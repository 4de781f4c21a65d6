#include "sim/run/run_serving.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "sim/serving/serving_plan.h"
#include "sim/serving/stated_prices.h"
#include "sim/serving/step_prices.h"

namespace plumbline {
namespace {

void append(std::vector<std::string>& to, const std::vector<std::string>& from) {
  to.insert(to.end(), from.begin(), from.end());
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

PreparedServing prepare_serving(const Scenario& scenario, const KernelTimes& kernels) {
  PreparedServing out{
      scenario,
      make_serving_plan(scenario.model, scenario.cluster, scenario.parallelism, *scenario.serving),
      {},
      nullptr,
      {}};
  const ServedModel served{scenario.model, scenario.cluster, out.plan, *scenario.serving, kernels};
  out.resources = serving_resources(served);
  if (!out.resources.fits) return out;
  if (scenario.serving->stage_times_ms.empty()) {
    out.prices = make_step_prices(served);
  } else {
    out.prices = make_stated_prices(*scenario.serving);
    out.resources.assumptions.emplace_back(
        "stage times are stated, not priced: every step takes them, and hops take no time");
  }
  if (scenario.serving->disaggregated) {
    out.transfer = cache_transfer(scenario.cluster, out.plan, out.resources.kv);
  }
  return out;
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
  }
  ServingResult& serving = run.serving;
  result.fits = serving.why_not.empty();
  if (result.fits && scenario.usd_per_gpu_hour) {
    serving.usd_per_million_output_tokens =
        *scenario.usd_per_gpu_hour * serving.gpu_seconds_per_million_output_tokens / 3600;
  }
  if (result.fits && scenario.cluster.device.power_limit_w > 0) {
    serving.kwh_per_million_output_tokens_at_power_limit =
        scenario.cluster.device.power_limit_w * serving.gpu_seconds_per_million_output_tokens /
        3.6e6;
  }
  result.engine.tasks = serving.steps * prepared.plan.pipeline;
  result.engine.executor = "serving_loop";
  result.engine.reason = "batches are formed while time passes";
  result.engine.wall_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return run;
}

ServedRun serve(const Scenario& scenario, const ServeOptions& options) try {
  return run_serving(prepare_serving(scenario, options.scale), options);
} catch (const InputError& error) {
  throw locate(error, scenario);
}

}  // namespace plumbline
