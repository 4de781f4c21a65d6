#include "calibration/box.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "calibration/measure/stopping_rule.h"
#include "sim/core/diagnostic.h"
#include "sim/engine/execute.h"
#include "sim/kernels/problem.h"

namespace plumbline {
namespace {

using measure::BoxOp;
using measure::BoxPlan;
using measure::BoxProgram;
using measure::BoxRow;
using measure::quantile;

using OpKey = std::pair<int, std::string>;

OpKey key_of(const BoxOp& op) {
  std::string text = std::to_string(op.stage);
  text += op.kind;
  return {op.rank, std::move(text)};
}

// "3F12" -> "3F"
std::string without_microbatch(const std::string& op) {
  return op.substr(0, op.find_first_not_of("0123456789") + 1);
}

SimTime from_us(double us) { return to_sim_time(Seconds(std::max(us, 0.0) * 1e-6)); }

double median_of(const std::vector<double>& values) {
  return values.empty() ? 0 : quantile(values, 0.5);
}

/// Times of one section by what they belong to.
struct Sections {
  std::map<OpKey, std::vector<double>> solo, loaded;
  std::vector<double> same, cross;
  /// [iteration] of the replay: (rank, "3F12") -> start and end
  std::map<int, std::map<OpKey, std::pair<double, double>>> replay;
};

Sections sort_out(const std::vector<BoxRow>& timeline) {
  Sections s;
  for (const BoxRow& row : timeline) {
    if (row.section == "solo") s.solo[{row.rank, row.op}].push_back(row.duration_us());
    if (row.section == "same") s.same.push_back(row.duration_us());
    if (row.section == "cross") s.cross.push_back(row.duration_us());
    if (row.section == "reference") {
      s.loaded[{row.rank, without_microbatch(row.op)}].push_back(row.duration_us());
    }
    if (row.section == "replay") {
      s.replay[row.iteration][{row.rank, row.op}] = {row.start_us, row.end_us};
    }
  }
  return s;
}

/// One iteration as it was measured.
struct Iteration {
  std::vector<double> start, end;  ///< [operations]
  double makespan = 0, bubble = 0;
};

Iteration iteration_of(const std::map<OpKey, std::pair<double, double>>& rows, const BoxPlan& plan,
                       const std::string& path) {
  Iteration it;
  double first = HUGE_VAL, last = -HUGE_VAL, busy = 0;
  for (const BoxOp& op : plan.replay.ops) {
    const auto found = rows.find({op.rank, to_string(op)});
    if (found == rows.end()) {
      throw problem_at(path, 0, "has no replay of " + to_string(op) + " on every iteration",
                       "is it the timeline of this plan?");
    }
    const auto [start, end] = found->second;
    it.start.push_back(start);
    it.end.push_back(end);
    first = std::min(first, start);
    last = std::max(last, end);
    busy += end - start;
  }
  for (double& t : it.start) t -= first;
  for (double& t : it.end) t -= first;
  it.makespan = last - first;
  it.bubble = 1 - busy / (plan.ranks * it.makespan);
  return it;
}

BoxTimes times_of(const std::map<OpKey, std::vector<double>>& durations, const Sections& s) {
  BoxTimes times;
  for (const auto& [key, all] : durations) times.op[key] = from_us(median_of(all));
  times.same = from_us(median_of(s.same));
  times.cross = from_us(median_of(s.cross));
  return times;
}

// Operations are matched by name, so a prediction of another order is held to the same timeline.
BoxError error_of(const BoxProgram& program, const BoxRun& run, const BoxReport& report,
                  const std::map<OpKey, double>& measured_start) {
  BoxError error;
  const double makespan = to_seconds(run.makespan).base();
  error.makespan = makespan / report.measured_makespan_s - 1;
  error.bubble = run.bubble_fraction - report.measured_bubble;
  const SimTime origin = *std::min_element(run.start.begin(), run.start.end());
  std::vector<double> distances;
  for (std::size_t i = 0; i < program.ops.size(); ++i) {
    const double start = to_seconds(run.start[i] - origin).base();
    const double measured = measured_start.at({program.ops[i].rank, to_string(program.ops[i])});
    distances.push_back(std::abs(start - measured) / report.measured_makespan_s);
  }
  error.starts = median_of(distances);
  return error;
}

}  // namespace

BoxRun predict(const BoxProgram& program, int ranks, const BoxTimes& times) {
  TaskGraphBuilder builder;
  builder.reserve(program.ops.size(), 2 * program.ops.size());
  std::vector<ResourceId> resources;
  for (int rank = 0; rank < ranks; ++rank) resources.push_back(builder.add_resource());
  std::vector<Diagnostic> problems;
  for (std::size_t i = 0; i < program.ops.size(); ++i) {
    const BoxOp& op = program.ops[i];
    const auto found = times.op.find(key_of(op));
    if (found == times.op.end()) {
      Diagnostic& problem = problems.emplace_back();
      problem.path = program.name;
      problem.problem = "no time for " + key_of(op).second + " on rank " + std::to_string(op.rank);
      continue;
    }
    const TaskId task =
        builder.add_task(resources[static_cast<std::size_t>(op.rank)], found->second);
    for (const int before : op.after) {
      const bool same = program.ops[static_cast<std::size_t>(before)].rank == op.rank;
      if (problems.empty()) {
        builder.add_edge(static_cast<TaskId>(before), task, same ? times.same : times.cross);
      }
    }
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  const TaskGraph graph = std::move(builder).build();
  Timeline timeline = execute(graph).timeline;
  BoxRun run{std::move(timeline.start), std::move(timeline.finish), 0, 0};
  if (run.start.empty()) return run;
  SimTime busy = 0;
  for (std::size_t i = 0; i < run.start.size(); ++i) busy += run.finish[i] - run.start[i];
  run.makespan = *std::max_element(run.finish.begin(), run.finish.end()) -
                 *std::min_element(run.start.begin(), run.start.end());
  const double all = static_cast<double>(run.makespan) * ranks;
  run.bubble_fraction = all > 0 ? 1 - static_cast<double>(busy) / all : 0;
  return run;
}

BoxTimes uniform_times(const BoxProgram& program, Seconds f, Seconds i, Seconds w, Seconds comm) {
  BoxTimes times;
  times.cross = to_sim_time(comm);
  for (const BoxOp& op : program.ops) {
    const Seconds cost = op.kind == 'F' ? f : op.kind == 'I' ? i : op.kind == 'W' ? w : i + w;
    times.op[key_of(op)] = to_sim_time(cost);
  }
  return times;
}

BoxTolerance tolerance_of(const std::string& mode) {
  const double share = mode == "spin" ? 0.005 : mode == "tensor" ? 0.02 : 0.05;
  return {share, 0.01, share};
}

bool within(const BoxError& error, const BoxTolerance& tolerance) {
  return std::abs(error.makespan) <= tolerance.makespan &&
         std::abs(error.bubble) <= tolerance.bubble && error.starts <= tolerance.starts;
}

BoxReport compare_box(const BoxPlan& plan, const BoxProgram& wrong,
                      const std::vector<BoxRow>& timeline, const std::string& path) {
  const Sections s = sort_out(timeline);
  if (s.replay.empty() || s.solo.empty() || s.loaded.empty()) {
    throw problem_at(path, 0, "has not all of solo, reference and replay",
                     "was `plumbline-measure box` interrupted?");
  }
  if (plan.reference.name == plan.replay.name || plan.reference == plan.replay) {
    throw problem_at(path, 0, "the reference schedule is the replayed one",
                     "loaded times must come from another schedule");
  }
  BoxReport report;
  report.schedule = plan.replay.name;
  report.reference = plan.reference.name;
  report.mode = plan.mode;
  report.iterations = static_cast<int>(s.replay.size());
  report.same_us = median_of(s.same);
  report.cross_us = median_of(s.cross);

  std::vector<Iteration> iterations;
  std::vector<double> makespans, bubbles, factors;
  for (const auto& [number, rows] : s.replay) {
    iterations.push_back(iteration_of(rows, plan, path));
    makespans.push_back(iterations.back().makespan);
    bubbles.push_back(iterations.back().bubble);
  }
  report.measured_makespan_s = median_of(makespans) * 1e-6;
  report.makespan_spread =
      (quantile(makespans, 0.9) - quantile(makespans, 0.1)) / median_of(makespans);
  report.measured_bubble = median_of(bubbles);
  for (const auto& [key, loaded] : s.loaded) {
    const auto solo = s.solo.find(key);
    if (solo != s.solo.end()) factors.push_back(median_of(loaded) / median_of(solo->second));
  }
  report.loaded_factor = median_of(factors);

  std::map<OpKey, double> measured_start;
  for (std::size_t i = 0; i < plan.replay.ops.size(); ++i) {
    std::vector<double> starts, ends;
    for (const Iteration& it : iterations) {
      starts.push_back(it.start[i]);
      ends.push_back(it.end[i]);
    }
    report.start_us.push_back(median_of(starts));
    report.end_us.push_back(median_of(ends));
    const BoxOp& op = plan.replay.ops[i];
    measured_start[{op.rank, to_string(op)}] = report.start_us.back() * 1e-6;
  }

  report.tolerance = tolerance_of(plan.mode);
  const BoxTimes solo = times_of(s.solo, s), loaded = times_of(s.loaded, s);
  report.solo = predict(plan.replay, plan.ranks, solo);
  report.loaded = predict(plan.replay, plan.ranks, loaded);
  report.solo_error = error_of(plan.replay, report.solo, report, measured_start);
  report.loaded_error = error_of(plan.replay, report.loaded, report, measured_start);
  report.control = wrong.name;
  report.control_error =
      error_of(wrong, predict(wrong, plan.ranks, loaded), report, measured_start);
  report.passes = within(report.loaded_error, report.tolerance) &&
                  !within(report.control_error, report.tolerance);
  return report;
}

}  // namespace plumbline
