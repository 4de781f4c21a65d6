// Who runs what when, as bars: the common ground of the SVG, the text picture and the HTML page.
//
// `plumbline schedule` fills a Gantt from an evaluated schedule in units of its costs, a run fills
// it from its timeline in seconds; the drawing does not know the difference.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schedules/schedule.h"
#include "sim/report/report.h"

namespace plumbline {

enum class BarKind : std::uint8_t {
  kForward,
  kBackward,
  kInputGrad,
  kWeightGrad,
  kOptimizer,
  kDataReduce,
  kDataGather,
};

/// "forward", "backward", "input gradient", ...
std::string_view name_of(BarKind kind);

struct GanttBar {
  BarKind kind = BarKind::kForward;
  std::uint8_t chunk = 0;  ///< shades the colour
  std::int32_t stage = 0;
  std::int32_t microbatch = 0;
  double start = 0;
  double finish = 0;
  std::string waited_for;  ///< see write_csv
};

struct GanttRow {
  std::string label;              ///< "rank 3"
  std::vector<GanttBar> compute;  ///< by start
  std::vector<GanttBar> data;     ///< data-parallel traffic, drawn as a thin lane below
};

struct Gantt {
  std::string title;
  std::string subtitle;
  std::string unit = "s";  ///< of the axis; "s" is scaled to ms and µs as fits, others are not
  double end = 0;          ///< of the axis
  std::vector<GanttRow> rows;
};

/// The Gantt of a run.
Gantt gantt_of(const ReportInput& input);

/// A row per rank; bars too narrow to draw are blended in proportion to their time, and beyond 96
/// ranks every n-th is drawn; the picture says so.
std::string gantt_svg(const Gantt& gantt, int width_px = 1200);

/// The same in characters: a row per rank, F B I W per column in proportion to time, '.' idle.
/// Micro-batch numbers are shown where the columns are wide enough.
std::string gantt_text(const Gantt& gantt, const TextStyle& style = {});

}  // namespace plumbline
