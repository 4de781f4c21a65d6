// What every schedule promises, as diagnostics: each micro-batch runs forward once and backward
// once on every stage, on the rank that holds the stage, and no rank waits for ever.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schedules/schedule.h"
#include "sim/core/diagnostic.h"

namespace plumbline {

/// "rank 0 waits at 0B0 for 1B0": one link of a waiting cycle.
struct Wait {
  int rank = 0;
  Op at;            ///< the operation it cannot start
  Op needed;        ///< what that operation waits for
  int holder = -1;  ///< the rank whose row has `needed`; -1 when no row has it
};

/// The ranks of a waiting cycle in order, each waiting for the next, the last for the first; or
/// one Wait for an operation that is in no row.
struct Deadlock {
  std::vector<Wait> waits;
};

std::string to_string(const Deadlock& deadlock);

/// nullopt when every operation can run.  Linear in the number of operations.
std::optional<Deadlock> find_deadlock(const Schedule& schedule);

/// Every broken promise (at most 10 are listed), empty when the schedule is sound.
std::vector<Diagnostic> schedule_problems(const Schedule& schedule);

/// @throws InputError with `schedule_problems`, when there are any
void check_schedule(const Schedule& schedule);

}  // namespace plumbline
