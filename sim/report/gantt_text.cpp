// The Gantt in characters, as papers draw schedules:
//
//   rank 0  F0 F1 F2 .........B0--- F3 B1--- B2--- B3---
//
// Every bar takes columns in proportion to its time; the scale is the finest at which the
// picture fits the width and the coarsest at which the shortest operation shows its number.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "sim/report/gantt.h"
#include "sim/report/text.h"

namespace plumbline {
namespace {

constexpr std::string_view kLetters = "FBIWORG";  // in BarKind's order

std::string bar_label(const GanttBar& bar) {
  const char letter = kLetters[static_cast<std::size_t>(bar.kind)];
  return bar.kind <= BarKind::kWeightGrad ? fmt::format("{}{}", letter, bar.microbatch)
                                          : std::string(1, letter);
}

/// `columns` characters: the label, then '-' up to a blank that parts it from its neighbour.
std::string bar_text(const GanttBar& bar, int columns) {
  std::string text = bar_label(bar);
  const int size = static_cast<int>(text.size());
  if (columns < size) return std::string(static_cast<std::size_t>(columns), text.front());
  if (columns > size) {
    text.append(static_cast<std::size_t>(columns - size - 1), '-').append(" ");
  }
  return text;
}

std::string coloured(std::string_view text, BarKind kind, const TextStyle& style) {
  if (!style.colour) return std::string(text);
  constexpr std::array<int, 7> kCodes = {34, 32, 36, 33, 35, 31, 91};
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<std::size_t>(kind)], text);
}

/// Columns per unit of time.
double scale_for(const Gantt& gantt, int room) {
  double shortest = gantt.end;
  int label = 1;
  for (const GanttRow& row : gantt.rows) {
    for (const GanttBar& bar : row.compute) {
      if (bar.kind > BarKind::kWeightGrad) continue;
      shortest = std::min(shortest, bar.finish - bar.start);
      label = std::max(label, static_cast<int>(bar_label(bar).size()));
    }
  }
  if (gantt.end <= 0 || shortest <= 0) return 0;
  const double readable = (label + 1) / shortest;
  if (readable * gantt.end <= room) return readable;
  const double whole = std::floor(room * shortest / gantt.end) / shortest;
  return whole > 0 ? whole : room / gantt.end;
}

}  // namespace

std::string gantt_text(const Gantt& gantt, const TextStyle& style) {
  int label_width = 0;
  for (const GanttRow& row : gantt.rows) {
    label_width = std::max(label_width, display_width(row.label));
  }
  const double scale = scale_for(gantt, std::max(20, style.width - label_width - 2));
  const auto column = [&](double time) { return static_cast<int>(std::lround(time * scale)); };

  std::string out;
  if (!gantt.title.empty()) out += paint(gantt.title, Ink::kTitle, style) + "\n";
  for (const GanttRow& row : gantt.rows) {
    out += pad_right(row.label, label_width) + "  ";
    int at = 0;
    const auto idle_up_to = [&](int to) {
      const std::string dots(static_cast<std::size_t>(std::max(0, to - at)), '.');
      out += paint(dots, Ink::kDim, style);
      at = std::max(at, to);
    };
    for (const GanttBar& bar : row.compute) {
      const int begin = std::max(at, column(bar.start)), end = column(bar.finish);
      if (end <= begin) continue;
      idle_up_to(begin);
      out += coloured(bar_text(bar, end - begin), bar.kind, style);
      at = end;
    }
    idle_up_to(column(gantt.end));
    out += "\n";
  }
  return out;
}

}  // namespace plumbline
