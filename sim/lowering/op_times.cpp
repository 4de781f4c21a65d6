#include "sim/lowering/op_times.h"

namespace plumbline {

const OpCost& op_cost(const StageCost& stage, OpKind kind) {
  switch (kind) {
    case OpKind::kForward:
      return stage.forward;
    case OpKind::kBackward:
      return stage.backward;
    case OpKind::kInputGrad:
      return stage.input_grad;
    case OpKind::kWeightGrad:
      break;
  }
  return stage.weight_grad;
}

OpCost beside(const OpCost& op, const OpCost& partner, const LoweringOptions& options) {
  OpCost paired = op;
  if (options.pairs_hide_expert_comm) {
    paired.expert_comm -= min(op.expert_comm, partner.total() - partner.expert_comm);
  }
  return paired;
}

OpTimes::OpTimes(const std::vector<StageCost>& stages, const LoweringOptions& options)
    : stages_(stages), options_(options), times_(4 * stages.size()) {
  for (std::size_t stage = 0; stage < stages.size(); ++stage) {
    for (const OpKind kind :
         {OpKind::kForward, OpKind::kBackward, OpKind::kInputGrad, OpKind::kWeightGrad}) {
      times_[4 * stage + static_cast<std::size_t>(kind)] =
          to_sim_time(op_cost(stages[stage], kind).total());
    }
  }
}

SimTime OpTimes::of(const Op& op, const Op& partner) const {
  if (!options_.pairs_hide_expert_comm) return of(op);
  return to_sim_time(beside(op_cost(stages_[op.stage], op.kind),
                            op_cost(stages_[partner.stage], partner.kind), options_)
                         .total());
}

}  // namespace plumbline
