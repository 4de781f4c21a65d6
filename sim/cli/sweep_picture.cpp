#include "sim/cli/sweep_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "sim/cli/result_row.h"
#include "sim/cli/scenario_option.h"
#include "sim/report/sweep_chart.h"

namespace plumbline {
namespace {

constexpr double kGib = 1073741824.0;

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

std::string cost_cells(const SweepFigures& point) {
  return point.priced ? fmt::format(",{},\n", point.cost) : fmt::format(",,{}\n", point.cost);
}

/// Where the number of GPUs differs, throughput per GPU would hide what the cluster does.
bool as_many_gpus(const std::vector<SweepFigures>& points) {
  double gpus = 0;
  for (const SweepFigures& point : points) {
    if (point.tokens_per_s_per_gpu <= 0) continue;
    const double here = std::round(point.tokens_per_s / point.tokens_per_s_per_gpu);
    if (gpus > 0 && here != gpus) return false;
    gpus = here;
  }
  return true;
}

std::vector<ChartPanel> panels_of(const SweepKind& kind, const Scenario& scenario, bool per_gpu,
                                  double usable_memory_bytes) {
  if (!kind.serves) {
    return {{per_gpu ? "tokens/s per GPU" : "tokens/s", 0, ""},
            {"bubble, % of the compute phase", 0, ""},
            {"peak memory of the fullest GPU, GiB", usable_memory_bytes / kGib, "usable"}};
  }
  std::vector<ChartPanel> panels;
  const SloOptions& slo = scenario.serving->slo;
  if (kind.max_rate) panels.push_back({"highest rate within the objectives, requests/s", 0, ""});
  panels.push_back({per_gpu ? "output tokens/s per GPU" : "output tokens/s", 0, ""});
  panels.push_back({"time to first token, p90, s", slo.ttft_s.value_or(0), "objective"});
  panels.push_back({"time per output token, p90, ms", 1e3 * slo.tpot_s.value_or(0), "objective"});
  panels.push_back({"bubble, % of the stages' time", 0, ""});
  return panels;
}

/// In the order of the panels.
std::vector<double> quantities_of(const SweepKind& kind, bool per_gpu, const SweepFigures& point) {
  const double throughput = per_gpu ? point.tokens_per_s_per_gpu : point.tokens_per_s;
  if (!kind.serves) {
    return {throughput, 100 * point.bubble_fraction, point.peak_memory_bytes / kGib};
  }
  if (!point.fits) return {};  // nothing was simulated
  std::vector<double> quantities;
  if (kind.max_rate) quantities.push_back(point.max_rate_per_s);
  quantities.insert(quantities.end(), {throughput, point.ttft_p90_s, 1e3 * point.tpot_p90_s,
                                       100 * point.bubble_fraction});
  return quantities;
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
                          const SweepKind& kind, const Scenario& scenario) {
  if (!summary.shown()) refuse("the sweep has too many points for a picture", "draw a part of it");
  const auto several = axes_with_several_values(product);
  const SweepAxis& along = product.axes()[several.back()];
  SweepChart chart;
  chart.title = scenario.name;
  chart.axis = along.path;
  chart.values = short_values(along.values);
  const auto place = [](const SweepAxis& axis, const std::string& value) {
    return static_cast<std::size_t>(std::ranges::find(axis.values, value) - axis.values.begin());
  };
  const SweepAxis* other = several.size() > 1 ? &product.axes()[several.front()] : nullptr;
  chart.lines.resize(other != nullptr ? other->values.size() : 1);
  if (other != nullptr) {
    const std::string key = other->path.substr(other->path.rfind('.') + 1);
    const std::vector<std::string> names = short_values(other->values);
    for (std::size_t i = 0; i < chart.lines.size(); ++i) {
      chart.lines[i].name = names[i] == other->values[i] ? key + " " + names[i] : names[i];
    }
  }
  const bool per_gpu = as_many_gpus(*summary.shown());
  std::set<double> usable;  // several kinds of GPU have several limits: none is drawn
  for (const SweepFigures& point : *summary.shown()) {
    const std::size_t line = other != nullptr ? place(*other, point.values[several.front()]) : 0;
    chart.lines[line].points.push_back({place(along, point.values[several.back()]),
                                        quantities_of(kind, per_gpu, point), point.fits});
    usable.insert(point.usable_memory_bytes);
  }
  chart.panels = panels_of(kind, scenario, per_gpu, usable.size() == 1 ? *usable.begin() : 0);
  for (ChartLine& line : chart.lines) std::ranges::sort(line.points, {}, &ChartPoint::at);
  return sweep_svg(chart);
}

std::string front_csv(const std::vector<SweepAxis>& axes, const ParetoFront& front,
                      const SweepKind& kind) {
  const std::vector<SweepFigures> points = front.points();
  std::string text;
  for (const SweepAxis& axis : axes) text += csv_cell(axis.path) + ",";
  if (kind.serves) {
    text += kind.max_rate ? "max_rate_requests_per_s," : "";
    text +=
        "output_tokens_per_s,output_tokens_per_s_per_gpu,ttft_p90_s,tpot_p90_s,slo_attainment,"
        "bubble_fraction,usd_per_million_output_tokens,gpu_hours_per_million_output_tokens\n";
    for (const SweepFigures& point : points) {
      for (const std::string& value : point.values) text += csv_cell(value) + ",";
      if (kind.max_rate) text += fmt::format("{},", point.max_rate_per_s);
      text += fmt::format("{},{},{},{},{},{}", point.tokens_per_s, point.tokens_per_s_per_gpu,
                          point.ttft_p90_s, point.tpot_p90_s, point.slo_attainment,
                          point.bubble_fraction);
      text += cost_cells(point);
    }
    return text;
  }
  text +=
      "iteration_time_s,tokens_per_s,tokens_per_s_per_gpu,bubble_fraction,peak_memory_bytes,"
      "usd_per_million_tokens,gpu_hours_per_million_tokens\n";
  for (const SweepFigures& point : points) {
    for (const std::string& value : point.values) text += csv_cell(value) + ",";
    text += fmt::format("{},{},{},{},{}", point.iteration_time_s, point.tokens_per_s,
                        point.tokens_per_s_per_gpu, point.bubble_fraction, point.peak_memory_bytes);
    text += cost_cells(point);
  }
  return text;
}

}  // namespace plumbline
