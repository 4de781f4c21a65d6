// A schedule as a program for the box: operations of one iteration and what each waits for.
#pragma once

#include <string>

#include "calibration/measure/box_plan.h"
#include "schedules/schedule.h"

namespace plumbline {

/// @throws InputError for a schedule that deadlocks or has overlapped pairs, which one stream a
///         rank cannot run
measure::BoxProgram box_program(const Schedule& schedule);

/// The same operations in the order nobody would take for the schedule's: on every rank all
/// forwards, then all gradients, weight gradients last; where that is the schedule's own order,
/// every micro-batch by itself. What must be told apart from the schedule by its timeline.
measure::BoxProgram wrong_order(const Schedule& schedule);

/// The schedule that loaded operation times come from, which must be another one: "gpipe", or
/// "1f1b" for gpipe itself, with the operations of `schedule` in that order.
measure::BoxProgram reference_program(const Schedule& schedule);

}  // namespace plumbline
