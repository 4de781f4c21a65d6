#include "sim/search/objective.h"

#include <fmt/format.h>

namespace plumbline {

double Objective::step_price(double iteration_time_s, int gpus) const {
  switch (price) {
    case Price::kTime:
      return iteration_time_s;
    case Price::kCost:
      return iteration_time_s / 3600.0 * gpus * *usd_per_gpu_hour;
    case Price::kEnergy:
      return iteration_time_s * gpus * watts_per_gpu;
  }
  return iteration_time_s;
}

double Objective::progress(double tokens) const {
  return critical_batch_tokens ? tokens / (tokens + *critical_batch_tokens) : tokens;
}

std::string Objective::unit() const {
  const char* of = price == Price::kTime ? "s" : price == Price::kCost ? "USD" : "J";
  return std::string(of) + (critical_batch_tokens ? " per S_min step" : " per token");
}

std::vector<std::string> Objective::assumptions() const {
  std::vector<std::string> out;
  if (price == Price::kEnergy) {
    out.push_back(fmt::format(
        "energy: every GPU draws its power limit, {:.0f} W, all the time; hosts, network and "
        "cooling are not counted",
        watts_per_gpu));
  }
  if (price == Price::kCost) {
    out.push_back(
        fmt::format("cost: {} USD per GPU-hour of the GPUs that the plan uses", *usd_per_gpu_hour));
  }
  if (critical_batch_tokens) {
    out.push_back(fmt::format(
        "convergence: steps = S_min x (1 + {:.0f} / tokens of a step), the gradient-noise-scale "
        "model (arXiv:1812.06162) with the critical batch as given",
        *critical_batch_tokens));
  }
  return out;
}

Objective make_objective(const Scenario& scenario, Price price,
                         std::optional<double> critical_batch_tokens) {
  Objective objective;
  objective.price = price;
  objective.usd_per_gpu_hour = scenario.usd_per_gpu_hour;
  objective.watts_per_gpu =
      scenario.cluster.power_limit_w.value_or(scenario.cluster.device.power_limit_w);
  objective.critical_batch_tokens = critical_batch_tokens;
  std::vector<Diagnostic> problems;
  if (price == Price::kCost && !scenario.usd_per_gpu_hour) {
    problems.push_back(diagnose("cost.usd_per_gpu_hour", "is missing, so that plans have no price",
                                "--set cost.usd_per_gpu_hour=2.5"));
  }
  if (price == Price::kEnergy && objective.watts_per_gpu <= 0) {
    problems.push_back(diagnose("cluster.power_limit_w",
                                "the profile of " + scenario.cluster.device.name +
                                    " states no power limit, so that plans have no energy",
                                "--set cluster.power_limit_w=700"));
  }
  if (critical_batch_tokens && !(*critical_batch_tokens > 0)) {
    problems.push_back(diagnose("--critical-batch", "is not a positive number of tokens", ""));
  }
  if (!problems.empty()) throw locate(InputError(std::move(problems)), scenario);
  return objective;
}

}  // namespace plumbline
