#include "sim/cli/sweep_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "sim/cli/result_row.h"
#include "sim/cli/scenario_option.h"
#include "sim/report/sweep_chart.h"

namespace plumbline {
namespace {

[[noreturn]] void refuse(std::string problem, std::string hint) {
  throw InputError({option_problem("--svg", std::move(problem), std::move(hint))});
}

std::vector<std::size_t> axes_with_several_values(const SweepProduct& product) {
  std::vector<std::size_t> several;
  for (std::size_t i = 0; i < product.axes().size(); ++i) {
    if (product.axes()[i].values.size() > 1) several.push_back(i);
  }
  return several;
}

}  // namespace

void check_picture(const SweepProduct& product) {
  const auto several = axes_with_several_values(product);
  if (several.empty() || several.size() > 2) {
    refuse("draws one or two axes; " + std::to_string(several.size()) +
               " of this sweep have several values",
           "fix the others with --set");
  }
}

std::string sweep_picture(const SweepProduct& product, const SweepSummary& summary,
                          const std::string& title) {
  if (!summary.shown()) refuse("the sweep has too many points for a picture", "draw a part of it");
  const auto several = axes_with_several_values(product);
  const SweepAxis& along = product.axes()[several.back()];
  SweepChart chart;
  chart.title = title;
  chart.axis = along.path;
  chart.values = along.values;
  const auto place = [](const SweepAxis& axis, const std::string& value) {
    return static_cast<std::size_t>(std::ranges::find(axis.values, value) - axis.values.begin());
  };
  const SweepAxis* other = several.size() > 1 ? &product.axes()[several.front()] : nullptr;
  chart.lines.resize(other != nullptr ? other->values.size() : 1);
  if (other != nullptr) {
    const std::string key = other->path.substr(other->path.rfind('.') + 1);
    for (std::size_t i = 0; i < chart.lines.size(); ++i) {
      chart.lines[i].name = key + " " + other->values[i];
    }
  }
  for (const SweepFigures& point : *summary.shown()) {
    const std::size_t line = other != nullptr ? place(*other, point.values[several.front()]) : 0;
    chart.lines[line].points.push_back({place(along, point.values[several.back()]),
                                        point.tokens_per_s_per_gpu, point.bubble_fraction,
                                        point.peak_memory_bytes, point.fits});
    chart.usable_memory_bytes = std::max(chart.usable_memory_bytes, point.usable_memory_bytes);
  }
  for (ChartLine& line : chart.lines) std::ranges::sort(line.points, {}, &ChartPoint::at);
  return sweep_svg(chart);
}

std::string front_csv(const std::vector<SweepAxis>& axes, const ParetoFront& front) {
  const std::vector<SweepFigures> points = front.points();
  std::string text;
  for (const SweepAxis& axis : axes) text += csv_cell(axis.path) + ",";
  text +=
      "iteration_time_s,tokens_per_s,tokens_per_s_per_gpu,bubble_fraction,peak_memory_bytes,"
      "usd_per_million_tokens,gpu_hours_per_million_tokens\n";
  for (const SweepFigures& point : points) {
    for (const std::string& value : point.values) text += csv_cell(value) + ",";
    text += fmt::format("{},{},{},{},{}", point.iteration_time_s, point.tokens_per_s,
                        point.tokens_per_s_per_gpu, point.bubble_fraction, point.peak_memory_bytes);
    text += point.priced ? fmt::format(",{},\n", point.cost) : fmt::format(",,{}\n", point.cost);
  }
  return text;
}

}  // namespace plumbline
