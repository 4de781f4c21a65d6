#include "sim/report/sweep_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/report/markup.h"
#include "sim/report/text.h"

namespace plumbline {
namespace {

// Paul Tol's "bright" scheme (personal.sron.nl/~pault).
constexpr std::array<const char*, 7> kColours{"#4477aa", "#ee6677", "#228833", "#ccbb44",
                                              "#66ccee", "#aa3377", "#bbbbbb"};
constexpr double kLeft = 84, kRight = 24, kPanel = 170, kGap = 62, kTop = 64, kWide = 760;

double across(const SweepChart& chart, std::size_t at) {
  const double room = kWide - kLeft - kRight;
  const auto values = static_cast<double>(chart.values.size());
  return kLeft + room * (static_cast<double>(at) + 0.5) / values;
}

std::string label(double x, double y, const char* anchor, const std::string& text,
                  const char* more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y,
                     anchor, more, escape_markup(text));
}

std::string draw(const SweepChart& chart, std::size_t index, double top) {
  const ChartPanel& panel = chart.panels[index];
  double highest = 0, limit = panel.limit;
  for (const ChartLine& line : chart.lines) {
    for (const ChartPoint& point : line.points) {
      if (!point.quantities.empty()) highest = std::max(highest, point.quantities[index]);
    }
  }
  // A limit far above everything would flatten the lines.
  if (limit > 2.5 * highest) limit = 0;
  highest = std::max({highest, limit, 1e-12}) * 1.08;
  const Ticks ticks = ticks_for(highest, 4);
  const auto up = [&](double value) { return top + kPanel * (1 - value / highest); };

  std::string out = label(kLeft, top - 10, "start", panel.name, " font-weight=\"bold\"");
  for (int i = 0; i * ticks.step <= highest; ++i) {
    const double value = i * ticks.step;
    out += fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#dddddd\"/>\n",
        kLeft, up(value), kWide - kRight, up(value));
    out += label(kLeft - 8, up(value) + 4, "end", fmt::format("{:.{}f}", value, ticks.decimals));
  }
  if (limit > 0) {
    out += fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#555555\" "
        "stroke-dasharray=\"6 4\"/>\n",
        kLeft, up(limit), kWide - kRight, up(limit));
    out += label(kWide - kRight, up(limit) - 5, "end", panel.limit_name, " fill=\"#555555\"");
  }
  for (std::size_t i = 0; i < chart.lines.size(); ++i) {
    const char* colour = kColours[i % kColours.size()];
    std::string path, marks;
    for (const ChartPoint& point : chart.lines[i].points) {
      if (point.quantities.empty()) continue;
      const double x = across(chart, point.at), y = up(point.quantities[index]);
      path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "" : " ", x, y);
      marks += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"{}\" stroke=\"{}\" "
          "stroke-width=\"2\"/>\n",
          x, y, point.fits ? colour : "#ffffff", colour);
    }
    out += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n",
                       path, colour);
    out += marks;
  }
  // Names of the values, thinned out where they are many.
  const std::size_t each = 1 + (chart.values.size() - 1) / 16;
  for (std::size_t at = 0; at < chart.values.size(); at += each) {
    out += label(across(chart, at), top + kPanel + 18, "middle", chart.values[at]);
  }
  return out;
}

std::string legend(const SweepChart& chart) {
  std::string out;
  double x = kLeft;
  for (std::size_t i = 0; i < chart.lines.size(); ++i) {
    if (chart.lines[i].name.empty()) continue;
    out += fmt::format("<circle cx=\"{:.1f}\" cy=\"36\" r=\"5\" fill=\"{}\"/>\n", x + 5,
                       kColours[i % kColours.size()]);
    out += label(x + 15, 40, "start", chart.lines[i].name);
    x += 34 + 7.5 * display_width(chart.lines[i].name);
  }
  const bool hollow = std::ranges::any_of(chart.lines, [](const ChartLine& line) {
    return std::ranges::any_of(line.points, [](const ChartPoint& point) {
      return !point.fits && !point.quantities.empty();
    });
  });
  if (hollow) {
    out += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"36\" r=\"4\" fill=\"#ffffff\" stroke=\"#333333\" "
        "stroke-width=\"2\"/>\n",
        x + 5);
    out += label(x + 15, 40, "start", "does not fit in memory");
  }
  return out;
}

}  // namespace

std::string sweep_svg(const SweepChart& chart) {
  const double high = kTop + 30 + static_cast<double>(chart.panels.size()) * (kPanel + kGap);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.0f}\" height=\"{:.0f}\" "
      "viewBox=\"0 0 {:.0f} {:.0f}\" font-family=\"sans-serif\" font-size=\"13\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
      kWide, high, kWide, high);
  out += label(kLeft, 20, "start", chart.title, " font-size=\"15\" font-weight=\"bold\"");
  out += legend(chart);
  double top = kTop + 14;
  for (std::size_t panel = 0; panel < chart.panels.size(); ++panel) {
    out += draw(chart, panel, top);
    top += kPanel + kGap;
  }
  out += label((kLeft + kWide - kRight) / 2, top - kGap + 44, "middle", chart.axis);
  return out + "</svg>\n";
}

}  // namespace plumbline
