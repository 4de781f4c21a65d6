// A run's answer, told: JSON for programs, a table for people, pictures and traces of the step.
//
// Every report is a pure function of values.  Nothing here computes a result: a report that
// needs a new number gets it from sim/measure.
#pragma once

#include <iosfwd>
#include <span>
#include <string>

#include "schedules/schedule.h"
#include "sim/engine/timeline.h"
#include "sim/lowering/lower_training.h"
#include "sim/measure/result.h"

namespace plumbline {

/// A result with what pictures, traces and CSVs of its step need.
struct ReportInput {
  const Result& result;
  const Schedule& schedule;
  const LoweredStep& step;
  const Timeline& timeline;
};

/// How text for people is laid out.
struct TextStyle {
  int width = 100;      ///< columns; below 60 is treated as 60
  bool colour = false;  ///< ANSI colours; leave off where stdout is no terminal
  bool ascii = false;   ///< bars and rules of plain ASCII
};

struct NamedResult {
  std::string name;
  const Result* result = nullptr;  ///< never null
};

/// The document `plumbline.result/1`, indented by two blanks, ending in a newline.  Numbers are
/// the shortest text that reads back to the same double; a number that is not finite is null.
std::string to_json(const Result& result);

/// The table for people.
std::string to_table(const Result& result, const TextStyle& style = {});

/// Chrome trace JSON (Perfetto, chrome://tracing): a process per pipeline rank, threads for
/// compute, send, receive and data-parallel traffic, arrows for transfers, a memory counter
/// where `result.training.ranks[].memory_over_time` is filled.
/// REQUIRES: the step and the timeline were kept.
void write_chrome_trace(const ReportInput& input, std::ostream& out);

/// A row per operation in program order of each rank:
/// rank,stage,chunk,microbatch,op,start_s,end_s,waited_for.  `waited_for` names what arrived
/// last ("2F3", "all-gather") where the rank stood idle before the operation, else it is empty.
void write_csv(const ReportInput& input, std::ostream& out);

/// The timeline as one SVG picture, `width_px` wide.
std::string to_svg(const ReportInput& input, int width_px = 1200);

/// One self-contained HTML page; it fetches nothing.
std::string to_html(const ReportInput& input);

/// Two or more results side by side; differences are against the first.
/// REQUIRES: runs is not empty
std::string compare_table(std::span<const NamedResult> runs, const TextStyle& style = {});

/// {"schema": "plumbline.comparison/1", "runs": [{"name", "fits", "iteration_time_s", ...,
///  "difference": {...}}]}
std::string compare_json(std::span<const NamedResult> runs);

}  // namespace plumbline
