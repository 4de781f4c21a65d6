// See memory_chart.h.
#include "sim/report/memory_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <vector>

#include "sim/report/markup.h"
#include "sim/report/parts.h"
#include "sim/report/text.h"

namespace plumbline {
namespace {

constexpr double kGib = 1073741824.0;
constexpr int kLeft = 78, kRight = 90;
constexpr std::size_t kMaxBars = 64, kMaxLines = 8;

// In the order of parts_of(MemoryBreakdown): static parts dark, what moves bright.
constexpr std::array<std::string_view, 8> kCauseColours = {
    "#33527a", "#5f82b0", "#9db4d3", "#ee9b4a", "#d1615d", "#7fb685", "#b9a0c9", "#b0b5bd"};
// Paul Tol's "muted" scheme.
constexpr std::array<std::string_view, kMaxLines> kLineColours = {
    "#332288", "#88ccee", "#44aa99", "#117733", "#999933", "#ddcc77", "#cc6677", "#aa4499"};

void add_text(std::string& out, double x, double y, std::string_view anchor, std::string_view fill,
              std::string_view text) {
  fmt::format_to(std::back_inserter(out),
                 "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" font-size=\"11\" "
                 "fill=\"{}\">{}</text>",
                 x, y, anchor, fill, escape_markup(text));
}

std::string open_svg(int width, double height) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1:.0f}\" width=\"100%\" "
      "font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\">",
      width, height);
}

std::string legend(double y) {
  std::string out;
  double x = kLeft;
  std::size_t i = 0;
  for (const NamedPart& part : parts_of(MemoryBreakdown{})) {
    fmt::format_to(std::back_inserter(out),
                   "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"12\" fill=\"{}\"/>", x, y,
                   kCauseColours[i++]);
    add_text(out, x + 17, y + 10, "start", "#333842", part.label);
    x += 32 + 6.4 * display_width(part.label);
  }
  return out;
}

/// The line at the usable memory, named at its top.
std::string usable_line(double x, double y0, double y1, double usable) {
  std::string out = fmt::format(
      "<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\" stroke=\"#c0392b\" "
      "stroke-width=\"1.5\" stroke-dasharray=\"5 3\"/>",
      x, y0, y1);
  add_text(out, x, y0 - 5, "middle", "#c0392b", fmt::format("usable {} GiB", gib(usable)));
  return out;
}

/// At most `count` of the ranks, evenly spread, both ends included.
std::vector<const RankResult*> spread(const std::vector<RankResult>& ranks, std::size_t count) {
  std::vector<const RankResult*> chosen;
  const std::size_t n = std::min(count, ranks.size());
  for (std::size_t i = 0; i < n; ++i) {
    chosen.push_back(&ranks[n > 1 ? i * (ranks.size() - 1) / (n - 1) : 0]);
  }
  return chosen;
}

}  // namespace

std::string peak_memory_svg(const TrainingResult& training, int width_px) {
  double largest = training.usable_memory_bytes;
  for (const RankResult& rank : training.ranks) {
    largest = std::max(largest, rank.peak.total().base());
  }
  if (training.ranks.empty() || largest <= 0) return "";
  const auto ranks = spread(training.ranks, kMaxBars);
  const double pitch = std::clamp(360.0 / static_cast<double>(ranks.size()), 9.0, 26.0);
  const double per_byte = (width_px - kLeft - kRight) / largest;
  const double top = 24, bottom = top + pitch * static_cast<double>(ranks.size());

  std::string out = open_svg(width_px, bottom + 34);
  const std::size_t label_every = pitch < 11 ? 2 : 1;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const double y = top + pitch * static_cast<double>(i);
    if (i % label_every == 0) {
      add_text(out, kLeft - 8, y + pitch / 2 + 3, "end", "#333842",
               fmt::format("rank {}", ranks[i]->pipeline_rank));
    }
    double x = kLeft;
    std::size_t cause = 0;
    for (const NamedPart& part : parts_of(ranks[i]->peak)) {
      const double width = part.value * per_byte;
      fmt::format_to(std::back_inserter(out),
                     "<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" "
                     "fill=\"{}\"><title>rank {}: {} {} GiB</title></rect>",
                     x, y, width, pitch - 2, kCauseColours[cause++], ranks[i]->pipeline_rank,
                     part.label, gib(part.value, 2));
      x += width;
    }
    if (i % label_every == 0) {
      const double beside = std::max(x, kLeft + training.usable_memory_bytes * per_byte);
      add_text(out, beside + 6, y + pitch / 2 + 3, "start", "#555b66",
               gib(ranks[i]->peak.total().base()) + " GiB");
    }
  }
  if (training.usable_memory_bytes > 0) {
    out += usable_line(kLeft + training.usable_memory_bytes * per_byte, top - 4, bottom,
                       training.usable_memory_bytes);
  }
  return out + legend(bottom + 14) + "</svg>";
}

