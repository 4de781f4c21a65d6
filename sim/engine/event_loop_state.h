// What the event loop remembers of a run and of an exclusive resource. Internal to the loop.
#pragma once

#include "sim/engine/event_loop.h"

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

// All that the loop reads and writes of a task, side by side: a large graph does not fit the
// caches, and this is one miss per task instead of one per array.
struct EventLoop::Node {
  // Values of `pending` once a task is ready (a flow in flight has its slot there instead).
  static constexpr std::uint32_t kReady = 0xffffffffu;
  static constexpr std::uint32_t kQueued = 0xfffffffeu;

  SimTime start = 0;           // until the task is ready, the latest finish before it
  std::int64_t work = 0;       // once the task is timed, its finish
  std::uint32_t resource = 0;  // as in the graph
  std::uint32_t first_edge = 0;
  std::uint32_t end_edge = 0;
  std::uint32_t pending = 0;  // predecessors that are not timed yet
};

struct EventLoop::Run {
  RunId id = 0;
  std::shared_ptr<const TaskGraph> graph;
  std::vector<Node> nodes;    // [num_tasks]; empty until the run begins
  std::vector<TaskId> timed;  // finish known, successors not told yet
  std::vector<bool> chained;  // resources that need no queue; empty: all need one
  std::size_t untimed = 0;
  SimTime last_finish = 0;
  bool finished = false;

  // By the time the task is through they are in the cache; waiting for them then would take longer
  // than everything else in the loop.
  void prefetch_successors(const Node& node) const {
    for (std::uint32_t e = node.first_edge; e < node.end_edge; ++e) {
      __builtin_prefetch(&nodes[graph->edge_target()[e]], 1);
    }
  }

  void time(TaskId task, SimTime finish) {
    nodes[task].work = finish;
    last_finish = finish > last_finish ? finish : last_finish;
    --untimed;
    timed.push_back(task);
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
