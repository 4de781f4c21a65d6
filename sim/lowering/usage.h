// What a schedule's operations are, seen from far: read once, in one pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "schedules/schedule.h"

namespace plumbline {

struct Usage {
  /// @throws std::invalid_argument when an operation lies outside the schedule's shape or stands
  ///         on a rank that does not hold its stage
  explicit Usage(const Schedule& schedule);

  bool has(std::size_t stage, OpKind kind) const {
    return kinds[4 * stage + static_cast<std::size_t>(kind)] != 0;
  }

  std::vector<std::uint8_t> kinds;  ///< [num_stages][4] whether operations of the kind exist
  bool splits_backwards = false;    ///< some backward comes as I and W
  bool pairs = false;               ///< some operations overlap
  std::size_t operations = 0;
};

}  // namespace plumbline
