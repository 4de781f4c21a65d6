// Results side by side, and what their differences are made of.
//
// The breakdown's parts sum to the iteration time, so the parts' differences sum to the
// difference of the iteration times: nothing is left unexplained; the causes of idleness sum to the
// parts "bubble" and "pipeline comm" in the same way.  Memory is compared on each
// run's fullest rank, whose causes sum to its peak.
#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

#include "sim/report/json_writer.h"
#include "sim/report/parts.h"
#include "sim/report/report.h"
#include "sim/report/side_by_side.h"
#include "sim/report/text.h"

namespace plumbline {
namespace {

constexpr double kGib = 1073741824.0;

MemoryBreakdown peak_parts(const TrainingResult& training) {
  const RankResult* fullest = fullest_rank(training);
  return fullest == nullptr ? MemoryBreakdown{} : fullest->peak;
}

std::vector<std::string> names_of(std::span<const NamedResult> runs) {
  std::vector<std::string> names;
  for (const NamedResult& run : runs) names.push_back(run.name);
  return names;
}

template <typename Value>
std::vector<double> each(std::span<const NamedResult> runs, Value value) {
  std::vector<double> values;
  for (const NamedResult& run : runs) values.push_back(value(*run.result));
  return values;
}

std::string headline_rows(std::span<const NamedResult> runs, const TextStyle& style) {
  SideBySide table(names_of(runs), style);
  const auto points = [](double a, double b) { return fmt::format("{:+.1f} pt", 100 * (a - b)); };
  const auto as_percent = [](double v) { return percent(v); };
  table.row("step", each(runs, [](const Result& r) { return r.training.iteration_time_s; }),
            duration, relative_difference);
  table.row("tokens/s per GPU",
            each(runs, [](const Result& r) { return r.training.tokens_per_s_per_gpu; }), grouped,
            relative_difference);
  table.row("MFU", each(runs, [](const Result& r) { return r.training.mfu; }), as_percent, points);
  table.row("bubble", each(runs, [](const Result& r) { return r.training.bubble_fraction; }),
            as_percent, points);
  table.row(
      "peak GiB", each(runs, [](const Result& r) { return r.training.peak_memory_bytes; }),
      [](double v) { return gib(v); }, relative_difference);
  table.row(
      "fits", each(runs, [](const Result& r) { return r.fits ? 1.0 : 0.0; }),
      [](double v) { return v > 0 ? "yes" : "NO"; }, [](double, double) { return ""; });
  return table.text();
}

/// A row per part that any run has.
template <typename PartsOf>
std::string part_rows(std::span<const NamedResult> runs, const TextStyle& style, double scale,
                      int decimals, PartsOf parts_of_run) {
  std::vector<std::vector<NamedPart>> parts;
  for (const NamedResult& run : runs) {
    const auto list = parts_of_run(run.result->training);
    parts.emplace_back(list.begin(), list.end());
  }
  SideBySide table(names_of(runs), style);
  for (std::size_t i = 0; i < parts[0].size(); ++i) {
    std::vector<double> values;
    for (const auto& list : parts) values.push_back(list[i].value / scale);
    table.numbers(parts[0][i].label, values, decimals);
  }
  return table.text();
}

/// "B: the step is 8.4 % shorter than A's: bubble -1.10 s, recompute -0.30 s."
std::string verdict(const NamedResult& run, const NamedResult& base) {
  const TrainingResult& a = base.result->training;
  const TrainingResult& b = run.result->training;
  if (a.iteration_time_s <= 0 || b.iteration_time_s <= 0) return "";
  const double change = b.iteration_time_s / a.iteration_time_s - 1;
  if (std::abs(change) < 5e-4) {
    return fmt::format("{}: the step is as long as {}'s.", run.name, base.name);
  }
  auto parts = parts_of(b.breakdown);
  const auto base_parts = parts_of(a.breakdown);
  for (std::size_t i = 0; i < parts.size(); ++i) parts[i].value -= base_parts[i].value;
  std::ranges::stable_sort(parts, std::greater<>(),
                           [](const NamedPart& p) { return std::abs(p.value); });
  std::string why;
  for (std::size_t i = 0; i < 3; ++i) {
    if (std::abs(parts[i].value) < 0.02 * std::abs(b.iteration_time_s - a.iteration_time_s)) break;
    why += fmt::format("{}{} {}{}", why.empty() ? ": " : ", ", parts[i].label,
                       parts[i].value > 0 ? "+" : "", duration(parts[i].value));
  }
  return fmt::format("{}: the step is {} {} than {}'s{}.", run.name, percent(std::abs(change)),
                     change < 0 ? "shorter" : "longer", base.name, why);
}

template <typename Parts>
void write_difference(JsonWriter& json, std::string_view key, const Parts& a, const Parts& b) {
  json.key(key).begin_object();
  for (std::size_t i = 0; i < a.size(); ++i) json.member(a[i].key, b[i].value - a[i].value);
  json.end_object();
}

}  // namespace

std::string compare_table(std::span<const NamedResult> all, const TextStyle& asked) {
  assert(!all.empty());
  TextStyle style = asked;
  style.width = std::max(60, style.width);
  std::vector<NamedResult> runs(all.begin(), all.end());
  const std::vector<std::string> names = names_of(all), called = short_names(names);
  for (std::size_t i = 0; i < runs.size(); ++i) runs[i].name = called[i];
  std::string out = legend_of(names, called, style.width);
  double longest = 0;
  for (const NamedResult& run : runs) {
    longest = std::max(longest, run.result->training.iteration_time_s);
  }
  const TimeUnit unit = unit_for(longest);

  out += headline_rows(runs, style);
  out += heading(fmt::format("Where the time goes, {}", unit.suffix), style);
  out += part_rows(runs, style, unit.seconds, unit.decimals,
                   [](const TrainingResult& t) { return parts_of(t.breakdown); });
  const std::string idle =
      part_rows(runs, style, unit.seconds, unit.decimals,
                [](const TrainingResult& t) { return parts_of(mean_idle_causes(t), true); });
  if (std::ranges::count(idle, '\n') > 1) {  // more than the names of the runs
    out += heading(
        fmt::format("Why ranks wait (bubble and pipeline comm by cause), {}", unit.suffix), style);
    out += idle;
  }
  out += heading("Memory of the fullest rank, GiB", style);
  out += part_rows(runs, style, kGib, 2,
                   [](const TrainingResult& t) { return parts_of(peak_parts(t)); });
  out += "\n";
  for (std::size_t i = 1; i < runs.size(); ++i) {
    for (const std::string& line : wrap(verdict(runs[i], runs[0]), style.width - 2)) {
      out += "  " + line + "\n";
    }
  }
  return out;
}

std::string compare_json(std::span<const NamedResult> runs) {
  assert(!runs.empty());
  const TrainingResult& base = runs.front().result->training;
  JsonWriter json;
  json.begin_object().member("schema", "plumbline.comparison/1");
  json.key("runs").begin_array();
  for (const NamedResult& run : runs) {
    const TrainingResult& t = run.result->training;
    json.begin_object().member("name", std::string_view(run.name));
    json.member("fits", run.result->fits);
    json.member("iteration_time_s", t.iteration_time_s);
    json.member("tokens_per_s_per_gpu", t.tokens_per_s_per_gpu).member("mfu", t.mfu);
    json.member("bubble_fraction", t.bubble_fraction);
    json.member("peak_memory_bytes", t.peak_memory_bytes);
    json.key("difference").begin_object();
    json.member("iteration_time_s", t.iteration_time_s - base.iteration_time_s);
    write_difference(json, "breakdown_s", parts_of(base.breakdown), parts_of(t.breakdown));
    write_difference(json, "idle_by_cause_s", parts_of(mean_idle_causes(base), true),
                     parts_of(mean_idle_causes(t), true));
    json.member("peak_memory_bytes", t.peak_memory_bytes - base.peak_memory_bytes);
    write_difference(json, "memory_bytes", parts_of(peak_parts(base)), parts_of(peak_parts(t)));
    json.end_object().end_object();
  }
  json.end_array().end_object();
  return std::move(json).take();
}

}  // namespace plumbline
