#include "sim/measure/memory_walk.h"

#include <algorithm>

#include "sim/lowering/op_times.h"

namespace plumbline {
namespace {

void add(MemoryBreakdown& sum, const MemoryBreakdown& part, double times) {
  sum.weights += times * part.weights;
  sum.gradients += times * part.gradients;
  sum.optimizer += times * part.optimizer;
  sum.activations += times * part.activations;
  sum.logits += times * part.logits;
  sum.communication += times * part.communication;
  sum.workspace += times * part.workspace;
  sum.framework += times * part.framework;
}

class Walk {
 public:
  Walk(const MemoryModel& memory, const MemoryBreakdown& at_rest, bool over_time)
      : memory_(memory), held_(at_rest), over_time_(over_time) {
    peak_.bytes = at_rest;
    record(0);
  }

  void start(const TaskLabel& label) {
    const StageMemory& stage = memory_.stages[label.stage];
    if (label.kind == TaskKind::kForward) {
      held_.activations += stage.activations;
      held_.logits += stage.logits;
      peak_.live_activations = std::max(peak_.live_activations, ++live_);
      add(held_, stage.forward_transient, 1.0);
    } else if (label.kind != TaskKind::kWeightGrad) {
      add(held_, stage.backward_transient, 1.0);
    }
  }

  void finish(const TaskLabel& label) {
    const StageMemory& stage = memory_.stages[label.stage];
    switch (label.kind) {
      case TaskKind::kForward:
        add(held_, stage.forward_transient, -1.0);
        break;
      case TaskKind::kBackward:
        add(held_, stage.backward_transient, -1.0);
        held_.activations -= stage.activations;
        held_.logits -= stage.logits;
        --live_;
        break;
      case TaskKind::kInputGrad:
        add(held_, stage.backward_transient, -1.0);
        held_.activations -= stage.activations - stage.activations_after_input_grad;
        held_.logits -= stage.logits;
        break;
      default:
        held_.activations -= stage.activations_after_input_grad;
        --live_;
        break;
    }
  }

  /// Whether what is held now is more than ever before.
  bool see_peak(SimTime now) {
    record(now);
    if (!(held_.total() > peak_.bytes.total())) return false;
    peak_.bytes = held_;
    peak_.time = now;
    return true;
  }

  void record(SimTime now) {
    if (over_time_) peak_.over_time.push_back({to_seconds(now).base(), held_.total().base()});
  }

  MemoryPeak peak_;

 private:
  const MemoryModel& memory_;
  MemoryBreakdown held_;
  int live_ = 0;
  bool over_time_;
};

Op operation(const TaskLabel& label) {
  return {.kind = static_cast<OpKind>(label.kind),
          .replica = label.replica,
          .stage = label.stage,
          .microbatch = label.microbatch};
}

}  // namespace

MemoryPeak memory_peak(const LoweredStep& step, const Timeline& timeline, const Schedule& schedule,
                       const MemoryModel& memory, int rank, bool over_time) {
  const std::vector<TaskId>& ops = step.rank_ops[rank];
  // Chained iterations of an asynchronous schedule have no pairs.
  const auto unit_end = [&](std::size_t begin) {
    return begin + (step.iterations == 1 && begins_pair(schedule.ranks[rank], begin) ? 2 : 1);
  };
  Walk walk(memory, memory.rank_static[rank], over_time);
  for (std::size_t begin = 0, end = 0; begin < ops.size(); begin = end) {
    end = unit_end(begin);
    for (std::size_t i = begin; i < end; ++i) walk.start(step.labels[ops[i]]);
    if (walk.see_peak(timeline.start[ops[begin]])) {
      std::vector<Op> unit;
      for (std::size_t i = begin; i < end; ++i) unit.push_back(operation(step.labels[ops[i]]));
      unit.front().overlaps_next = unit.size() > 1;
      walk.peak_.operation = to_string(unit);
    }
    for (std::size_t i = begin; i < end; ++i) walk.finish(step.labels[ops[i]]);
    walk.record(timeline.finish[ops[end - 1]]);
  }
  return std::move(walk.peak_);
}

}  // namespace plumbline
