// Peer copies and collectives where a process sees two GPUs or more.
#pragma once

#include <memory>

#include "calibration/measure/gpu/cuda_device.h"

namespace plumbline::measure::gpu {

/// Calls are put on streams by the host: a graph over several devices would time its own launch.
/// @throws Unsupported for another operation, too few GPUs, no peer access or no NCCL
std::unique_ptr<Workload> open_several_gpus(Machine& machine, const Site& site);

}  // namespace plumbline::measure::gpu
