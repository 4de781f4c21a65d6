// A run's timeline as rows of bars.
#include "sim/report/gantt.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sim/report/step_view.h"
#include "sim/report/text.h"

namespace plumbline {
namespace {

BarKind bar_kind(TaskKind kind) {
  switch (kind) {
    case TaskKind::kBackward:
      return BarKind::kBackward;
    case TaskKind::kInputGrad:
      return BarKind::kInputGrad;
    case TaskKind::kWeightGrad:
      return BarKind::kWeightGrad;
    case TaskKind::kOptimizer:
      return BarKind::kOptimizer;
    case TaskKind::kDataReduce:
      return BarKind::kDataReduce;
    case TaskKind::kDataGather:
      return BarKind::kDataGather;
    default:
      return BarKind::kForward;
  }
}

GanttBar bar_of(const ReportInput& input, TaskId task) {
  const TaskLabel& label = input.step.labels[task];
  GanttBar bar;
  bar.kind = bar_kind(label.kind);
  bar.stage = label.stage;
  bar.microbatch = label.microbatch;
  bar.start = to_seconds(input.timeline.start[task]).base();
  bar.finish = to_seconds(input.timeline.finish[task]).base();
  return bar;
}

}  // namespace

std::string_view name_of(BarKind kind) {
  constexpr std::array<std::string_view, 7> kNames = {
      "forward",   "backward",        "input gradient",   "weight gradient",
      "optimizer", "gradient reduce", "parameter gather",
  };
  return kNames[static_cast<std::size_t>(kind)];
}

Gantt gantt_of(const ReportInput& input) {
  const LoweredStep& step = input.step;
  const ChunkOfStage chunk_of(input.schedule);
  const LastArrivals arrivals(step, input.timeline);
  const TrainingResult& training = input.result.training;

  Gantt gantt;
  gantt.title = input.result.scenario;
  gantt.subtitle = fmt::format("{}: step {}, bubble {}, MFU {}", input.schedule.name,
                               duration(training.iteration_time_s),
                               percent(training.bubble_fraction), percent(training.mfu));
  gantt.rows.resize(step.rank_ops.size());
  for (std::size_t rank = 0; rank < gantt.rows.size(); ++rank) {
    gantt.rows[rank].label = fmt::format("rank {}", rank);
  }
  for_each_operation(step, input.timeline, [&](std::size_t rank, TaskId op, bool idle_before) {
    GanttBar bar = bar_of(input, op);
    bar.chunk = static_cast<std::uint8_t>(
        std::min(255, chunk_of(step.labels[op].replica, step.labels[op].stage)));
    if (idle_before) bar.waited_for = arrivals.waited_for(op);
    gantt.rows[rank].compute.push_back(std::move(bar));
  });
  for (TaskId task = 0; task < step.labels.size(); ++task) {
    const TaskLabel& label = step.labels[task];
    const bool data = label.kind == TaskKind::kDataReduce || label.kind == TaskKind::kDataGather;
    if (!data && label.kind != TaskKind::kOptimizer) continue;
    if (label.rank < 0 || label.rank >= static_cast<int>(gantt.rows.size())) continue;
    GanttRow& row = gantt.rows[label.rank];
    (data ? row.data : row.compute).push_back(bar_of(input, task));
  }
  for (GanttRow& row : gantt.rows) {
    for (auto* bars : {&row.compute, &row.data}) {
      std::erase_if(*bars, [](const GanttBar& bar) { return bar.finish <= bar.start; });
      std::ranges::stable_sort(*bars, {}, &GanttBar::start);
      for (const GanttBar& bar : *bars) gantt.end = std::max(gantt.end, bar.finish);
    }
  }
  return gantt;
}

}  // namespace plumbline
