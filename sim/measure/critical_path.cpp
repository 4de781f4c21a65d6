#include "sim/measure/critical_path.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

namespace plumbline {
namespace {

/// What tasks of the critical path are summed by.
using Key = std::tuple<TaskKind, int, int>;  // kind, rank, peer

struct Sum {
  SimTime time = 0;
  int tasks = 0;
};

std::string describe(const Key& key) {
  const auto& [kind, rank, peer] = key;
  const std::string on_rank = " on rank " + std::to_string(rank);
  switch (kind) {
    case TaskKind::kForward:
    case TaskKind::kBackward:
    case TaskKind::kInputGrad:
    case TaskKind::kWeightGrad:
      return to_letter(static_cast<OpKind>(kind)) + on_rank;
    case TaskKind::kTransfer:
      return "transfer " + std::to_string(rank) + " -> " + std::to_string(peer);
    case TaskKind::kMarker:
      return "wait" + on_rank;
    case TaskKind::kDataReduce:
      return "gradient reduction" + on_rank;
    case TaskKind::kDataGather:
      return "parameter gather" + on_rank;
    case TaskKind::kOptimizer:
      return "optimizer" + on_rank;
    case TaskKind::kOffload:
      return "offload" + on_rank;
    case TaskKind::kReload:
      return "reload" + on_rank;
  }
  return {};
}

TaskId last_task(const Timeline& timeline, SimTime end) {
  const auto last = std::find(timeline.finish.begin(), timeline.finish.end(), end);
  return last == timeline.finish.end() ? kNoTask
                                       : static_cast<TaskId>(last - timeline.finish.begin());
}

}  // namespace

std::vector<CriticalStep> critical_path(const LoweredStep& step, const Timeline& timeline,
                                        const Releases& releases, const Window& window) {
  std::map<Key, Sum> sums;
  const auto add = [&](const Key& key, SimTime begin, SimTime end) {
    const SimTime inside = std::min(end, window.end) - std::max(begin, window.begin);
    if (inside <= 0) return;
    sums[key].time += inside;
    ++sums[key].tasks;
  };

  for (TaskId task = last_task(timeline, window.end); task != kNoTask;) {
    const TaskLabel& label = step.labels[task];
    add({label.kind, label.rank, label.peer}, timeline.start[task], timeline.finish[task]);
    const TaskId before = releases.by[task];
    if (before != kNoTask) {
      // Only hops are delays of edges.
      add({TaskKind::kTransfer, step.labels[before].rank, label.rank}, timeline.finish[before],
          timeline.start[task]);
    }
    if (timeline.start[task] <= window.begin) break;
    task = before;
  }

  std::vector<CriticalStep> path;
  for (const auto& [key, sum] : sums) {
    path.push_back({.what = describe(key),
                    .seconds = to_seconds(sum.time).base() / window.iterations,
                    .tasks = sum.tasks});
  }
  std::stable_sort(path.begin(), path.end(), [](const CriticalStep& a, const CriticalStep& b) {
    return a.seconds > b.seconds;
  });
  return path;
}

}  // namespace plumbline
