#include "sim/engine/execute.h"

#include <algorithm>

#include "sim/engine/event_loop.h"
#include "sim/engine/static_pass.h"

namespace plumbline {
namespace {

bool all_nominal(const SpeedProfiles& profiles) {
  const auto nominal = [](const SpeedProfile& profile) { return profile.is_nominal(); };
  return std::all_of(profiles.resources.begin(), profiles.resources.end(), nominal) &&
         std::all_of(profiles.links.begin(), profiles.links.end(), nominal);
}

}  // namespace

Execution execute(const TaskGraph& graph, const SpeedProfiles& profiles) {
  Execution execution;
  execution.executor = Executor::kEventLoop;
  if (!all_nominal(profiles)) {
    execution.reason = "speeds change over time";
  } else if (const auto conflict = static_pass(graph, execution.timeline)) {
    execution.reason = to_string(*conflict);
  } else {
    execution.executor = Executor::kStaticPass;
    execution.reason = "every resource serves its tasks in a fixed order and no two flows meet";
    return execution;
  }
  execution.timeline = event_loop(graph, profiles);
  return execution;
}

}  // namespace plumbline
