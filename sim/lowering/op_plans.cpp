#include "sim/lowering/op_plans.h"

#include <cstdint>

namespace plumbline {
namespace {

TaskKind task_kind(OpKind kind) { return static_cast<TaskKind>(kind); }
static_assert(static_cast<int>(TaskKind::kWeightGrad) == static_cast<int>(OpKind::kWeightGrad));

}  // namespace

OpPlans::OpPlans(const Schedule& schedule, const Slots& slots, const OpTimes& times,
                 const Hops& hops)
    : stages_(static_cast<std::size_t>(schedule.num_stages())) {
  plans_.reserve(4 * schedule.stage_rank.size() * stages_);
  for (std::size_t replica = 0; replica < schedule.stage_rank.size(); ++replica) {
    for (int stage = 0; stage < schedule.num_stages(); ++stage) {
      for (const OpKind kind :
           {OpKind::kForward, OpKind::kBackward, OpKind::kInputGrad, OpKind::kWeightGrad}) {
        const Op op{.kind = kind, .replica = static_cast<std::uint8_t>(replica), .stage = stage};
        OpPlan& plan = plans_.emplace_back();
        plan.label = {.kind = task_kind(kind),
                      .replica = op.replica,
                      .rank = schedule.stage_rank[replica][stage],
                      .stage = stage};
        plan.work = times.of(op);
        plan.own = slots.from_itself(stage, kind);
        plan.theirs = slots.from_neighbour(stage, kind);
        plan.made = slots.made_by(stage, kind);
        if (plan.made != kNoSlot) plan.out = hops.out_of(op);
        if (plan.theirs != kNoSlot) {
          const Hop& in = hops.into(op);
          plan.from_other_rank = in.crosses;
          plan.delay = in.has_task ? 0 : in.time;
        }
      }
    }
  }
}

}  // namespace plumbline
