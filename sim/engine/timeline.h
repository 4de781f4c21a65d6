// The engine's output: when each task ran.
#pragma once

#include <string>
#include <vector>

#include "sim/core/sim_time.h"

namespace plumbline {

struct Timeline {
  std::vector<SimTime> start;   ///< [num_tasks]
  std::vector<SimTime> finish;  ///< [num_tasks]
};

enum class Executor { kStaticPass, kEventLoop };

/// What `execute` chose, and why, for the report.
struct Execution {
  Timeline timeline;
  Executor executor = Executor::kStaticPass;
  std::string reason;  ///< "every resource's order is fixed by edges"
};

}  // namespace plumbline