std::string memory_over_time_svg(const TrainingResult& training, int width_px) {
  double largest = 0, end = training.iteration_time_s;
  for (const RankResult& rank : training.ranks) {
    for (const MemoryPoint& point : rank.memory_over_time) {
      largest = std::max(largest, point.bytes);
      end = std::max(end, point.time_s);
    }
  }
  if (largest <= 0 || end <= 0) return "";
  largest = std::max(largest, training.usable_memory_bytes);
  constexpr double kTop = 14, kHeight = 220;
  const double per_second = (width_px - kLeft - kRight) / end, per_byte = kHeight / largest;
  const auto y_of = [&](double bytes) { return kTop + kHeight - bytes * per_byte; };

  std::string out = open_svg(width_px, kTop + kHeight + 44);
  const Ticks sizes = ticks_for(largest / kGib, 5);
  for (int i = 0; i * sizes.step * kGib <= largest; ++i) {
    const double y = y_of(i * sizes.step * kGib);
    fmt::format_to(std::back_inserter(out),
                   "<line x1=\"{}\" y1=\"{:.1f}\" x2=\"{}\" y2=\"{:.1f}\" stroke=\"#e3e6ea\"/>",
                   kLeft, y, width_px - kRight, y);
    add_text(out, kLeft - 8, y + 4, "end", "#555b66",
             fmt::format("{:.{}f} GiB", i * sizes.step, sizes.decimals));
  }
  const TimeUnit unit = unit_for(end);
  const Ticks times = ticks_for(end / unit.seconds, 8);
  for (int i = 0; i * times.step <= end / unit.seconds; ++i) {
    add_text(out, kLeft + i * times.step * unit.seconds * per_second, kTop + kHeight + 16, "middle",
             "#555b66", fmt::format("{:.{}f} {}", i * times.step, times.decimals, unit.suffix));
  }
  if (training.usable_memory_bytes > 0) {
    fmt::format_to(std::back_inserter(out),
                   "<line x1=\"{0}\" y1=\"{1:.1f}\" x2=\"{2}\" y2=\"{1:.1f}\" stroke=\"#c0392b\" "
                   "stroke-width=\"1.5\" stroke-dasharray=\"5 3\"/>",
                   kLeft, y_of(training.usable_memory_bytes), width_px - kRight);
    add_text(out, width_px - kRight + 6, y_of(training.usable_memory_bytes) + 4, "start", "#c0392b",
             "usable");
  }
  std::size_t line = 0;
  double legend_x = kLeft;
  for (const RankResult* rank : spread(training.ranks, kMaxLines)) {
    const std::string_view colour = kLineColours[line++];
    std::string path;
    double y_pixel = -1, x_pixel = -1;
    for (const MemoryPoint& point : rank->memory_over_time) {
      const double x = kLeft + point.time_s * per_second, y = y_of(point.bytes);
      // Steps smaller than the eye sees are left out, which bounds the page's size.
      if (!path.empty() && std::abs(x - x_pixel) < 0.4 && std::abs(y - y_pixel) < 0.4) continue;
      path +=
          path.empty() ? fmt::format("M{:.1f} {:.1f}", x, y) : fmt::format("H{:.1f}V{:.1f}", x, y);
      x_pixel = x;
      y_pixel = y;
    }
    fmt::format_to(std::back_inserter(out),
                   "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.2\"/>", path,
                   colour);
    fmt::format_to(std::back_inserter(out),
                   "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"4\" fill=\"{}\"/>",
                   legend_x, kTop + kHeight + 32, colour);
    add_text(out, legend_x + 17, kTop + kHeight + 38, "start", "#333842",
             fmt::format("rank {}", rank->pipeline_rank));
    legend_x += 74;
  }
  return out + "</svg>";
}

}  // namespace plumbline
