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
#include "sim/report/text.h"

namespace plumbline {
namespace {

constexpr double kGib = 1073741824.0;

MemoryBreakdown peak_parts(const TrainingResult& training) {
  const RankResult* fullest = fullest_rank(training);
  return fullest == nullptr ? MemoryBreakdown{} : fullest->peak;
}

std::string relative(double value, double base) {
  if (base == 0) return "";
  return fmt::format("{:+.1f} %", 100 * (value / base - 1));
}

/// "+0.46"; "0" where nothing of it shows.
std::string signed_difference(double difference, int decimals) {
  std::string text = fmt::format("{:+.{}f}", difference, decimals);
  return text.find_first_not_of("+-0.") == std::string::npos ? "0" : text;
}

/// Long names would squeeze the columns: such runs are called A, B, C and the names listed once.
std::vector<NamedResult> with_short_names(std::span<const NamedResult> runs) {
  constexpr int kLongest = 16;
  std::vector<NamedResult> named(runs.begin(), runs.end());
  const bool fit = std::ranges::all_of(
      runs, [](const NamedResult& run) { return display_width(run.name) <= kLongest; });
  if (fit) return named;
  for (std::size_t i = 0; i < named.size(); ++i) {
    named[i].name = i < 26 ? std::string(1, static_cast<char>('A' + i)) : fmt::format("#{}", i + 1);
  }
  return named;
}

/// Columns: a name, the first run's value, then value and difference of each other run.
class SideBySide {
 public:
  explicit SideBySide(std::span<const NamedResult> runs, const TextStyle& style)
      : columns_(alignment(runs.size())), style_(style) {
    const int room = (style.width - 18) / static_cast<int>(2 * runs.size() - 1) - 2;
    std::vector<std::string> cells = {""};
    for (std::size_t i = 0; i < runs.size(); ++i) {
      cells.push_back(clip(runs[i].name, std::max(8, std::min(room, 24))));
      if (i > 0) cells.push_back("");
    }
    columns_.add(std::move(cells));
  }

  template <typename Text, typename Difference>
  void row(std::string_view name, const std::vector<double>& values, Text text,
           Difference difference) {
    std::vector<std::string> cells = {std::string(name), text(values[0])};
    for (std::size_t i = 1; i < values.size(); ++i) {
      cells.push_back(text(values[i]));
      cells.push_back(difference(values[i], values[0]));
    }
    columns_.add(std::move(cells));
  }

  std::string text() const { return columns_.text(style_); }

 private:
  static std::vector<bool> alignment(std::size_t runs) {
    std::vector<bool> right(2 * runs, true);
    right[0] = false;
    return right;
  }
  Columns columns_;
  TextStyle style_;
};

template <typename Value>
std::vector<double> each(std::span<const NamedResult> runs, Value value) {
  std::vector<double> values;
  for (const NamedResult& run : runs) values.push_back(value(*run.result));
  return values;
}

std::string headline_rows(std::span<const NamedResult> runs, const TextStyle& style) {
  SideBySide table(runs, style);
  const auto points = [](double a, double b) { return fmt::format("{:+.1f} pt", 100 * (a - b)); };
  const auto as_percent = [](double v) { return percent(v); };
  table.row("step", each(runs, [](const Result& r) { return r.training.iteration_time_s; }),
            duration, relative);
  table.row("tokens/s per GPU",
            each(runs, [](const Result& r) { return r.training.tokens_per_s_per_gpu; }), grouped,
            relative);
  table.row("MFU", each(runs, [](const Result& r) { return r.training.mfu; }), as_percent, points);
  table.row("bubble", each(runs, [](const Result& r) { return r.training.bubble_fraction; }),
            as_percent, points);
  table.row(
      "peak GiB", each(runs, [](const Result& r) { return r.training.peak_memory_bytes; }),
      [](double v) { return gib(v); }, relative);
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
  SideBySide table(runs, style);
  for (std::size_t i = 0; i < parts[0].size(); ++i) {
    std::vector<double> values;
    for (const auto& list : parts) values.push_back(list[i].value / scale);
    if (std::ranges::all_of(values, [](double v) { return v == 0; })) continue;
    table.row(
        parts[0][i].label, values, [=](double v) { return fmt::format("{:.{}f}", v, decimals); },
        [=](double a, double b) { return signed_difference(a - b, decimals); });
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
  const std::vector<NamedResult> runs = with_short_names(all);
  std::string out;
  for (std::size_t i = 0; i < all.size() && runs[i].name != all[i].name; ++i) {
    out += clip(fmt::format("  {}  {}", runs[i].name, all[i].name), style.width) + "\n";
  }
  if (!out.empty()) out += "\n";
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
