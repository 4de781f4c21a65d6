// Everything a simulation needs before a task graph exists.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "schedules/catalog.h"
#include "schedules/schedule.h"
#include "sim/cost/layer_price_memo.h"
#include "sim/cost/stage_costs.h"
#include "sim/kernels/kernel_times.h"
#include "sim/memory/memory_model.h"
#include "sim/plan/parallel_plan.h"
#include "sim/scenario/scenario.h"

namespace plumbline {

/// A scenario with its plan made, its operations priced and its schedule generated.
struct Prepared {
  ParallelPlan plan;
  TrainingCosts costs;
  MemoryModel memory;
  std::shared_ptr<const Schedule> schedule;
  std::vector<std::string> assumptions;  ///< of the choices made here
};

/// The schedules that were asked for last.
class ScheduleMemo {
 public:
  /// What generate_schedule gives; the same object where it was given before.
  std::shared_ptr<const Schedule> generate(const std::string& name, const PipelineShape& shape,
                                           const ScheduleOptions& options = {});
  std::int64_t generated() const { return generated_; }

 private:
  struct Entry {
    std::string name;
    PipelineShape shape;
    ScheduleOptions options;
    std::shared_ptr<const Schedule> schedule;
  };
  static constexpr std::size_t kMost = 32;
  std::vector<Entry> recent_;  // the latest first
  std::int64_t generated_ = 0;
};

/// What one scenario leaves for the next.
struct PrepareMemo {
  ScheduleMemo schedules;
  LayerPriceMemo layers;
};

/// @param memo  nullptr: everything is made anew; the answer is the same
/// @throws InputError, with paths of the scenario, when plan or schedule are impossible
Prepared prepare(const Scenario& scenario, const KernelTimes& kernels, PrepareMemo* memo = nullptr);
Prepared prepare(const Scenario& scenario);

}  // namespace plumbline
