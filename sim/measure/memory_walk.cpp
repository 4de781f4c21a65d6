#include "sim/measure/memory_walk.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>

#include "sim/lowering/op_times.h"

namespace plumbline {
namespace {

/// What comes and goes with operations, and how many activations are live.
struct Held {
  Bytes activations, logits;
  int live = 0;

  void start(const TaskLabel& label, const StageMemory& stage) {
    if (label.kind != TaskKind::kForward) return;
    activations += stage.activations;
    logits += stage.logits;
    ++live;
  }

  void finish(const TaskLabel& label, const StageMemory& stage) {
    switch (label.kind) {
      case TaskKind::kBackward:
        activations -= stage.activations;
        logits -= stage.logits;
        --live;
        break;
      case TaskKind::kInputGrad:
        activations -= stage.activations - stage.activations_after_input_grad;
        logits -= stage.logits;
        break;
      case TaskKind::kWeightGrad:
        activations -= stage.activations_after_input_grad;
        --live;
        break;
      default:
        break;
    }
  }
};

const MemoryBreakdown* transient(const TaskLabel& label, const StageMemory& stage) {
  if (label.kind == TaskKind::kForward) return &stage.forward_transient;
  return label.kind == TaskKind::kWeightGrad ? nullptr : &stage.backward_transient;
}

void add(MemoryBreakdown& sum, const MemoryBreakdown& part) {
  sum.weights += part.weights;
  sum.gradients += part.gradients;
  sum.optimizer += part.optimizer;
  sum.activations += part.activations;
  sum.logits += part.logits;
  sum.communication += part.communication;
  sum.workspace += part.workspace;
  sum.framework += part.framework;
}

Op operation(const TaskLabel& label) {
  return {.kind = static_cast<OpKind>(label.kind),
          .replica = label.replica,
          .stage = label.stage,
          .microbatch = label.microbatch};
}

/// The operations that run as one: an overlapped pair, else one.  Chained iterations of an
/// asynchronous schedule have no pairs.
class Units {
 public:
  Units(const LoweredStep& step, const Schedule& schedule, int rank)
      : step_(step), ops_(step.rank_ops[rank]), program_(schedule.ranks[rank]) {}

  std::span<const TaskId> at(std::size_t begin) const {
    const bool pair = step_.iterations == 1 && begins_pair(program_, begin);
    return std::span(ops_).subspan(begin, pair ? 2 : 1);
  }
  std::string name(std::size_t begin) const {
    std::vector<Op> unit;
    for (const TaskId task : at(begin)) unit.push_back(operation(step_.labels[task]));
    unit.front().overlaps_next = unit.size() > 1;
    return to_string(unit);
  }

 private:
  const LoweredStep& step_;
  const std::vector<TaskId>& ops_;
  const std::vector<Op>& program_;
};

}  // namespace

MemoryPeak memory_peak(const LoweredStep& step, const Timeline& timeline, const Schedule& schedule,
                       const MemoryModel& memory, int rank, bool over_time) {
  const MemoryBreakdown& at_rest = memory.rank_static[rank];
  const Bytes rest = at_rest.total();
  std::vector<Bytes> forward_transient, backward_transient;  // totals by stage
  for (const StageMemory& stage : memory.stages) {
    forward_transient.push_back(stage.forward_transient.total());
    backward_transient.push_back(stage.backward_transient.total());
  }

  MemoryPeak peak;
  const auto record = [&](SimTime now, Bytes bytes) {
    if (over_time) peak.over_time.push_back({to_seconds(now).base(), bytes.base()});
  };
  record(0, rest);
  Held held, at_peak;
  Bytes highest = rest;
  std::optional<std::size_t> peak_begin;
  const Units units(step, schedule, rank);
  for (std::size_t begin = 0; begin < step.rank_ops[rank].size();) {
    const std::span<const TaskId> unit = units.at(begin);
    Bytes running;
    for (const TaskId task : unit) {
      const TaskLabel& label = step.labels[task];
      held.start(label, memory.stages[label.stage]);
      if (label.kind == TaskKind::kForward) {
        running += forward_transient[label.stage];
      } else if (label.kind != TaskKind::kWeightGrad) {
        running += backward_transient[label.stage];
      }
    }
    peak.live_activations = std::max(peak.live_activations, held.live);
    const Bytes now = rest + held.activations + held.logits + running;
    record(timeline.start[unit.front()], now);
    if (now > highest) {
      highest = now;
      at_peak = held;
      peak_begin = begin;
    }
    for (const TaskId task : unit) {
      held.finish(step.labels[task], memory.stages[step.labels[task].stage]);
    }
    record(timeline.finish[unit.back()], rest + held.activations + held.logits);
    begin += unit.size();
  }

  peak.bytes = at_rest;
  if (!peak_begin) return peak;
  peak.bytes.activations += at_peak.activations;
  peak.bytes.logits += at_peak.logits;
  for (const TaskId task : units.at(*peak_begin)) {
    const TaskLabel& label = step.labels[task];
    if (const auto* part = transient(label, memory.stages[label.stage])) add(peak.bytes, *part);
  }
  peak.time = timeline.start[step.rank_ops[rank][*peak_begin]];
  peak.operation = units.name(*peak_begin);
  return peak;
}

}  // namespace plumbline
