// Replays a schedule on one GPU: a group of multiprocessors per pipeline rank, real kernels on its
// own stream, events as dependencies.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "calibration/measure/box_plan.h"
#include "calibration/measure/gpu/cuda_device.h"

namespace plumbline::measure::gpu {

struct BoxOutcome {
  std::vector<BoxRow> timeline;
  /// What was found out on the way, for the provenance: groups, audit, timer step, launch, ...
  std::vector<std::pair<std::string, std::string>> facts;
};

/// @throws Unsupported when the card cannot be split so, or the audit finds groups that overlap
BoxOutcome replay_box(Machine& machine, const BoxPlan& plan);

}  // namespace plumbline::measure::gpu
