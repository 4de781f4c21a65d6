// Schedules from a building block in V placement: the block is repeated every six slots, then its
// ends are squeezed towards the start without raising the peak of memory.
#pragma once

#include <array>
#include <vector>

#include "schedules/schedule.h"

namespace plumbline {

/// The kinds of operation of a rank in a block, in the order in which a micro-batch needs them.
enum VKind { kForwardDown = 0, kForwardUp = 1, kGradientUp = 2, kGradientDown = 3 };

/// [ranks] the slot of each kind for micro-batch 0; micro-batch m runs six m slots later.
using VBlock = std::vector<std::array<int, 4>>;

/// [ranks] the operations in order; weight gradients go into the free slots.
/// REQUIRES: shape.chunks == 2, a block whose slots differ modulo 6 on every rank
///
/// Source: Qi et al., arXiv:2405.15362, section 3; sail-sg, scheduler/zbv_greedy.py.
std::vector<std::vector<Op>> squeeze(const VBlock& block, const PipelineShape& shape);

}  // namespace plumbline
