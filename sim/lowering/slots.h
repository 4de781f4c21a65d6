// What operations hand to each other, numbered: for every stage and micro-batch the activation
// that its forward makes and the gradient that its backward makes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "schedules/schedule.h"

namespace plumbline {

using SlotId = std::uint32_t;
inline constexpr SlotId kNoSlot = 0xffffffffu;

/// A stage's slots lie together by micro-batch, the activation that leaves it beside the gradient:
/// a rank that runs one micro-batch after the other reads along two rows and writes along a third.
class Slots {
 public:
  explicit Slots(const Schedule& schedule)
      : stages_(schedule.num_stages()),
        row_(row_length(static_cast<SlotId>(schedule.shape.microbatches))) {}

  std::size_t count() const { return static_cast<std::size_t>(stages_) * row_; }

  /// The slot of micro-batch 0, or kNoSlot, of what ...
  /// ... the neighbouring stage must have made before an operation can start;
  SlotId from_neighbour(int stage, OpKind kind) const {
    if (kind == OpKind::kForward) return stage == 0 ? kNoSlot : activation(stage - 1);
    if (kind == OpKind::kWeightGrad || stage + 1 == stages_) return kNoSlot;
    return activation(stage + 1) + 1;
  }
  /// ... the same stage must have made;
  SlotId from_itself(int stage, OpKind kind) const {
    if (kind == OpKind::kForward) return kNoSlot;
    return activation(stage) + (kind == OpKind::kWeightGrad ? 1 : 0);
  }
  /// ... the operation makes.
  SlotId made_by(int stage, OpKind kind) const {
    if (kind == OpKind::kWeightGrad) return kNoSlot;
    return activation(stage) + (kind == OpKind::kForward ? 0 : 1);
  }
  /// The same of another micro-batch.  REQUIRES: first != kNoSlot
  static SlotId of(SlotId first, int microbatch) {
    return first + 2 * static_cast<SlotId>(microbatch);
  }

 private:
  SlotId activation(int stage) const { return static_cast<SlotId>(stage) * row_; }
  /// Two slots per micro-batch, in an odd number of cache lines of 16: the ranks of a steady state
  /// work at one place of all rows at once, which a power of two would put into one cache set.
  static SlotId row_length(SlotId microbatches) { return ((2 * microbatches + 15) / 16 | 1) * 16; }

  int stages_;
  SlotId row_;
};

}  // namespace plumbline
