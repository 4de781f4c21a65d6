#include "sim/measure/memory_walk.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "sim/lowering/op_times.h"

namespace plumbline {
namespace {

/// What an operation of one stage and kind changes.
struct Change {
  Bytes start_activations, start_logits;    ///< come with its start
  Bytes running;                            ///< is there while it runs
  Bytes finish_activations, finish_logits;  ///< go with its end
  int start_live = 0, finish_live = 0;
};

/// [4 * num_stages] by stage and kind, of the stages that the rank holds.
std::vector<Change> changes(const MemoryModel& memory, const Schedule& schedule, int rank) {
  std::vector<Change> all(4 * memory.stages.size());
  for (std::size_t s = 0; s < memory.stages.size(); ++s) {
    const auto here = [&](const std::vector<int>& rank_of) { return rank_of[s] == rank; };
    if (std::ranges::none_of(schedule.stage_rank, here)) continue;
    const StageMemory& stage = memory.stages[s];
    const auto of = [&](OpKind kind) -> Change& {
      return all[4 * s + static_cast<std::size_t>(kind)];
    };
    of(OpKind::kForward) = {.start_activations = stage.activations,
                            .start_logits = stage.logits,
                            .running = stage.forward_transient.total(),
                            .finish_activations = {},
                            .finish_logits = {},
                            .start_live = 1};
    Change& backward = of(OpKind::kBackward);
    backward.running = stage.backward_transient.total();
    backward.finish_activations = stage.activations;
    backward.finish_logits = stage.logits;
    backward.finish_live = 1;
    Change& input_grad = of(OpKind::kInputGrad);
    input_grad.running = backward.running;
    input_grad.finish_activations = stage.activations - stage.activations_after_input_grad;
    input_grad.finish_logits = stage.logits;
    Change& weight_grad = of(OpKind::kWeightGrad);
    weight_grad.finish_activations = stage.activations_after_input_grad;
    weight_grad.finish_live = 1;
  }
  return all;
}

/// What is there because of operations that have begun.
struct Held {
  Bytes activations, logits;
  int live = 0;

  void start(const Change& change) {
    activations += change.start_activations;
    logits += change.start_logits;
    live += change.start_live;
  }
  void finish(const Change& change) {
    activations -= change.finish_activations;
    logits -= change.finish_logits;
    live -= change.finish_live;
  }
};

const MemoryBreakdown* transient(const Op& op, const StageMemory& stage) {
  if (op.kind == OpKind::kForward) return &stage.forward_transient;
  return op.kind == OpKind::kWeightGrad ? nullptr : &stage.backward_transient;
}

Op operation(const TaskLabel& label) {
  return {.kind = static_cast<OpKind>(label.kind),
          .replica = label.replica,
          .stage = label.stage,
          .microbatch = label.microbatch};
}

/// A rank's operations in order.  Those of a schedule that flushes are read from its row, which
/// lies in one piece; chained iterations of an asynchronous schedule are longer than the row, and
/// have no overlapped pairs.
class Operations {
 public:
  Operations(const LoweredStep& step, const Schedule& schedule, int rank)
      : step_(step), tasks_(step.rank_ops[rank]), row_(schedule.ranks[rank]) {}

  std::size_t size() const { return tasks_.size(); }
  Op at(std::size_t index) const {
    return step_.iterations == 1 ? row_[index] : operation(step_.labels[tasks_[index]]);
  }
  /// One past the unit that begins at `begin`: an overlapped pair, else one operation.
  std::size_t unit_end(std::size_t begin) const {
    const bool pair = step_.iterations == 1 && begins_pair(row_, begin);
    return begin + (pair ? 2 : 1);
  }
  TaskId task(std::size_t index) const { return tasks_[index]; }
  std::string name(std::size_t begin) const {
    std::vector<Op> unit;
    for (std::size_t i = begin; i < unit_end(begin); ++i) unit.push_back(at(i));
    unit.front().overlaps_next = unit.size() > 1;
    return to_string(unit);
  }

 private:
  const LoweredStep& step_;
  const std::vector<TaskId>& tasks_;
  const std::vector<Op>& row_;
};

/// The bytes so far, the highest of them, and what they were made of.
class Recorder {
 public:
  Recorder(const MemoryBreakdown& at_rest, bool over_time)
      : at_rest_(at_rest), rest_(at_rest.total()), highest_(rest_), over_time_(over_time) {
    note(0, rest_);
  }

  bool wants_times() const { return over_time_; }
  /// After a change at which the sum can only have risen.
  /// @param unit     the operations that run, or nullopt between them
  void risen(SimTime now, const Held& held, Bytes running, std::optional<std::size_t> unit) {
    peak_.live_activations = std::max(peak_.live_activations, held.live);
    const Bytes bytes = rest_ + held.activations + held.logits + running;
    note(now, bytes);
    if (!(bytes > highest_)) return;
    highest_ = bytes;
    at_peak_ = held;
    any_ = true;
    unit_ = unit;
    peak_.time = now;
  }
  void fallen(SimTime now, const Held& held, Bytes running) {
    note(now, rest_ + held.activations + held.logits + running);
  }

