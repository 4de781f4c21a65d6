// Errors of predictions against measurements, and how they are shown.
#include "sim/report/validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <filesystem>
#include <set>
#include <utility>

#include "sim/report/json_writer.h"
#include "sim/report/text.h"

namespace plumbline {
namespace {

std::string signed_percent(double fraction) { return fmt::format("{:+.1f} %", 100 * fraction); }

void write_statistics(JsonWriter& json, const ErrorStatistics& s) {
  json.begin_object(JsonWriter::Layout::kOneLine);
  json.member("n", s.n).member("mean_abs_error", s.mean_abs_error);
  json.member("median_abs_error", s.median_abs_error).member("p90_abs_error", s.p90_abs_error);
  json.member("bias", s.bias).end_object();
}

void write_by_metric(JsonWriter& json, const std::map<std::string, ErrorStatistics>& by_metric) {
  json.begin_object();
  for (const auto& [metric, statistics] : by_metric) {
    json.key(metric);
    write_statistics(json, statistics);
  }
  json.end_object();
}

void write_intervals(JsonWriter& json, const IntervalStatistics& s) {
  json.begin_object(JsonWriter::Layout::kOneLine);
  json.member("n", s.n).member("coverage", s.coverage);
  json.member("median_half_width", s.median_half_width);
  json.member("interval_score", s.score).end_object();
}

/// The names of the rows' files without folder and .yaml, where that still tells them apart; the
/// middle of one that is too long goes.
class FileNames {
 public:
  FileNames(std::span<const ValidationRow> rows, int width) : width_(width) {
    std::set<std::string> files, names;
    for (const ValidationRow& row : rows) {
      files.insert(row.file);
      names.insert(name_of(row.file));
    }
    bare_ = names.size() == files.size();
  }
  std::string of(const std::string& file) const {
    const std::string text = bare_ ? name_of(file) : file;
    if (display_width(text) <= width_) return text;
    const auto kept = static_cast<std::size_t>(width_ - 1), front = kept / 2;
    return text.substr(0, front) + "…" + text.substr(text.size() - (kept - front));
  }

