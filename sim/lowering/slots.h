// What operations hand to each other, numbered without gaps: for every stage and micro-batch the
// activation that its forward makes and the gradient that its backward makes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "schedules/schedule.h"

namespace plumbline {

/// An activation leaving (stage, micro-batch) is slot 2i, the gradient leaving it 2i + 1.
using SlotId = std::uint32_t;
inline constexpr SlotId kNoSlot = 0xffffffffu;

class Slots {
 public:
  explicit Slots(const Schedule& schedule)
      : stages_(schedule.num_stages()), microbatches_(schedule.shape.microbatches) {}

  std::size_t count() const {
    return 2 * static_cast<std::size_t>(stages_) * static_cast<std::size_t>(microbatches_);
  }
  /// Slots of one micro-batch lie together: an operation looks at its own stage and the next.
  SlotId activation(int stage, int microbatch) const {
    return 2 * (static_cast<SlotId>(microbatch) * static_cast<SlotId>(stages_) +
                static_cast<SlotId>(stage));
  }
  SlotId gradient(int stage, int microbatch) const { return activation(stage, microbatch) + 1; }

  /// What the neighbouring stage must have made before `op`, or kNoSlot.
  SlotId from_neighbour(const Op& op) const {
    if (op.kind == OpKind::kForward) {
      return op.stage == 0 ? kNoSlot : activation(op.stage - 1, op.microbatch);
    }
    if (op.kind == OpKind::kWeightGrad || op.stage + 1 == stages_) return kNoSlot;
    return gradient(op.stage + 1, op.microbatch);
  }
  /// What the same stage must have made before `op`, or kNoSlot.
  SlotId from_itself(const Op& op) const {
    if (op.kind == OpKind::kForward) return kNoSlot;
    return op.kind == OpKind::kWeightGrad ? gradient(op.stage, op.microbatch)
                                          : activation(op.stage, op.microbatch);
  }
  /// What `op` makes, or kNoSlot for a weight gradient.
  SlotId made_by(const Op& op) const {
    if (op.kind == OpKind::kWeightGrad) return kNoSlot;
    return activation(op.stage, op.microbatch) + (op.kind == OpKind::kForward ? 0 : 1);
  }

 private:
  int stages_;
  int microbatches_;
};

}  // namespace plumbline