  MemoryPeak take(const Operations& operations, const MemoryModel& memory) {
    peak_.bytes = at_rest_;
    if (!any_) return std::move(peak_);
    peak_.bytes.activations += at_peak_.activations;
    peak_.bytes.logits += at_peak_.logits;
    if (!unit_) {
      peak_.operation = "reload";
      return std::move(peak_);
    }
    for (std::size_t i = *unit_; i < operations.unit_end(*unit_); ++i) {
      const Op op = operations.at(i);
      if (const auto* part = transient(op, memory.stages[op.stage])) peak_.bytes += *part;
    }
    peak_.operation = operations.name(*unit_);
    return std::move(peak_);
  }
  std::optional<std::size_t> unit() const { return any_ ? unit_ : std::nullopt; }
  void set_time(SimTime time) { peak_.time = time; }

 private:
  void note(SimTime now, Bytes bytes) {
    if (over_time_) peak_.over_time.push_back({to_seconds(now).base(), bytes.base()});
  }

  MemoryBreakdown at_rest_;
  Bytes rest_, highest_;
  bool over_time_, any_ = false;
  Held at_peak_;
  std::optional<std::size_t> unit_;
  MemoryPeak peak_;
};

const Change& change_of(const std::vector<Change>& all, const Op& op) {
  return all[4 * static_cast<std::size_t>(op.stage) + static_cast<std::size_t>(op.kind)];
}

/// Without copies to the host the order of the operations says it all; times are looked up for the
/// peak alone.
void walk_in_order(const Operations& operations, const Timeline& timeline,
                   const std::vector<Change>& changes, Recorder& recorder) {
  Held held;
  for (std::size_t begin = 0; begin < operations.size();) {
    const std::size_t end = operations.unit_end(begin);
    Bytes running;
    for (std::size_t i = begin; i < end; ++i) {
      const Change& change = change_of(changes, operations.at(i));
      held.start(change);
      running += change.running;
    }
    const bool timed = recorder.wants_times();
    recorder.risen(timed ? timeline.start[operations.task(begin)] : 0, held, running, begin);
    for (std::size_t i = begin; i < end; ++i) held.finish(change_of(changes, operations.at(i)));
    if (timed) recorder.fallen(timeline.finish[operations.task(end - 1)], held, {});
    begin = end;
  }
  if (const auto unit = recorder.unit()) {
    recorder.set_time(timeline.start[operations.task(*unit)]);
  }
}

/// Something that happens at a time; what frees comes before what takes at the same time.
struct Event {
  enum What : std::uint8_t { kFinish, kOffloaded, kReload, kStart };
  SimTime time = 0;
  What what = kStart;
  std::size_t index = 0;  ///< of the unit's first operation, or of the copy
};

/// With copies to the host: an offloaded share is gone from the end of its copy out to the start of
/// its copy back.
void walk_in_time(const Operations& operations, const std::vector<HostCopy>& copies,
                  const Timeline& timeline, const MemoryModel& memory,
                  const std::vector<Change>& changes, Recorder& recorder) {
  std::vector<Event> events;
  for (std::size_t begin = 0; begin < operations.size(); begin = operations.unit_end(begin)) {
    events.push_back({timeline.start[operations.task(begin)], Event::kStart, begin});
    const TaskId last = operations.task(operations.unit_end(begin) - 1);
    events.push_back({timeline.finish[last], Event::kFinish, begin});
  }
  for (std::size_t i = 0; i < copies.size(); ++i) {
    events.push_back({timeline.finish[copies[i].offload], Event::kOffloaded, i});
    events.push_back({timeline.start[copies[i].reload], Event::kReload, i});
  }
  std::ranges::stable_sort(
      events, {}, [](const Event& e) { return std::pair(e.time, static_cast<int>(e.what)); });
  Held held;
  Bytes running;
  std::optional<std::size_t> unit;
  for (const Event& event : events) {
    switch (event.what) {
      case Event::kStart:
        unit = event.index;
        for (std::size_t i = event.index; i < operations.unit_end(event.index); ++i) {
          const Change& change = change_of(changes, operations.at(i));
          held.start(change);
          running += change.running;
        }
        recorder.risen(event.time, held, running, unit);
        break;
      case Event::kFinish:
        for (std::size_t i = event.index; i < operations.unit_end(event.index); ++i) {
          held.finish(change_of(changes, operations.at(i)));
        }
        running = {};
        unit.reset();
        recorder.fallen(event.time, held, running);
        break;
      case Event::kOffloaded:
        held.activations -= memory.stages[copies[event.index].stage].offloaded;
        recorder.fallen(event.time, held, running);
        break;
      case Event::kReload:
        held.activations += memory.stages[copies[event.index].stage].offloaded;
        recorder.risen(event.time, held, running, unit);
        break;
    }
  }
}

}  // namespace

MemoryPeak memory_peak(const LoweredStep& step, const Timeline& timeline, const Schedule& schedule,
                       const MemoryModel& memory, int rank, bool over_time) {
  const Operations operations(step, schedule, rank);
  const std::vector<Change> all = changes(memory, schedule, rank);
  Recorder recorder(memory.rank_static[rank], over_time);
  if (step.host_copies.empty() || step.host_copies[rank].empty()) {
    walk_in_order(operations, timeline, all, recorder);
  } else {
    walk_in_time(operations, step.host_copies[rank], timeline, memory, all, recorder);
  }
  return recorder.take(operations, memory);
}

}  // namespace plumbline
