// The list: prepare, lower, execute, measure.

#include "sim/run/session.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "sim/engine/execute.h"
#include "sim/lowering/lower_training.h"
#include "sim/measure/lower_bound.h"
#include "sim/measure/measure_training.h"
#include "sim/run/interval.h"
#include "sim/run/prepare.h"
#include "sim/run/serving_memo.h"
#include "sim/run/session_memo.h"

namespace plumbline {
namespace {

void append(std::vector<std::string>& to, const std::vector<std::string>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

class SimulationSession::State {
 public:
  Run simulate_once(const Scenario& scenario, const KernelTimes& kernels,
                    const RunOptions& options);
  std::vector<Sensitivity> sensitivities(const Scenario& scenario, const KernelTimes& kernels,
                                         double base_s);

  KernelMemo kernels;
  PrepareMemo memo;
  StepMemo steps;
  ServingMemo served;
};

Run SimulationSession::State::simulate_once(const Scenario& scenario, const KernelTimes& kernels,
                                            const RunOptions& options) {
  const auto began = std::chrono::steady_clock::now();
  Prepared prepared = prepare(scenario, kernels, &memo);
  std::optional<LoweredStep> own;
  LoweredStep& step = options.keep_timeline
                          ? own.emplace(lower_training(*prepared.schedule, prepared.costs))
                          : steps.lower(prepared.schedule, prepared.costs);
  Execution execution = execute(step.graph);

  const double sequences = static_cast<double>(scenario.training.global_batch_size);
  MeasureInput input{.schedule = *prepared.schedule,
                     .step = step,
                     .timeline = execution.timeline,
                     .costs = prepared.costs,
                     .memory = prepared.memory,
                     .plan = prepared.plan,
                     .peak_flops = FlopsPerSecond(0),
                     .usable_memory = scenario.cluster.device.usable_memory};
  input.gpus = prepared.plan.gpus();
  input.sequences_per_step = sequences;
  input.tokens_per_step = sequences * static_cast<double>(scenario.training.sequence_length);
  const auto& peaks = scenario.cluster.device.peak_flops;
  const auto peak = peaks.find(std::string(to_string(scenario.training.precision)));
  if (peak != peaks.end()) input.peak_flops = peak->second;
  input.memory_over_time = options.memory_over_time;

  Run run;
  run.result.training = measure_training(input);
  if (options.full_bound) {
    const StepBound bound = full_lower_bound(*prepared.schedule, prepared.costs, step.options);
    run.result.training.lower_bound_s = to_seconds(bound.time).base();
    append(run.result.assumptions, bound.assumptions);
  }
  run.result.scenario = scenario.name;
  run.result.fits = run.result.training.peak_memory_bytes <= input.usable_memory.base();
  append(run.result.assumptions, scenario.assumptions);
  append(run.result.assumptions, prepared.assumptions);
  append(run.result.assumptions, prepared.costs.assumptions);
  append(run.result.assumptions, prepared.memory.assumptions);
  append(run.result.assumptions, step.assumptions);
  CostResult& cost = run.result.cost;
  const double gpu_hours = input.gpus * run.result.training.iteration_time_s / 3600.0;
  cost.gpu_hours_per_million_tokens = gpu_hours / input.tokens_per_step * 1e6;
  if (scenario.usd_per_gpu_hour) {
    cost.usd_per_iteration = *scenario.usd_per_gpu_hour * gpu_hours;
    cost.usd_per_million_tokens = *cost.usd_per_iteration / input.tokens_per_step * 1e6;
    run.result.assumptions.push_back(
        "cost: at " + std::to_string(*scenario.usd_per_gpu_hour) +
        " USD per GPU-hour a step costs " + std::to_string(*cost.usd_per_iteration) +
        " USD, a million tokens " + std::to_string(*cost.usd_per_million_tokens) + " USD");
  }
  run.result.outside_calibration = {prepared.costs.outside_calibration_share,
                                    prepared.costs.outside_calibration};
  run.result.training.iteration_time_interval_s = iteration_time_interval(
      {.path = run.result.training.path,
       .errors = price_errors(scenario.cluster, to_string(scenario.training.precision)),
       .products = prepared.costs.products,
       .attention = prepared.costs.attention,
       .kind = {scenario.model.moe.has_value(), prepared.costs.outside_calibration_share},
       .seed = scenario.seed});
  run.result.engine.tasks = static_cast<std::int64_t>(step.graph.num_tasks());
  run.result.engine.executor =
      execution.executor == Executor::kStaticPass ? "static_pass" : "event_loop";
  run.result.engine.reason = execution.reason;
  run.result.engine.wall_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();

  run.schedule = std::move(prepared.schedule);
  if (options.keep_timeline) {
    run.step = std::move(step);
    run.timeline = std::move(execution.timeline);
  }
  return run;
}

// What ten percent more of one thing would buy, each by running the step again at scaled prices.
std::vector<Sensitivity> SimulationSession::State::sensitivities(const Scenario& scenario,
                                                                 const KernelTimes& kernels,
                                                                 double base_s) {
  struct What {
    const char* name;
    HardwareScale scale;
  };
  const What whats[] = {{"matrix products and attention 10 % faster", {1.1, 1.0, 1.0, 1.0}},
                        {"memory bandwidth 10 % higher", {1.0, 1.1, 1.0, 1.0}},
                        {"intra-node links 10 % faster", {1.0, 1.0, 1.1, 1.0}},
                        {"network between nodes 10 % faster", {1.0, 1.0, 1.0, 1.1}}};
  std::vector<Sensitivity> out;
  for (const What& what : whats) {
    const double step =
        simulate_once(scenario, kernels.scaled(what.scale), {}).result.training.iteration_time_s;
    out.push_back({what.name, step, 1.0 - step / base_s});
  }
  // One more micro-batch per replica: compared per sample, since the step does more work.  A
  // schedule that needs a multiple of something cannot take just one more.
  Scenario more = scenario;
  const std::int64_t replicas =
      scenario.cluster.gpus() /
      (scenario.parallelism.tensor * scenario.parallelism.pipeline * scenario.parallelism.context);
  more.training.global_batch_size += scenario.training.micro_batch_size * replicas;
  try {
    const double step = simulate_once(more, kernels, {}).result.training.iteration_time_s;
    const double per_sample = step / static_cast<double>(more.training.global_batch_size) *
                              static_cast<double>(scenario.training.global_batch_size);
    out.push_back({"one more micro-batch (time for the same samples)", per_sample,
                   1.0 - per_sample / base_s});
  } catch (const InputError&) {
    // No legal schedule with one micro-batch more: there is no such sensitivity.
  }
  return out;
}

SimulationSession::SimulationSession() : state_(std::make_unique<State>()) {}
SimulationSession::~SimulationSession() = default;
SimulationSession::SimulationSession(SimulationSession&&) noexcept = default;
SimulationSession& SimulationSession::operator=(SimulationSession&&) noexcept = default;

Run SimulationSession::simulate(const Scenario& scenario, const RunOptions& options) try {
  if (scenario.serving) {
    throw InputError({diagnose("serving", "is not simulated here", "this run takes training")});
  }
  const KernelTimes kernels = state_->kernels.of(scenario.cluster).scaled(options.scale);
  Run run = state_->simulate_once(scenario, kernels, options);
  if (options.sensitivities) {
    run.result.training.sensitivities =
        state_->sensitivities(scenario, kernels, run.result.training.iteration_time_s);
  }
  return run;
} catch (const InputError& error) {
  // The layers below know paths ("parallelism.tensor"); the scenario knows their places.
  throw locate(error, scenario);
}

ServedRun SimulationSession::serve(const Scenario& scenario, const ServeOptions& options) try {
  const KernelTimes kernels = state_->kernels.of(scenario.cluster).scaled(options.scale);
  return run_serving(prepare_serving(scenario, kernels, &state_->served), options);
} catch (const InputError& error) {
  throw locate(error, scenario);
}

MaxRate SimulationSession::find_max_rate(const Scenario& scenario,
                                         const ServeOptions& options) try {
  const KernelTimes kernels = state_->kernels.of(scenario.cluster).scaled(options.scale);
  return plumbline::find_max_rate(prepare_serving(scenario, kernels, &state_->served), options);
} catch (const InputError& error) {
  throw locate(error, scenario);
}

SimulationSession::Made SimulationSession::made() const {
  return {.tables = state_->kernels.read(),
          .layer_settings = state_->memo.layers.settings_priced(),
          .schedules = state_->memo.schedules.generated(),
          .lowered = state_->steps.lowered(),
          .repriced = state_->steps.repriced(),
          .served = state_->served.priced()};
}

Run simulate(const Scenario& scenario, const RunOptions& options) {
  return SimulationSession().simulate(scenario, options);
}

}  // namespace plumbline
