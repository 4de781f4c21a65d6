// Where the walk over one rank's program stands.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

#include "schedules/schedule.h"
#include "sim/lowering/slots.h"
#include "sim/lowering/step_builder.h"

namespace plumbline {

struct RankWalker {
  static constexpr std::uint32_t kNoMilestone = std::numeric_limits<std::uint32_t>::max();

  const Op* program = nullptr;
  TaskId* tasks = nullptr;  ///< of its operations
  std::uint32_t position = 0, size = 0;
  std::uint32_t next_milestone = kNoMilestone;  ///< its position
  std::uint32_t milestone = 0;                  ///< its index
  TaskId last = kNoTask;                        ///< end of the compute stream so far
  TaskId last_operation = kNoTask;
  SlotId waits_for = kNoSlot;
  std::array<SlotId, 2> takes{kNoSlot, kNoSlot};  ///< blocking: what its next unit receives
  std::array<TaskId, 2> sends{kNoTask, kNoTask};  ///< blocking: what the next operation waits for
  int num_sends = 0;
  int unsent = 0;  ///< blocking: results whose receiver is not ready yet
  bool queued = false;

  /// Behind the operation at `position`, or behind the overlapped pair that begins there.
  std::uint32_t unit_end() const {
    const bool pair = program[position].overlaps_next && position + 1 < size;
    return position + (pair ? 2 : 1);
  }
};

}  // namespace plumbline
