#include "sim/lowering/usage.h"

#include <stdexcept>
#include <string>

namespace plumbline {
namespace {

[[noreturn]] void reject(const char* what) {
  throw std::invalid_argument(std::string("lower_training: ") + what);
}

}  // namespace

Usage::Usage(const Schedule& schedule)
    : kinds(4 * static_cast<std::size_t>(schedule.num_stages()), std::uint8_t{0}) {
  const int num_stages = schedule.num_stages();
  // Below zero is far beyond the end when it is taken without its sign.
  const auto stages = static_cast<std::uint32_t>(num_stages);
  const auto microbatches = static_cast<std::uint32_t>(schedule.shape.microbatches);
  const std::size_t replicas = schedule.stage_rank.size();
  for (std::size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    for (const Op& op : schedule.ranks[rank]) {
      if (static_cast<std::uint32_t>(op.stage) >= stages ||
          static_cast<std::uint32_t>(op.microbatch) >= microbatches || op.replica >= replicas) {
        reject("an operation lies outside the schedule's shape");
      }
      if (schedule.stage_rank[op.replica][op.stage] != static_cast<int>(rank)) {
        reject("an operation stands on a rank that does not hold its stage");
      }
      kinds[4 * static_cast<std::size_t>(op.stage) + static_cast<std::size_t>(op.kind)] = 1;
      pairs |= op.overlaps_next;
    }
    operations += schedule.ranks[rank].size();
  }
  for (std::size_t stage = 0; stage < static_cast<std::size_t>(num_stages); ++stage) {
    splits_backwards =
        splits_backwards || has(stage, OpKind::kInputGrad) || has(stage, OpKind::kWeightGrad);
  }
}

}  // namespace plumbline
