// The same step at other prices, without walking the schedule again.
//
// Which tasks and edges a step has follows from its schedule and from a few facts about the prices:
// which hops take time, which of them may queue, whether there is anything to reduce or to gather.
// Points of a sweep mostly agree in those; then only durations and delays are written anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "schedules/schedule.h"
#include "sim/core/sim_time.h"
#include "sim/cost/stage_costs.h"
#include "sim/lowering/lower_training.h"
#include "sim/lowering/usage.h"

namespace plumbline {

/// Where each duration and delay of one lowered step comes from.
class StepPricing {
 public:
  /// nullopt where durations are not prices of single operations, hops and stages: asynchronous
  /// schedules, pairs that hide expert communication, and steps that offload activations.
  /// REQUIRES: `step` was lowered from `schedule` at `costs`
  static std::optional<StepPricing> of(const LoweredStep& step, const Schedule& schedule,
                                       const TrainingCosts& costs);

  /// Makes `step` what lower_training(schedule, costs, step.options) gives, or leaves it alone and
  /// answers false where that has other tasks or edges.
  /// REQUIRES: `step` and `schedule` are those this was made of, `step` at whatever prices
  bool apply(const Schedule& schedule, const TrainingCosts& costs, LoweredStep& step) const;

 private:
  /// Every price a task or an edge may have, and what decides which of them exist.
  struct Prices {
    std::vector<SimTime> value;
    std::vector<std::uint32_t> shape;
  };
  /// Where in Prices::value a price stands.
  class Index;

  explicit StepPricing(const Schedule& schedule) : usage_(schedule) {}
  Prices prices(const Schedule& schedule, const TrainingCosts& costs,
                const LoweringOptions& options) const;
  bool find_work(const LoweredStep& step, const Index& index);
  bool find_delays(const LoweredStep& step, const Index& index);

  Usage usage_;
  std::size_t num_stages_ = 0;
  std::vector<std::vector<int>> stages_of_rank_;
  std::vector<std::uint32_t> shape_;
  std::vector<std::uint32_t> work_;  ///< [num_tasks] into Prices::value
  /// Edges that have a delay, and which.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> delays_;
};

}  // namespace plumbline
