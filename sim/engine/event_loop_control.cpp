// What a driver may ask of the event loop.

#include <stdexcept>
#include <string>
#include <utility>

#include "sim/engine/event_loop.h"
#include "sim/engine/event_loop_state.h"

namespace plumbline {
namespace {

SpeedProfile& own_profile(std::vector<SpeedProfile>& profiles, std::size_t id) {
  if (id >= profiles.size()) profiles.resize(id + 1);
  return profiles[id];
}

// A profile step's event: which kind of thing, and its id.
constexpr std::uint64_t what_changes(bool is_link, std::uint32_t id) {
  return (static_cast<std::uint64_t>(is_link) << 32) | id;
}

}  // namespace

EventLoop::EventLoop(SpeedProfiles profiles, Driver* driver)
    : profiles_(std::move(profiles)), driver_(driver) {
  constexpr SimTime kBeforeAll = -1;
  for (std::uint32_t r = 0; r < profiles_.resources.size(); ++r) {
    schedule_next_change(false, r, kBeforeAll);
  }
  for (std::uint32_t l = 0; l < profiles_.links.size(); ++l) {
    schedule_next_change(true, l, kBeforeAll);
  }
}

EventLoop::~EventLoop() = default;

RunId EventLoop::submit(std::shared_ptr<const TaskGraph> graph, SimTime at) {
  if (at < now_) throw std::invalid_argument("a graph cannot be submitted to the past");
  if (runs_.size() == kMostRuns) throw std::length_error("too many runs in one event loop");
  for (LinkId link = 0; link < graph->num_links(); ++link) {
    const double bandwidth = graph->link_bytes_per_second(link);
    if (link == network_.num_links()) {
      network_.add_link(bandwidth);
      if (link < profiles_.links.size()) {
        network_.set_speed(link, profiles_.links[link].factor_at(now_));
      }
    } else if (network_.link_bytes_per_second(link) != bandwidth) {
      throw std::invalid_argument("link " + std::to_string(link) +
                                  " has another bandwidth than in an earlier graph");
    }
  }
  if (resources_.size() < graph->num_resources()) resources_.resize(graph->num_resources());

  const RunId id = static_cast<RunId>(runs_.size());
  if (spare_runs_.empty()) {
    runs_.push_back(std::make_unique<Run>());
  } else {
    runs_.push_back(std::move(spare_runs_.back()));
    spare_runs_.pop_back();
  }
  Run& run = *runs_.back();
  run.id = id;
  run.untimed = graph->num_tasks();
  run.graph = std::move(graph);
  run.finished = false;
  ++live_;
  push(at, Phase::kBegin, what_of(id, 0));
  return id;
}

bool EventLoop::cancel(RunId id) {
  if (id >= runs_.size() || runs_[id] == nullptr || runs_[id]->finished) return false;
  const Run& run = *runs_[id];
  for (TaskId task = 0; task < run.pending.size(); ++task) {
    const std::uint32_t slot = run.pending[task];
    if (run.graph->is_flow(task) && network_.holds(slot, what_of(id, task))) network_.remove(slot);
  }
  retire(id);
  --live_;
  for (ResourceId r = 0; r < resources_.size(); ++r) {
    Exclusive& resource = resources_[r];
    const bool idle = resource.serving == Exclusive::kIdle;
    if (!idle && run_of(resource.serving) != id) continue;
    resource.serving = Exclusive::kIdle;
    // Also where it was idle: the event that would have served the queue may have been this run's.
    serve_next(r);
  }
  return true;
}

void EventLoop::set_timer(TimerId timer, SimTime at) {
  if (at < now_) throw std::invalid_argument("a timer cannot be set to the past");
  ++live_;
  push(at, Phase::kTimer, timer);
}

// The past of the profile is what it was, so the whole task is timed again from its start: exact,
// however often the speed changes.
void EventLoop::set_resource_speed(ResourceId id, double factor) {
  SpeedProfile& profile = own_profile(profiles_.resources, id);
  profile.set_from(now_, factor);
  if (id >= resources_.size() || resources_[id].serving == Exclusive::kIdle) return;
  Exclusive& resource = resources_[id];
  const TaskGraph& graph = *runs_[run_of(resource.serving)]->graph;
  resource.finish = profile.finish_of(resource.started, graph.work()[task_of(resource.serving)]);
  if (resource.finish != kNever) push(resource.finish, Phase::kFinish, resource.serving);
}

void EventLoop::set_link_speed(LinkId id, double factor) {
  own_profile(profiles_.links, id).set_from(now_, factor);
  if (id < network_.num_links()) network_.set_speed(id, factor);
}

const Timeline& EventLoop::timeline(RunId run) const { return finished_run(run).timeline; }

Timeline EventLoop::take_timeline(RunId run) { return std::move(finished_run(run).timeline); }

EventLoop::Run& EventLoop::finished_run(RunId id) const {
  if (id >= runs_.size() || runs_[id] == nullptr || !runs_[id]->finished) {
    throw std::invalid_argument("run " + std::to_string(id) +
                                " has not finished, or its timeline has been dropped");
  }
  return *runs_[id];
}

// Keeps the memory for the next run; queues and events that name the run find it gone.
void EventLoop::retire(RunId id) {
  Run& run = *runs_[id];
  run.graph = nullptr;
  run.pending.clear();
  run.timed.clear();
  run.chained.clear();
  spare_runs_.push_back(std::move(runs_[id]));
}

// Steps of resources need no work here, tasks were timed by the whole profile when they started.
void EventLoop::change_speed(std::uint64_t what) {
  const bool is_link = (what >> 32) != 0;
  const std::uint32_t id = static_cast<std::uint32_t>(what);
  const SpeedProfile& profile = is_link ? profiles_.links[id] : profiles_.resources[id];
  if (profile.next_change_after(now_ - 1) != now_) return;  // the driver has replaced this step
  const double factor = profile.factor_at(now_);
  schedule_next_change(is_link, id, now_);
  if (is_link && id < network_.num_links()) network_.set_speed(id, factor);
  if (driver_ != nullptr) driver_->on_resource_change({is_link, id, factor}, now_, *this);
}

void EventLoop::schedule_next_change(bool is_link, std::uint32_t id, SimTime after) {
  const SpeedProfile& profile = is_link ? profiles_.links[id] : profiles_.resources[id];
  const SimTime at = profile.next_change_after(after);
  if (at != kNever) push(at, Phase::kSpeed, what_changes(is_link, id));
}

}  // namespace plumbline
