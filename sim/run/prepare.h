// Everything a simulation needs before a task graph exists.
#pragma once

#include <string>
#include <vector>

#include "schedules/schedule.h"
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
  Schedule schedule;
  std::vector<std::string> assumptions;  ///< of the choices made here
};

/// @throws InputError, with paths of the scenario, when plan or schedule are impossible
Prepared prepare(const Scenario& scenario, const KernelTimes& kernels);
Prepared prepare(const Scenario& scenario);

}  // namespace plumbline
