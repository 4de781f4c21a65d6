// Chimera: two 1F1B pipelines in opposite directions over the same ranks, whose operations fall
// into each other's gaps.  P stages, each on two ranks: micro-batch m < M/2 runs stage s on rank s
// (replica 0), the others on rank P-1-s (replica 1).  One unit has P micro-batches; for P = 4,
// M = 4, drawn with B as long as F:
//
//   rank 0:  F0 F1 .  F2 B2 F3 B3 B0 .  B1        micro-batches 0 and 1 go down,
//   rank 1:  .  F0 F2 F1 F3 B2 B0 B3 B1           2 and 3 go up
//   rank 2:  .  F2 F0 F3 F1 B0 B2 B1 B3
//   rank 3:  F2 F3 .  F0 B0 F1 B1 B2 .  B3
//
// so P-2 of 3P-2 slots are idle, against 2(P-1) of 1F1B.  Further units follow every 2P slots
// ("direct concatenation"), where the next unit's forwards fall into the gaps of the drain.
// Source: Li and Hoefler, SC'21, arXiv:2107.06925, sections 3.1 and 3.5.

#include <algorithm>
#include <string>

#include "schedules/build.h"
#include "schedules/generators.h"

namespace plumbline {
namespace {

struct Slot {
  int time;
  Op op;
};

// In slots of one operation: micro-batch k of a direction enters stage 0 at 2k, reaches stage s at
// 2k + s and comes back at 2k + 2P-1-s.  The two directions never want the same slot, because P is
// even and their parities differ.
void add_direction(std::vector<Slot>& slots, int replica, int stage, int ranks, int first_mb,
                   int first_slot, int count) {
  for (int k = 0; k < count; ++k) {
    Op op = forward(stage, first_mb + k);
    op.replica = static_cast<std::uint8_t>(replica);
    slots.push_back({first_slot + 2 * k + stage, op});
    op.kind = OpKind::kBackward;
    slots.push_back({first_slot + 2 * k + 2 * ranks - 1 - stage, op});
  }
}

}  // namespace

Schedule chimera(const PipelineShape& asked, const ScheduleOptions&) {
  const int ranks = asked.ranks();
  const int total = asked.microbatches;
  if (asked.chunks > 2) {
    refuse_shape(
        "chimera",
        "has one stage of each direction per rank, not " + std::to_string(asked.chunks) + " chunks",
        "try 2 chunks per rank");
  }
  if (ranks % 2 != 0) {
    refuse_shape("chimera", "needs an even number of ranks, not " + std::to_string(ranks),
                 "try " + std::to_string(ranks + 1) + " ranks");
  }
  if (total % 2 != 0) {
    refuse_shape("chimera",
                 "needs an even number of micro-batches, half for each direction, not " +
                     std::to_string(total),
                 "try " + std::to_string(total + 1) + " micro-batches");
  }
  PipelineShape shape = asked;
  shape.chunks = 2;
  Schedule schedule = empty_schedule("chimera", shape, Placement::kBidirectional);
  const int half_unit = ranks / 2;
  for (int rank = 0; rank < ranks; ++rank) {
    std::vector<Slot> slots;
    slots.reserve(2 * total);
    for (int first = 0; first < total / 2; first += half_unit) {
      const int count = std::min(half_unit, total / 2 - first);
      const int start = first / half_unit * 2 * ranks;
      add_direction(slots, 0, rank, ranks, first, start, count);
      add_direction(slots, 1, ranks - 1 - rank, ranks, total / 2 + first, start, count);
    }
    std::ranges::sort(slots, {}, &Slot::time);
    for (const Slot& slot : slots) schedule.ranks[rank].push_back(slot.op);
  }
  return schedule;
}

}  // namespace plumbline
