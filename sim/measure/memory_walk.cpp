#include "sim/measure/memory_walk.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "sim/lowering/op_times.h"

namespace plumbline {
namespace {

using Change = MemoryWalk::Change;

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
  /// Whether `risen` would record anything but the time.
  bool tops(const Held& held, Bytes running) const {
    return held.live > peak_.live_activations ||
           rest_ + held.activations + held.logits + running > highest_;
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

/// Without copies to the host the order of the operations says it all.
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
    recorder.risen(timeline.start[operations.task(begin)], held, running, begin);
    for (std::size_t i = begin; i < end; ++i) held.finish(change_of(changes, operations.at(i)));
    recorder.fallen(timeline.finish[operations.task(end - 1)], held, {});
    begin = end;
  }
}

/// The same for the peak alone, of which only the operation matters.
void find_peak(const std::vector<Op>& row, const std::vector<Change>& changes, Recorder& recorder) {
  Held held;
  for (std::size_t begin = 0; begin < row.size();) {
    const Change& change = change_of(changes, row[begin]);
    held.start(change);
    if (!begins_pair(row, begin)) {
      if (recorder.tops(held, change.running)) recorder.risen(0, held, change.running, begin);
      held.finish(change);
      ++begin;
      continue;
    }
    const Change& other = change_of(changes, row[begin + 1]);
    held.start(other);
    recorder.risen(0, held, change.running + other.running, begin);
    held.finish(change);
    held.finish(other);
    begin += 2;
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

MemoryWalk::MemoryWalk(const LoweredStep& step, const Timeline& timeline, const Schedule& schedule,
                       const MemoryModel& memory)
    : step_(step), timeline_(timeline), schedule_(schedule), memory_(memory) {
  changes_.reserve(4 * memory.stages.size());
  for (const StageMemory& stage : memory.stages) {
    const Bytes running = stage.backward_transient.total();
    // F, B, I, W
    changes_.push_back({.start_activations = stage.activations,
                        .start_logits = stage.logits,
                        .running = stage.forward_transient.total(),
                        .finish_activations = {},
                        .finish_logits = {},
                        .start_live = 1});
    changes_.push_back({.start_activations = {},
                        .start_logits = {},
                        .running = running,
                        .finish_activations = stage.activations,
                        .finish_logits = stage.logits,
                        .finish_live = 1});
    changes_.push_back(
        {.start_activations = {},
         .start_logits = {},
         .running = running,
         .finish_activations = stage.activations - stage.activations_after_input_grad,
         .finish_logits = stage.logits});
    changes_.push_back({.start_activations = {},
                        .start_logits = {},
                        .running = {},
                        .finish_activations = stage.activations_after_input_grad,
                        .finish_logits = {},
                        .finish_live = 1});
  }
}

MemoryPeak MemoryWalk::peak(int rank, bool over_time) const {
  const Operations operations(step_, schedule_, rank);
  Recorder recorder(memory_.rank_static[rank], over_time);
  if (!step_.host_copies.empty() && !step_.host_copies[rank].empty()) {
    walk_in_time(operations, step_.host_copies[rank], timeline_, memory_, changes_, recorder);
  } else if (over_time || step_.iterations > 1) {
    walk_in_order(operations, timeline_, changes_, recorder);
  } else {
    find_peak(schedule_.ranks[rank], changes_, recorder);
    if (const auto unit = recorder.unit()) {
      recorder.set_time(timeline_.start[operations.task(*unit)]);
    }
  }
  return recorder.take(operations, memory_);
}

}  // namespace plumbline
