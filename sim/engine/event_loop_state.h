// What the event loop remembers of a run and of an exclusive resource. Internal to the loop.
#pragma once

#include "sim/engine/event_loop.h"
#include "sim/engine/successors.h"

namespace plumbline {

// The order of events of one picosecond; links are filled again before kServe.
enum class EventLoop::Phase : std::uint8_t {
  kFinish,  // of a task on a resource or of a flow
  kBegin,   // of a submitted graph
  kSetOut,  // of a flow
  kSpeed,
  kServe,  // of a task that has become ready, or whose resource has become free
  kEnd,    // of a graph
  kTimer,
};

struct EventLoop::Run {
  // Values of `pending` once a task is ready (a flow in flight has its slot there instead).
  static constexpr std::uint32_t kReady = 0xffffffffu;
  static constexpr std::uint32_t kQueued = 0xfffffffeu;

  RunId id = 0;
  std::shared_ptr<const TaskGraph> graph;
  Successors successors;
  Timeline timeline;  // until a task is ready, `start` holds the latest finish before it
  std::vector<std::uint32_t> pending;  // [num_tasks] predecessors that are not timed yet
  std::vector<TaskId> timed;           // finish known, successors not told yet
  std::vector<bool> chained;           // resources that need no queue; empty: all need one
  std::size_t untimed = 0;
  SimTime last_finish = 0;
  bool finished = false;

  void time(TaskId task, SimTime finish) {
    timeline.finish[task] = finish;
    last_finish = finish > last_finish ? finish : last_finish;
    --untimed;
    timed.push_back(task);
  }

  // By the time a task that queues is through, its successors are in the cache; waiting for them
  // then takes as long as the rest of the loop.
  void prefetch_successors(TaskId task) const {
    for (std::uint32_t e = successors.first[task]; e < successors.first[task + 1]; ++e) {
      const TaskId next = successors.target[e];
      __builtin_prefetch(&pending[next], 1);
      __builtin_prefetch(&timeline.start[next], 1);
    }
  }
};

// Serves one task at a time; the rest wait in order of (ready, run, task).  While tasks are timed
// ahead nothing waits: a task's turn is known when it becomes ready, only `finish` is used.
struct EventLoop::Exclusive {
  static constexpr std::uint64_t kIdle = ~std::uint64_t{0};
  EventQueue waiting;
  std::uint64_t serving = kIdle;  // run and task
  SimTime started = 0;
  SimTime finish = 0;  // of the task served last
};

// An event's id, from the most significant bit: phase 3, run 29, task 32.
inline constexpr int kWhatBits = 61;
inline constexpr std::size_t kMostRuns = std::size_t{1} << 29;
constexpr std::uint64_t what_of(RunId run, TaskId task) {
  return (static_cast<std::uint64_t>(run) << 32) | task;
}
constexpr std::uint64_t what_of(EventKey event) {
  return event_id(event) & ((std::uint64_t{1} << kWhatBits) - 1);
}
constexpr RunId run_of(std::uint64_t what) { return static_cast<RunId>(what >> 32); }
constexpr TaskId task_of(std::uint64_t what) { return static_cast<TaskId>(what); }

inline void EventLoop::push(SimTime at, Phase phase, std::uint64_t what) {
  queue_.push(event_key(at, (static_cast<std::uint64_t>(phase) << kWhatBits) | what));
}

}  // namespace plumbline