 private:
  static std::string name_of(const std::string& file) {
    const std::filesystem::path path(file);
    return path.extension() == ".yaml" ? path.stem().string() : path.filename().string();
  }
  int width_;
  bool bare_ = false;
};

std::string number(double value) {
  return std::abs(value) >= 100 ? grouped(value) : fmt::format("{:.4g}", value);
}

void add_statistics(Columns& columns, const std::string& name, const std::string& metric,
                    const ErrorStatistics& s) {
  columns.add({name, metric, std::to_string(s.n), percent(s.median_abs_error),
               percent(s.mean_abs_error), percent(s.p90_abs_error), signed_percent(s.bias)});
}

std::string runs_text(std::span<const ValidationRow> rows, const TextStyle& style) {
  std::vector<const ValidationRow*> sorted;
  // Single requests of a serving run are too many to read; the summaries and --json have them.
  for (const ValidationRow& row : rows) {
    if (!row.metric.starts_with("request_")) sorted.push_back(&row);
  }
  std::ranges::stable_sort(sorted, [](const ValidationRow* a, const ValidationRow* b) {
    if (a->metric != b->metric) return a->metric < b->metric;
    return std::abs(a->error()) > std::abs(b->error());
  });
  Columns columns({false, false, true, true, true, false});
  columns.add({"file", "metric", "measured", "predicted", "error", "source"});
  const FileNames names(rows, style.width / 2);
  bool ungated = false;
  for (const ValidationRow* row : sorted) {
    const std::string error = signed_percent(row->error());
    columns.add({names.of(row->file), row->metric, number(row->measured), number(row->predicted),
                 row->gate ? error : "(" + error + ")", row->source});
    ungated |= !row->gate;
  }
  return heading("Runs, worst first", style) + columns.text(style) +
         (ungated ? "  (errors in parentheses are in no summary: gate: false)\n" : "") +
         (sorted.size() < rows.size() ? "  (single requests are in the summary and in --json)\n"
                                      : "");
}

/// What the rows' readers must know, once per source.
std::string notes_text(std::span<const ValidationRow> rows, const TextStyle& style) {
  std::map<std::string, std::string> notes;
  for (const ValidationRow& row : rows) {
    if (!row.notes.empty()) notes[row.source] = row.notes;
  }
  std::string out;
  for (const auto& [source, note] : notes) {
    const char* begin = "  ";
    for (const std::string& line : wrap(source + ": " + note, style.width - 4)) {
      out += begin + line + "\n";
      begin = "    ";
    }
  }
  return out.empty() ? out : heading("Notes", style) + out;
}

}  // namespace

double percentile(std::vector<double> values, double p) {
  assert(!values.empty() && p >= 0 && p <= 1);
  std::ranges::sort(values);
  const double position = p * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  const double fraction = position - static_cast<double>(below);
  return values[below] + fraction * (values[above] - values[below]);
}

ErrorStatistics error_statistics(std::span<const double> errors) {
  if (errors.empty()) return {};
  std::vector<double> sizes;
  double sum = 0;
  for (const double error : errors) {
    sizes.push_back(std::abs(error));
    sum += sizes.back();
  }
  return {.n = static_cast<int>(errors.size()),
          .mean_abs_error = sum / static_cast<double>(errors.size()),
          .median_abs_error = percentile(sizes, 0.5),
          .p90_abs_error = percentile(sizes, 0.9),
          .bias = percentile({errors.begin(), errors.end()}, 0.5)};
}

IntervalStatistics interval_statistics(std::span<const ValidationRow* const> rows,
                                       double probability) {
  IntervalStatistics statistics;
  std::vector<double> half_widths;
  double inside = 0, score = 0;
  for (const ValidationRow* row : rows) {
    if (!row->interval) continue;
    const auto [low, high] = *row->interval;
    const double outside = std::max({0.0, low - row->measured, row->measured - high});
    inside += outside > 0 ? 0 : 1;
    score += (high - low + 2 / (1 - probability) * outside) / row->measured;
    half_widths.push_back((high - low) / 2 / row->predicted);
  }
  if (half_widths.empty()) return statistics;
  statistics.n = static_cast<int>(half_widths.size());
  statistics.coverage = inside / statistics.n;
  statistics.median_half_width = percentile(half_widths, 0.5);
  statistics.score = score / statistics.n;
  return statistics;
}

ValidationSummary summarize(std::span<const ValidationRow> rows) {
  std::map<std::string, std::vector<double>> by_metric;
  std::map<std::string, std::map<std::string, std::vector<double>>> by_source;
  for (const ValidationRow& row : rows) {
    if (!row.gate) continue;
    by_metric[row.metric].push_back(row.error());
    by_source[row.source][row.metric].push_back(row.error());
  }
  ValidationSummary summary;
  std::vector<const ValidationRow*> with_interval;
  std::map<std::string, std::vector<const ValidationRow*>> with_interval_by_source;
  for (const ValidationRow& row : rows) {
    if (!row.gate || !row.interval) continue;
    with_interval.push_back(&row);
    with_interval_by_source[row.source].push_back(&row);
  }
  summary.intervals = interval_statistics(with_interval, kNominalProbability);
  for (const auto& [source, some] : with_interval_by_source) {
    summary.intervals_by_source[source] = interval_statistics(some, kNominalProbability);
  }
  for (const auto& [metric, errors] : by_metric) {
    summary.by_metric[metric] = error_statistics(errors);
  }
  for (const auto& [source, metrics] : by_source) {
    for (const auto& [metric, errors] : metrics) {
      summary.by_source[source][metric] = error_statistics(errors);
    }
  }
  return summary;
}

std::string validation_table(std::span<const ValidationRow> rows, const TextStyle& asked) {
  TextStyle style = asked;
  style.width = std::max(60, style.width);
  if (rows.empty()) return "No scenario with a measured: block.\n";
  const ValidationSummary summary = summarize(rows);
  std::string out = runs_text(rows, style) + notes_text(rows, style);
  const std::vector<std::string> titles = {"", "metric", "runs", "median", "mean", "p90", "bias"};
  const std::vector<bool> right = {false, false, true, true, true, true, true};
  if (summary.by_source.size() > 1) {
    Columns columns(right);
    columns.add(titles);
    for (const auto& [source, metrics] : summary.by_source) {
      for (const auto& [metric, statistics] : metrics) {
        add_statistics(columns, clip(source, style.width / 3), metric, statistics);
      }
    }
    out += heading("Absolute error by source", style) + columns.text(style);
  }
  Columns columns(right);
  columns.add(titles);
  for (const auto& [metric, statistics] : summary.by_metric) {
    add_statistics(columns, "all", metric, statistics);
  }
  out += heading("Absolute error", style) + columns.text(style);
  const IntervalStatistics& intervals = summary.intervals;
  if (intervals.n > 0) {
    out += heading(fmt::format("Intervals of {:.0f} %", 100 * kNominalProbability), style);
    out +=
        fmt::format("  {} of {} measurements lie inside; median half width {}, interval score {}\n",
                    percent(intervals.coverage), intervals.n, percent(intervals.median_half_width),
                    percent(intervals.score));
  }
  return out;
}

std::string validation_json(std::span<const ValidationRow> rows) {
  const ValidationSummary summary = summarize(rows);
  JsonWriter json;
  json.begin_object();
  json.key("runs").begin_array();
  for (const ValidationRow& row : rows) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("file", std::string_view(row.file));
    json.member("source", std::string_view(row.source));
    json.member("gate", row.gate).member("metric", std::string_view(row.metric));
    json.member("measured", row.measured).member("predicted", row.predicted);
    json.member("error", row.error());
    if (row.interval) {
      json.key("interval").begin_array();
      for (const double end : *row.interval) json.value(end);
      json.end_array();
    }
    if (!row.notes.empty()) json.member("notes", std::string_view(row.notes));
    json.end_object();
  }
  json.end_array();
  json.key("summary");
  write_by_metric(json, summary.by_metric);
  json.key("by_source").begin_object();
  for (const auto& [source, metrics] : summary.by_source) {
    json.key(source);
    write_by_metric(json, metrics);
  }
  json.end_object();
  json.key("intervals").begin_object();
  json.member("probability", kNominalProbability);
  json.key("all");
  write_intervals(json, summary.intervals);
  json.key("by_source").begin_object();
  for (const auto& [source, statistics] : summary.intervals_by_source) {
    json.key(source);
    write_intervals(json, statistics);
  }
  json.end_object().end_object().end_object();
  return std::move(json).take();
}

}  // namespace plumbline
