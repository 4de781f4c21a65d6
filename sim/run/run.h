// Scenario -> Result: the whole pipeline, readable as a list.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "schedules/schedule.h"
#include "sim/measure/result.h"
#include "sim/scenario/scenario.h"

namespace plumbline {

struct RunOptions {
  bool sensitivities = false;  ///< re-run with each part 10 % faster
  bool memory_over_time = false;
  bool keep_timeline = false;  ///< traces, CSV and pictures need it
  bool full_bound = false;  ///< the lower bound by windows and branching, not in closed form alone
  HardwareScale scale;
};

/// A result with what a picture of it needs.
struct Run {
  Result result;
  std::shared_ptr<const Schedule> schedule;
  LoweredStep step;   ///< empty unless keep_timeline
  Timeline timeline;  ///< empty unless keep_timeline
};

/// One scenario by itself; for many, see SimulationSession.
/// @throws InputError when plan, schedule or prices are impossible, located in the scenario
Run simulate(const Scenario& scenario, const RunOptions& options = {});

}  // namespace plumbline
