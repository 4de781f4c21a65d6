// The Gantt as one SVG picture.
//
// A bar of some pixels is a rectangle, with its micro-batch's number where that fits.  Narrower
// bars are blended: their colours are mixed in proportion to their time, so that a filling
// pipeline stays blue, a draining one green, and idleness pale, and so that the picture's size is
// bounded by its pixels and not by the step.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "sim/report/gantt.h"
#include "sim/report/markup.h"
#include "sim/report/palette.h"
#include "sim/report/report.h"
#include "sim/report/text.h"

namespace plumbline {
namespace {

constexpr int kLeft = 78, kRight = 18, kTop = 58;
constexpr std::size_t kMaxRows = 96;
constexpr double kNarrowestBar = 2.5;  // pixels
constexpr double kBinPixels = 4;
constexpr double kSmallestPrint = 6.5;
constexpr Rgb kIdle{0xf4, 0xf5, 0xf7};
constexpr std::size_t kMaxTooltips = 1500;  // bars; beyond it they double the file for little

struct Frame {
  double x0 = kLeft, width = 0;  ///< of the plot
  double per_unit = 0;           ///< pixels per unit of time
  double row_height = 0, gap = 0;
  double data_height = 0;  ///< of the thin lane; 0 without data-parallel bars
  int num_chunks = 1;
  bool tooltips = false;
  double x(double time) const { return x0 + time * per_unit; }
};

void add_rect(std::string& out, double x, double y, double w, double h, std::string_view fill,
              std::string_view more = "/>") {
  fmt::format_to(std::back_inserter(out),
                 "<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" fill=\"{}\"{}",
                 x, y, w, h, fill, more);
}

void add_text(std::string& out, double x, double y, std::string_view anchor, double size,
              std::string_view fill, std::string_view text) {
  fmt::format_to(std::back_inserter(out),
                 "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" font-size=\"{:.1f}\" "
                 "fill=\"{}\">{}</text>",
                 x, y, anchor, size, fill, escape_markup(text));
}

std::string tooltip(const GanttBar& bar, const Gantt& gantt) {
  const auto time = [&](double t) {
    return gantt.unit == "s" ? duration(t) : fmt::format("{:.4g} {}", t, gantt.unit);
  };
  std::string what(name_of(bar.kind));
  if (bar.kind <= BarKind::kWeightGrad) {
    what += fmt::format(" of stage {}, micro-batch {}", bar.stage, bar.microbatch);
  } else if (bar.kind != BarKind::kOptimizer) {
    what += fmt::format(" of stage {}", bar.stage);
  }
  const std::string waited = bar.waited_for.empty() ? "" : ", waited for " + bar.waited_for;
  return fmt::format("<title>{}: {} to {} ({}){}</title>", what, time(bar.start), time(bar.finish),
                     time(bar.finish - bar.start), escape_markup(waited));
}

void draw_bar(std::string& out, const GanttBar& bar, const Gantt& gantt, const Frame& frame,
              double y, double height) {
  const Rgb colour = colour_of(bar.kind, bar.chunk, frame.num_chunks);
  const double x = frame.x(bar.start);
  const double width = (bar.finish - bar.start) * frame.per_unit;
  // A hair of background keeps equal neighbours apart where there is room for it.
  const double drawn = width > 4 ? width - 0.6 : width;
  if (frame.tooltips) {
    add_rect(out, x, y, drawn, height, hex(colour), ">");
    out += tooltip(bar, gantt) + "</rect>";
  } else {
    add_rect(out, x, y, drawn, height, hex(colour));
  }
  const bool numbered = bar.kind <= BarKind::kWeightGrad;
  const std::string number = std::to_string(bar.microbatch);
  const double fits = (width - 3) / (0.64 * static_cast<double>(number.size()));
  const double size = std::min({11.0, height * 0.72, fits});
  if (numbered && size >= kSmallestPrint) {
    add_text(out, x + drawn / 2, y + height / 2 + 0.36 * size, "middle", size, ink_on(colour),
             number);
  }
}

/// What narrow bars fill of a row, in bins of a few pixels: each bin gets the mixture of the
/// colours in it, with the background for its idle part.
class NarrowBars {
 public:
  explicit NarrowBars(const Frame& frame)
      : frame_(frame), bins_(static_cast<std::size_t>(frame.width / kBinPixels) + 2) {}

