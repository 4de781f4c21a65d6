// Steady states for several chunks per rank: a building block of one micro-batch that is repeated
// every period, as in Qi et al., arXiv:2405.15362, but for the durations and hops at hand.
//
// The operations of a micro-batch form one way there (F of every stage) and back (I of every
// stage).  Each takes a place in the period of its rank that the others leave free; weight
// gradients take what is left.  A beam keeps the partial blocks that hold their activations for
// the shortest time, which is what the limit on live activations allows or not (modulo scheduling:
// Rau, International Journal of Parallel Programming 24(1), 1996).
#pragma once

#include <cstdint>
#include <optional>

#include "schedules/job_shop.h"

namespace plumbline {

struct PeriodicPattern {
  Ticks period = 0;
  TickTimes starts;          ///< [chains] of micro-batch 0; micro-batch m runs m periods later
  bool keeps_limit = false;  ///< of live activations, on every rank, in the steady state
};

/// The block of that period that a beam of `width` finds; nullopt when it finds none.
/// @param work  is increased by the places looked at
std::optional<PeriodicPattern> periodic_pattern(const JobShop& shop, Ticks period, int width,
                                                double& work);

/// The least period that the work of every rank allows, 1 at least.
Ticks shortest_period(const JobShop& shop);

}  // namespace plumbline
