// The executor for everything that has to be arbitrated: queues, shared links, speed changes, and
// graphs that a driver submits while others run.
//
// Time moves from event to event.  Within one picosecond the order is: finishes, starts of
// submitted graphs, flows that set out, speed changes; then link rates; then free resources serve
// their queues, lowest task id first; then the driver hears of finished graphs and of timers.
// Only what shares something causes events: a task on no resource, or on one whose order the
// graph's edges fix, is timed as soon as its last predecessor is, and without a driver a task that
// queues is timed when it becomes ready, since nothing can overtake it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/engine/event_queue.h"
#include "sim/engine/fluid_network.h"
#include "sim/engine/speed_profile.h"
#include "sim/engine/task_graph.h"
#include "sim/engine/timeline.h"

namespace plumbline {

using RunId = std::uint32_t;    ///< one submission of a graph; ascending in order of submission
using TimerId = std::uint32_t;  ///< chosen by the driver

class EventLoop;

/// A step of the speed profile of a resource or link.
struct SpeedChange {
  bool is_link = false;
  std::uint32_t id = 0;  ///< LinkId or ResourceId
  double factor = 1.0;   ///< from now on
};

/// Online decisions: called once per finished graph, timer or profile step, never per task.
/// Each callback may submit, cancel, set timers and change speeds.
class Driver {
 public:
  virtual ~Driver() = default;
  virtual void on_finished(RunId run, SimTime now, EventLoop& loop);
  virtual void on_timer(TimerId timer, SimTime now, EventLoop& loop);
  virtual void on_resource_change(const SpeedChange& change, SimTime now, EventLoop& loop);
};

class EventLoop {
 public:
  /// `driver` may be null; it must outlive the loop.
  explicit EventLoop(SpeedProfiles profiles = {}, Driver* driver = nullptr);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Starts an instance of the graph at `at`. Resource and link ids mean the same thing in every
  /// graph of one loop: two runs that name resource 3 queue for it.
  /// @throws std::invalid_argument when `at` is in the past, or when the graph gives a link another
  ///         bandwidth than an earlier graph did
  RunId submit(std::shared_ptr<const TaskGraph> graph, SimTime at);

  /// Drops a run: what it has in flight stops now, what it holds is free now, and the driver does
  /// not hear of it. Returns false when it has already finished or been cancelled.
  bool cancel(RunId run);

  /// Calls on_timer at `at`; at one time, lower timers first. @throws std::invalid_argument when in
  /// the past
  void set_timer(TimerId timer, SimTime at);

  /// From now on `factor` times nominal; later steps of the profile are dropped. Work and flows in
  /// flight are re-timed, and the driver does not hear of it.
  /// @throws std::invalid_argument as SpeedProfile does
  void set_resource_speed(ResourceId resource, double factor);
  void set_link_speed(LinkId link, double factor);

  SimTime now() const { return now_; }

  /// Runs until no graph and no timer is left.
  /// @throws std::runtime_error when what is left waits for something that stays down
  void run();

  /// When the tasks of a finished run ran. With a driver it is there until on_finished returns;
  /// without one, as long as the loop, or until it is taken.
  /// @throws std::invalid_argument when the run has not finished or has been dropped
  const Timeline& timeline(RunId run) const;
  Timeline take_timeline(RunId run);

 private:
  struct Run;
  struct Exclusive;
  enum class Phase : std::uint8_t;

  void push(SimTime at, Phase phase, std::uint64_t what);
  void handle(EventKey event);
  void begin(Run& run);
  void tell_successors(Run& run);
  void resolve(Run& run, TaskId task);
  void set_out(Run& run, TaskId flow);
  void take_turn(Run& run, TaskId task);
  void join_queue(Run& run, TaskId task);
  void serve(ResourceId id);
  void serve_next(ResourceId id);
  SimTime finish_on(ResourceId id, SimTime start, SimTime work) const;
  void finish(Run& run, TaskId task);
  void end(Run& run);
  void change_speed(std::uint64_t what);
  void schedule_next_change(bool is_link, std::uint32_t id, SimTime after);
  void retire(RunId id);
  Run& finished_run(RunId id) const;
  [[noreturn]] void report_stuck() const;

  SpeedProfiles profiles_;
  Driver* driver_;
  SimTime now_ = 0;
  EventQueue queue_;
  FluidNetwork network_;
  std::vector<Exclusive> resources_;
  std::vector<std::unique_ptr<Run>> runs_;        // by RunId; null once cancelled or dropped
  std::vector<std::unique_ptr<Run>> spare_runs_;  // emptied, kept for their memory
  std::size_t live_ = 0;                          // runs and timers that are still to come
  bool ahead_ = false;                            // one graph, no driver: time ordered tasks ahead
};

/// Runs one graph from time 0 by the event loop alone.
Timeline event_loop(const TaskGraph& graph, const SpeedProfiles& profiles = {});

}  // namespace plumbline