  void add(const GanttBar& bar) {
    const double from = bar.start * frame_.per_unit / kBinPixels;
    const double to = bar.finish * frame_.per_unit / kBinPixels;
    const Rgb colour = colour_of(bar.kind, bar.chunk, frame_.num_chunks);
    for (auto bin = static_cast<std::size_t>(from); bin < to && bin < bins_.size(); ++bin) {
      const double begin = static_cast<double>(bin);
      const double part = std::min(to, begin + 1) - std::max(from, begin);
      bins_[bin].filled += part;
      bins_[bin].red += part * colour.red;
      bins_[bin].green += part * colour.green;
      bins_[bin].blue += part * colour.blue;
    }
  }

  /// Neighbouring bins of the same mixture, to a 32nd, become one rectangle.
  void draw(std::string& out, double y, double height) const {
    std::size_t begin = 0;
    std::string fill;
    for (std::size_t bin = 0; bin <= bins_.size(); ++bin) {
      const std::string here = bin < bins_.size() ? mixture(bins_[bin]) : "";
      if (here == fill) continue;
      if (!fill.empty()) {
        add_rect(out, frame_.x0 + kBinPixels * static_cast<double>(begin), y,
                 kBinPixels * static_cast<double>(bin - begin), height, fill);
      }
      begin = bin;
      fill = here;
    }
  }

 private:
  struct Bin {
    double filled = 0, red = 0, green = 0, blue = 0;
  };

  static std::string mixture(const Bin& bin) {
    if (bin.filled < 0.03) return "";
    const double idle = std::max(0.0, 1 - bin.filled);
    const double scale = 1 / std::max(1.0, bin.filled);
    const auto channel = [&](double sum, int background) {
      const double mixed = sum * scale + idle * background;
      return std::min(255, static_cast<int>(std::lround(mixed / 8) * 8));
    };
    return hex({channel(bin.red, kIdle.red), channel(bin.green, kIdle.green),
                channel(bin.blue, kIdle.blue)});
  }

