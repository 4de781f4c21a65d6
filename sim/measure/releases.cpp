// One pass over the edges finds the tight one into every task.  An operation's wait is then read
// off backwards:
//
//   rank 0   ....F0....|                     rank 1 waits from 0 to 6 for 0F0: until 4 the
//   transfer            \====\               producer ran (idle), from 4 to 6 the hop was on
//   rank 1                    |....F0....    its way (exposed transfer)

#include "sim/measure/releases.h"

#include <algorithm>

#include "schedules/schedule.h"
#include "sim/core/large_vector.h"

namespace plumbline {
namespace {

bool carries(const TaskLabel& transfer, const TaskLabel& operation) {
  return is_operation(operation.kind) && operation.kind != TaskKind::kWeightGrad &&
         (operation.kind == TaskKind::kForward) == transfer.forward_direction &&
         operation.rank == transfer.rank && operation.stage == transfer.stage &&
         operation.microbatch == transfer.microbatch;
}

bool is_data(TaskKind kind) {
  return kind == TaskKind::kDataReduce || kind == TaskKind::kDataGather;
}

}  // namespace

Releases find_releases(const LoweredStep& step, const Timeline& timeline, bool with_producers) {
  const TaskGraph& graph = step.graph;
  const auto num_tasks = static_cast<TaskId>(graph.num_tasks());
  Releases releases;
  reserve_large(releases.by, num_tasks);
  releases.by.resize(num_tasks, kNoTask);
  TaskId* by = releases.by.data();
  for_each_edge(graph, [&, finish = timeline.finish.data(), start = timeline.start.data()](
                           TaskId from, TaskId to, SimTime delay) {
    // kNoTask is the highest id.
    if (finish[from] + delay == start[to]) by[to] = std::min(by[to], from);
  });
  if (!with_producers) return releases;
  releases.producer.assign(num_tasks, kNoTask);
  std::vector<TaskId> sources(num_tasks, 0);  // the highest so far
  for_each_edge(graph, [&](TaskId from, TaskId to, SimTime) {
    // An overlapped pair hands over both results at its end: the first operation's transfer
    // hangs on the second one, which is the next task.
    if (step.labels[to].kind != TaskKind::kTransfer || from < sources[to]) return;
    for (const TaskId producer : {from, from - 1}) {
      if (producer != kNoTask && carries(step.labels[to], step.labels[producer])) {
        releases.producer[to] = producer;
        sources[to] = from;
      }
    }
  });
  return releases;
}

IdleGap idle_gap(const LoweredStep& step, const Timeline& timeline, const Releases& releases,
                 int rank, SimTime free_since, TaskId until) {
  IdleGap gap{.begin = free_since, .end = timeline.start[until], .until = until};
  // A marker passes on what released it.
  TaskId waiting = until;
  TaskId release = releases.by[waiting];
  while (release != kNoTask && step.labels[release].kind == TaskKind::kMarker) {
    waiting = release;
    release = releases.by[waiting];
  }
  if (release == kNoTask) return gap;

  const TaskLabel& label = step.labels[release];
  gap.awaited = release;
  gap.data = is_data(label.kind);
  SimTime hop_begin = gap.end;
  if (label.kind == TaskKind::kTransfer) {
    gap.forward = label.forward_direction;
    gap.hop = timeline.finish[release] - timeline.start[release];
    // Standing in the link's queue behind other transfers is transfer time too.
    TaskId first = release;
    TaskId before = releases.by[first];
    while (before != kNoTask && step.labels[before].kind == TaskKind::kTransfer) {
      first = before;
      before = releases.by[first];
    }
    hop_begin = timeline.start[first];
    if (label.peer == rank) {
      gap.awaited = releases.producer.empty() ? kNoTask : releases.producer[release];
    } else if (before != kNoTask) {
      gap.awaited = before;  // a blocking send that waited for its receiver
    }
  } else if (label.kind == TaskKind::kReload) {
    // The copies before it on the host link are part of the wait.
    gap.host = true;
    TaskId first = release;
    while (releases.by[first] != kNoTask && is_host_copy(step.labels[releases.by[first]].kind)) {
      first = releases.by[first];
    }
    hop_begin = timeline.start[first];
  } else if (is_operation(label.kind)) {
    gap.forward = label.kind == TaskKind::kForward;
    gap.hop = timeline.start[waiting] - timeline.finish[release];
    hop_begin = timeline.finish[release];
  }
  gap.transfer = std::max<SimTime>(0, gap.end - std::max(hop_begin, gap.begin));
  return gap;
}

std::string task_name(const LoweredStep& step, TaskId task) {
  if (task == kNoTask) return {};
  const TaskLabel& label = step.labels[task];
  switch (label.kind) {
    case TaskKind::kForward:
    case TaskKind::kBackward:
    case TaskKind::kInputGrad:
    case TaskKind::kWeightGrad:
      return to_string(Op{.kind = static_cast<OpKind>(label.kind),
                          .replica = label.replica,
                          .stage = label.stage,
                          .microbatch = label.microbatch});
    case TaskKind::kTransfer:
      return "transfer";
    case TaskKind::kMarker:
      return "barrier";
    case TaskKind::kDataReduce:
      return "reduce-scatter";
    case TaskKind::kDataGather:
      return "all-gather";
    case TaskKind::kOptimizer:
      return "optimizer";
    case TaskKind::kOffload:
      return "offload";
    case TaskKind::kReload:
      return "reload";
  }
  return {};
}

std::vector<std::vector<TaskId>> waited_for(const LoweredStep& step, const Timeline& timeline) {
  const Releases releases = find_releases(step, timeline, true);
  std::vector<std::vector<TaskId>> waits(step.rank_ops.size());
  for (std::size_t rank = 0; rank < waits.size(); ++rank) {
    SimTime free_since = 0;
    for (const TaskId task : step.rank_ops[rank]) {
      const bool idle = timeline.start[task] > free_since;
      waits[rank].push_back(
          idle
              ? idle_gap(step, timeline, releases, static_cast<int>(rank), free_since, task).awaited
              : kNoTask);
      free_since = timeline.finish[task];
    }
  }
  return waits;
}

}  // namespace plumbline
