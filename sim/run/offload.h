// What a stage's activations cost to keep in host memory.
#pragma once

#include "sim/run/prepare.h"

namespace plumbline {

/// Writes the offloaded bytes into the memory model, the times of the copies into the costs, and
/// what both rest on into the assumptions.  Nothing where the scenario offloads nothing.
///
/// A copy takes the host link's send latency and its bytes at the link's one-way rate.
///
/// @throws InputError without a host link, or with shares for another number of stages
void offload_activations(const Scenario& scenario, Prepared& prepared);

}  // namespace plumbline