  const Frame& frame_;
  std::vector<Bin> bins_;
};

void draw_lane(std::string& out, const std::vector<GanttBar>& bars, const Gantt& gantt,
               const Frame& frame, double y, double height) {
  NarrowBars narrow(frame);
  for (std::size_t i = 0; i < bars.size(); ++i) {
    if ((bars[i].finish - bars[i].start) * frame.per_unit < kNarrowestBar) {
      narrow.add(bars[i]);
      continue;
    }
    // Bars that run at the same time (an overlapped pair) share the height.
    const double hair = 0.01 / frame.per_unit;
    const bool with_next = i + 1 < bars.size() && bars[i + 1].start + hair < bars[i].finish;
    const bool with_previous = i > 0 && bars[i].start + hair < bars[i - 1].finish;
    const double half = with_next || with_previous ? height / 2 : height;
    draw_bar(out, bars[i], gantt, frame, with_previous ? y + half : y, half);
  }
  narrow.draw(out, y, height);
}

void draw_axis(std::string& out, const Gantt& gantt, const Frame& frame, double y_end) {
  if (gantt.end <= 0) return;
  const TimeUnit unit = gantt.unit == "s" ? unit_for(gantt.end) : TimeUnit{1, gantt.unit, 0};
  const Ticks ticks = ticks_for(gantt.end / unit.seconds, 10);
  for (int i = 0; i * ticks.step <= gantt.end / unit.seconds * (1 + 1e-9); ++i) {
    const double x = frame.x(i * ticks.step * unit.seconds);
    fmt::format_to(std::back_inserter(out),
                   "<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\" "
                   "stroke=\"#d8dce2\" stroke-width=\"1\"/>",
                   x, kTop - 4.0, y_end + 4);
    add_text(out, x, y_end + 17, "middle", 11, "#555b66",
             fmt::format("{:.{}f}{}{}", i * ticks.step, ticks.decimals, i == 0 ? " " : "",
                         i == 0 ? unit.suffix : ""));
  }
}

void draw_legend(std::string& out, const Gantt& gantt, const Frame& frame, double y,
                 std::string_view note) {
  std::array<bool, 7> present{};
  for (const GanttRow& row : gantt.rows) {
    for (const auto* bars : {&row.compute, &row.data}) {
      for (const GanttBar& bar : *bars) present[static_cast<std::size_t>(bar.kind)] = true;
    }
  }
  double x = kLeft;
  const auto entry = [&](std::string_view fill, std::string_view text) {
    add_rect(out, x, y, 12, 12, fill, " stroke=\"#b8bec8\" stroke-width=\"0.5\"/>");
    add_text(out, x + 17, y + 10, "start", 11, "#333842", text);
    x += 30 + 6.3 * display_width(text);
  };
  for (std::size_t kind = 0; kind < present.size(); ++kind) {
    const auto bar = static_cast<BarKind>(kind);
    if (present[kind]) entry(hex(colour_of(bar, 0, 1)), name_of(bar));
  }
  entry("#f4f5f7", "idle");
  if (frame.num_chunks > 1) {
    add_text(out, x, y + 10, "start", 11, "#333842",
             fmt::format("chunks 0 to {}:", frame.num_chunks - 1));
    x += 6.2 * 16;
    const int shown = std::min(frame.num_chunks, 8);
    for (int i = 0; i < shown; ++i, x += 12) {
      const int chunk = shown > 1 ? i * (frame.num_chunks - 1) / (shown - 1) : 0;
      add_rect(out, x, y, 12, 12, hex(colour_of(BarKind::kForward, chunk, frame.num_chunks)));
    }
  }
  if (!note.empty()) add_text(out, kLeft, y + 28, "start", 11, "#777d88", note);
}

}  // namespace

std::string gantt_svg(const Gantt& gantt, int width_px) {
  const std::size_t stride = (gantt.rows.size() + kMaxRows - 1) / kMaxRows;
  std::vector<const GanttRow*> rows;
  for (std::size_t i = 0; i < gantt.rows.size(); i += stride) rows.push_back(&gantt.rows[i]);

  Frame frame;
  frame.width = std::max(200, width_px - kLeft - kRight);
  frame.per_unit = gantt.end > 0 ? frame.width / gantt.end : 0;
  const double pitch =
      std::clamp(520.0 / static_cast<double>(std::max<std::size_t>(1, rows.size())), 7.0, 34.0);
  frame.gap = pitch > 12 ? 4 : 1;
  std::size_t bars = 0, narrow = 0;
  bool has_data = false;
  for (const GanttRow& row : gantt.rows) {
    has_data |= !row.data.empty();
    bars += row.compute.size() + row.data.size();
    for (const GanttBar& bar : row.compute) {
      frame.num_chunks = std::max(frame.num_chunks, bar.chunk + 1);
      narrow += (bar.finish - bar.start) * frame.per_unit < kNarrowestBar;
    }
  }
  frame.data_height = has_data ? std::max(1.5, 0.2 * (pitch - frame.gap)) : 0;
  frame.row_height = pitch - frame.gap - frame.data_height;
  frame.tooltips = bars <= kMaxTooltips;

  const double y_end = kTop + pitch * static_cast<double>(rows.size());
  std::string note;
  if (stride > 1)
    note = fmt::format("Every {}th of {} ranks is shown. ", stride, gantt.rows.size());
  if (narrow > 0) note += "Operations too narrow to draw are blended in proportion to their time.";
  const double height = y_end + (note.empty() ? 56 : 74);

  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1:.0f}\" "
      "viewBox=\"0 0 {0} {1:.0f}\" font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\">",
      width_px, height);
  add_rect(out, 0, 0, width_px, height, "#ffffff");
  add_text(out, kLeft, 22, "start", 15, "#16191f", gantt.title);
  add_text(out, kLeft, 41, "start", 12, "#555b66", gantt.subtitle);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    add_rect(out, frame.x0, kTop + pitch * static_cast<double>(i), frame.width, pitch - frame.gap,
             "#f4f5f7");
  }
  draw_axis(out, gantt, frame, y_end);
  // Labels need 11 pixels of height: beyond that, every n-th row is named.
  const auto label_every = static_cast<std::size_t>(std::ceil(11.0 / pitch));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double y = kTop + pitch * static_cast<double>(i);
    out += "\n";
    if (i % label_every == 0) {
      add_text(out, kLeft - 8, y + (pitch - frame.gap) / 2 + 4, "end", 11, "#333842",
               rows[i]->label);
    }
    draw_lane(out, rows[i]->compute, gantt, frame, y, frame.row_height);
    draw_lane(out, rows[i]->data, gantt, frame, y + frame.row_height, frame.data_height);
  }
  draw_legend(out, gantt, frame, y_end + 30, note);
  return out + "\n</svg>\n";
}

std::string to_svg(const ReportInput& input, int width_px) {
  return gantt_svg(gantt_of(input), width_px);
}

}  // namespace plumbline
