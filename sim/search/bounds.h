// Admissible bounds of a plan's time and memory: a plan is never faster, nor smaller, than they
// say, so that what they rule out could not have won.
#pragma once

#include <vector>

#include "schedules/schedule.h"
#include "sim/cost/stage_costs.h"
#include "sim/memory/memory_model.h"
#include "sim/plan/parallel_plan.h"
#include "sim/search/schedule_traits.h"

namespace plumbline {

/// The shortest step of any order of the schedule's operations, from the prices of its stages
/// alone.  For a rank r whose earliest stage is s, with M micro-batches,
///
///   forwards of the stages before s  +  max(work of r,  work of r but its weight gradients
///                                                        +  backwards of the stages before s)
///
/// since r cannot begin before a micro-batch has come through the stages before it, runs one
/// operation at a time, and the last micro-batch that leaves it has to go back through them.  Also
/// one micro-batch's way there and back.  Hops, data-parallel traffic and the optimizer come on top
/// and are left out; where a forward and a backward may hide each other's expert communication, it
/// is left out as well.  A schedule that does not flush is bounded by its busiest rank.
Seconds time_bound(const ScheduleTraits& traits, const std::vector<StageCost>& stages,
                   std::int64_t microbatches);

/// The least that the fullest rank holds at some moment: what stands there for the whole step,
/// one micro-batch's activations of all of the rank's stages, and what its backward needs besides.
/// When the backward of a micro-batch begins on the rank, all its forwards are over and none of
/// its activations is freed.
Bytes memory_bound(const ScheduleTraits& traits, const MemoryModel& memory);

/// The peak of the fullest rank, exactly: it follows from the order of each rank's operations
/// alone, not from when they run, so that a step without times has it.  Of an asynchronous schedule
/// it is a bound, since its iterations overlap.
Bytes peak_memory(const Schedule& schedule, const MemoryModel& memory);

}  // namespace plumbline
