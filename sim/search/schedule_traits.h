// What a search has to know of a schedule before it makes one: where stages live and which
// operations there are.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "schedules/schedule.h"

namespace plumbline {

struct ScheduleTraits {
  std::vector<std::vector<int>> stage_rank;  ///< [replicas][stages] the rank of every stage
  int replicas = 1;                          ///< copies of the weights
  bool flushes = true;
  bool full_backward = false;   ///< some backwards are whole (B)
  bool split_backward = false;  ///< some are split (I and W)
  bool pairs = false;           ///< forwards and backwards overlap in pairs

  int num_stages() const { return static_cast<int>(stage_rank.front().size()); }
};

/// Traits by name, ranks and chunks, read off a sample with twice as many micro-batches as ranks;
/// placement and kinds of operations do not depend on their number.
class TraitsTable {
 public:
  /// nullptr where the schedule has no such shape.
  const ScheduleTraits* find(const std::string& schedule, int pipeline, int chunks);

 private:
  std::map<std::tuple<std::string, int, int>, std::optional<ScheduleTraits>> known_;
};

}  // namespace plumbline
