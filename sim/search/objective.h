// What a plan search minimises.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/search/candidate.h"

namespace plumbline {

/// What a step is paid in.
enum class Price {
  kTime,    ///< seconds: throughput
  kCost,    ///< USD: GPUs x hours x the scenario's cost.usd_per_gpu_hour
  kEnergy,  ///< joules: GPUs x seconds x a GPU's power limit
};

/// A score is price per progress, so that less is better: per token, or, with a critical batch,
/// per step of the least number of steps S_min that the target takes with a huge batch.  By the
/// gradient-noise-scale model (McCandlish et al., arXiv:1812.06162, eq. 2.11) a batch of B tokens
/// takes S = S_min (1 + B_noise / B) steps, so that one step makes 1 / (1 + B_noise / B) of one.
struct Objective {
  Price price = Price::kTime;
  std::optional<double> usd_per_gpu_hour;       ///< kCost
  double watts_per_gpu = 0;                     ///< kEnergy
  std::optional<double> critical_batch_tokens;  ///< B_noise

  /// The price of one step of `iteration_time_s` on `gpus` GPUs: s, USD or J.
  double step_price(double iteration_time_s, int gpus) const;
  /// Tokens, or S_min-steps, that one step of `tokens` makes.
  double progress(double tokens) const;
  double score(double iteration_time_s, int gpus, double tokens) const {
    return step_price(iteration_time_s, gpus) / progress(tokens);
  }
  /// "s per token", "USD per S_min step", ...
  std::string unit() const;
  /// What it rests on, for the report.
  std::vector<std::string> assumptions() const;
};

/// @throws InputError when the scenario states no price (kCost) or the GPU's profile no power
///         limit (kEnergy), or the critical batch is not positive
Objective make_objective(const Scenario& scenario, Price price,
                         std::optional<double> critical_batch_tokens);

}  // namespace plumbline
