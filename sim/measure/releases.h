// Which predecessor let each task start: the thread that idle time and the critical path follow.
#pragma once

#include <string>
#include <vector>

#include "sim/core/sim_time.h"
#include "sim/engine/timeline.h"
#include "sim/lowering/lower_training.h"

namespace plumbline {

struct Releases {
  /// [num_tasks] the predecessor whose end (and delay) the task's start coincides with, the
  /// lowest id where there are several; kNoTask for a task that waited for nothing
  std::vector<TaskId> by;
  /// [num_tasks] of a transfer, the operation whose result it carries; else kNoTask.  Empty unless
  /// asked for: only the names of what was awaited need it.
  std::vector<TaskId> producer;
};

/// Linear in the number of edges.
Releases find_releases(const LoweredStep& step, const Timeline& timeline,
                       bool with_producers = false);

/// Time in which a rank's compute stream runs nothing, before one of its tasks.
struct IdleGap {
  SimTime begin = 0, end = 0;
  TaskId until = kNoTask;  ///< the task that starts at `end`
  /// What it waited for: an operation, a data-parallel task or a copy; kNoTask where that is an
  /// operation behind a transfer and the producers were not asked for.
  TaskId awaited = kNoTask;
  SimTime transfer = 0;  ///< the last part of the gap, in which a hop was on its way
  SimTime hop = 0;       ///< how long that hop takes by itself
  bool forward = false;  ///< it carried an activation
  bool data = false;     ///< waited for data-parallel traffic
  bool host = false;     ///< `transfer` is a copy from the host, not a hop
};

/// The gap of `rank` that ends where `until` starts, given when the stream became free.
IdleGap idle_gap(const LoweredStep& step, const Timeline& timeline, const Releases& releases,
                 int rank, SimTime free_since, TaskId until);

/// "2F3", "all-gather", "reduce-scatter"; "" for kNoTask
std::string task_name(const LoweredStep& step, TaskId task);

/// [ranks][operations of the rank] what each operation waited for while its rank stood idle;
/// kNoTask where the rank did not stand idle before it.  For tables and traces.
std::vector<std::vector<TaskId>> waited_for(const LoweredStep& step, const Timeline& timeline);

}  // namespace plumbline
