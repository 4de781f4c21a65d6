// From event to event.  What has no queue is timed ahead of the clock: its start is known as soon
// as its last predecessor's finish is, and nothing that happens later can move it.

#include "sim/engine/event_loop.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "sim/core/large_vector.h"
#include "sim/engine/chains.h"
#include "sim/engine/event_loop_state.h"

namespace plumbline {

void Driver::on_finished(RunId, SimTime, EventLoop&) {}
void Driver::on_timer(TimerId, SimTime, EventLoop&) {}
void Driver::on_resource_change(const SpeedChange&, SimTime, EventLoop&) {}

void EventLoop::run() {
  ahead_ = driver_ == nullptr && runs_.size() == 1;
  while (live_ > 0) {
    if (queue_.empty() && !network_.changed()) report_stuck();
    // Every finish, flow and speed change of this picosecond is in: time for the links.
    const EventKey serving =
        event_key(now_, static_cast<std::uint64_t>(Phase::kServe) << kWhatBits);
    if (network_.changed() && (queue_.empty() || queue_.top() >= serving)) {
      for (const EventKey finish : network_.rerate(now_)) {
        push(event_time(finish), Phase::kFinish, event_id(finish));
      }
      continue;
    }
    const EventKey event = queue_.top();
    queue_.pop();
    now_ = event_time(event);
    handle(event);
  }
}

void EventLoop::handle(EventKey event) {
  const std::uint64_t what = what_of(event);
  const Phase phase = static_cast<Phase>(event_id(event) >> kWhatBits);
  if (phase == Phase::kTimer) {
    --live_;
    if (driver_ != nullptr) driver_->on_timer(static_cast<TimerId>(what), now_, *this);
    return;
  }
  if (phase == Phase::kSpeed) return change_speed(what);
  Run* const run = runs_[run_of(what)].get();
  if (run == nullptr) return;  // cancelled meanwhile
  switch (phase) {
    case Phase::kFinish:
      return finish(*run, task_of(what));
    case Phase::kBegin:
      return begin(*run);
    case Phase::kSetOut:
      return set_out(*run, task_of(what));
    case Phase::kServe:
      return ahead_ ? take_turn(*run, task_of(what)) : join_queue(*run, task_of(what));
    case Phase::kEnd:
      return end(*run);
    case Phase::kSpeed:
    case Phase::kTimer:
      break;  // have no run
  }
}

void EventLoop::begin(Run& run) {
  const TaskGraph& graph = *run.graph;
  const TaskId num_tasks = static_cast<TaskId>(graph.num_tasks());
  reserve_large(run.timeline.start, num_tasks);
  reserve_large(run.timeline.finish, num_tasks);
  reserve_large(run.pending, num_tasks);
  run.timeline.start.assign(num_tasks, now_);
  run.timeline.finish.resize(num_tasks);
  run.pending.assign(num_tasks, 0);
  run.successors = successors(graph);
  for (const TaskId target : run.successors.target) ++run.pending[target];
  if (ahead_) run.chained = chained_resources(graph);
  run.untimed = num_tasks;
  run.last_finish = now_;
  for (TaskId task = 0; task < num_tasks; ++task) {
    if (run.pending[task] == 0) resolve(run, task);
  }
  tell_successors(run);
}

// Tells the successors of every timed task, and those that are timed by that, and so on.
void EventLoop::tell_successors(Run& run) {
  const std::uint32_t* first_edge = run.successors.first.data();
  const TaskId* target = run.successors.target.data();
  const SimTime* delay = run.successors.delay.empty() ? nullptr : run.successors.delay.data();
  SimTime* start = run.timeline.start.data();
  while (!run.timed.empty()) {
    const TaskId task = run.timed.back();
    run.timed.pop_back();
    const SimTime finish = run.timeline.finish[task];
    for (std::uint32_t e = first_edge[task]; e < first_edge[task + 1]; ++e) {
      const TaskId next = target[e];
      start[next] = std::max(start[next], delay == nullptr ? finish : finish + delay[e]);
      if (--run.pending[next] == 0) resolve(run, next);
    }
  }
  if (run.untimed == 0) push(run.last_finish, Phase::kEnd, what_of(run.id, 0));
}

// The last predecessor is timed, so this task is ready at `start`.
void EventLoop::resolve(Run& run, TaskId task) {
  const SimTime ready = run.timeline.start[task];
  const std::int64_t work = run.graph->work()[task];
  run.pending[task] = Run::kReady;
  if (run.graph->no_resource(task)) {
    run.time(task, ready + work);
  } else if (run.graph->is_flow(task)) {
    if (work == 0) return run.time(task, ready);
    push(ready, Phase::kSetOut, what_of(run.id, task));
    run.prefetch_successors(task);
  } else if (const ResourceId resource = run.graph->resource(task);
             !run.chained.empty() && run.chained[resource]) {
    const SimTime finish = finish_on(resource, ready, work);
    if (finish != kNever) run.time(task, finish);
  } else {
    push(ready, Phase::kServe, what_of(run.id, task));
    run.prefetch_successors(task);
  }
}

void EventLoop::set_out(Run& run, TaskId flow) {
  const std::uint64_t what = what_of(run.id, flow);
  const FluidNetwork::FlowSlot slot =
      network_.add(what, run.graph->route(run.graph->route_of(flow)),
                   static_cast<double>(run.graph->work()[flow]), now_);
  run.pending[flow] = slot;
  if (network_.finish(slot) != kNever) push(network_.finish(slot), Phase::kFinish, what);
}

SimTime EventLoop::finish_on(ResourceId id, SimTime start, SimTime work) const {
  return id < profiles_.resources.size() ? profiles_.resources[id].finish_of(start, work)
                                         : start + work;
}

// First come, first served: with nobody to cancel or to change speeds, a task's turn is known when
// it becomes ready.
void EventLoop::take_turn(Run& run, TaskId task) {
  const ResourceId id = run.graph->resource(task);
  Exclusive& resource = resources_[id];
  if (resource.finish == kNever) return;
  SimTime& start = run.timeline.start[task];
  start = std::max(start, resource.finish);
  resource.finish = finish_on(id, start, run.graph->work()[task]);
  if (resource.finish == kNever) return;
  run.time(task, resource.finish);
  tell_successors(run);
}

// Also called for a task that has joined already, to offer it a resource that has become free.
void EventLoop::join_queue(Run& run, TaskId task) {
  const ResourceId id = run.graph->resource(task);
  Exclusive& resource = resources_[id];
  if (run.pending[task] == Run::kReady) {
    run.pending[task] = Run::kQueued;
    resource.waiting.push(event_key(run.timeline.start[task], what_of(run.id, task)));
  }
  if (resource.serving == Exclusive::kIdle) serve(id);
}

// Starts the head of the queue. REQUIRES: the resource is idle
void EventLoop::serve(ResourceId id) {
  Exclusive& resource = resources_[id];
  while (!resource.waiting.empty()) {
    const std::uint64_t what = event_id(resource.waiting.top());
    resource.waiting.pop();
    Run* const run = runs_[run_of(what)].get();
    if (run == nullptr) continue;  // cancelled while waiting
    run->timeline.start[task_of(what)] = now_;
    resource.serving = what;
    resource.started = now_;
    resource.finish = finish_on(id, now_, run->graph->work()[task_of(what)]);
    if (resource.finish != kNever) push(resource.finish, Phase::kFinish, what);
    return;
  }
}

// The resource has become free.  A head that was ready before now comes first whatever else
// happens now; one that is ready only now takes its turn among the ids of this picosecond.
void EventLoop::serve_next(ResourceId id) {
  EventQueue& waiting = resources_[id].waiting;
  while (!waiting.empty()) {
    const EventKey head = waiting.top();
    if (runs_[run_of(event_id(head))] == nullptr) {
      waiting.pop();  // cancelled while waiting
    } else if (event_time(head) < now_) {
      return serve(id);
    } else {
      return push(now_, Phase::kServe, event_id(head));
    }
  }
}

// Events are not taken back when work or a flow is re-timed; those out of date fall through here.
void EventLoop::finish(Run& run, TaskId task) {
  const std::uint64_t what = what_of(run.id, task);
  if (run.graph->is_flow(task)) {
    if (!network_.is_due(run.pending[task], what, now_)) return;
    network_.remove(run.pending[task]);
  } else {
    const ResourceId id = run.graph->resource(task);
    Exclusive& resource = resources_[id];
    if (resource.serving != what || resource.finish != now_) return;
    resource.serving = Exclusive::kIdle;
    serve_next(id);
  }
  run.time(task, now_);
  tell_successors(run);
}

void EventLoop::end(Run& run) {
  run.finished = true;
  --live_;
  if (driver_ == nullptr) return;
  const RunId id = run.id;
  driver_->on_finished(id, now_, *this);
  retire(id);
}

void EventLoop::report_stuck() const {
  std::size_t untimed = 0;
  for (const auto& run : runs_) untimed += run == nullptr ? 0 : run->untimed;
  throw std::runtime_error(std::to_string(untimed) +
                           " tasks can never finish: they wait for a resource or link that is down "
                           "and stays down");
}

Timeline event_loop(const TaskGraph& graph, const SpeedProfiles& profiles) {
  EventLoop loop(profiles);
  // The graph outlives the loop, so the pointer need not own it.
  const RunId run =
      loop.submit(std::shared_ptr<const TaskGraph>(&graph, [](const TaskGraph*) {}), 0);
  loop.run();
  return loop.take_timeline(run);
}

}  // namespace plumbline
