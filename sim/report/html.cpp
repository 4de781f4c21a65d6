// One self-contained HTML page: the answer, where the time goes, the timeline, memory, ranks,
// what would help and what the answer rests on.  Without script it shows the still picture.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "sim/report/explain.h"
#include "sim/report/gantt.h"
#include "sim/report/html_assets.h"
#include "sim/report/json_writer.h"
#include "sim/report/markup.h"
#include "sim/report/memory_chart.h"
#include "sim/report/palette.h"
#include "sim/report/parts.h"
#include "sim/report/report.h"
#include "sim/report/text.h"

namespace plumbline {
namespace {

/// Beyond this the page keeps the still picture only: a browser wants no hundred megabytes.
constexpr std::size_t kMaxLiveBars = 150'000;
constexpr int kPictureWidth = 1220;

// In the order of parts_of(Breakdown): compute blue, its repetition pale, communication warm,
// the bubble grey.
constexpr std::array<std::string_view, 10> kPartColours = {
    "#4477aa", "#93b3d3", "#ee9b4a", "#e8c14f", "#d1615d",
    "#aa3377", "#e2a3b9", "#c9cdd4", "#7a6a58", "#228833"};

std::string card(std::string_view value, std::string_view text, std::string_view css = "") {
  return fmt::format("<div class=\"card\"><b class=\"{}\">{}</b><span>{}</span></div>\n", css,
                     escape_markup(value), escape_markup(text));
}

std::string headline(const ReportInput& input) {
  const Result& result = input.result;
  const TrainingResult& t = result.training;
  std::string out = fmt::format("<h1>{}</h1>\n<p class=\"dim\">schedule {}, {} pipeline {}",
                                escape_markup(result.scenario), escape_markup(input.schedule.name),
                                t.ranks.size(), t.ranks.size() == 1 ? "rank" : "ranks");
  if (const int gpus = gpus_of(t); gpus > 0) {
    out += fmt::format(", {} {}", gpus, gpus == 1 ? "GPU" : "GPUs");
  }
  out += "</p>\n<div class=\"cards\">\n";
  std::string step = "one step";
  if (t.iteration_time_interval_s) {
    step += fmt::format(", with 90 % probability between {} and {}",
                        duration((*t.iteration_time_interval_s)[0]),
                        duration((*t.iteration_time_interval_s)[1]));
  }
  out += card(duration(t.iteration_time_s), step);
  out += card(grouped(t.tokens_per_s_per_gpu),
              fmt::format("tokens/s per GPU, {} in all", grouped(t.tokens_per_s)));
  out += card(percent(t.mfu), fmt::format("MFU, {:.1f} model TFLOP/s per GPU; HFU {}",
                                          t.model_tflops_per_gpu, percent(t.hfu)));
  out += card(percent(t.bubble_fraction), "bubble: idle in the compute phase");
  out +=
      card(gib(t.peak_memory_bytes) + " GiB", memory_verdict(result), result.fits ? "good" : "bad");
  if (t.lower_bound_s > 0) {
    out += card(percent(t.iteration_time_s / t.lower_bound_s - 1),
                fmt::format("above the lower bound of {}", duration(t.lower_bound_s)));
  }
  return out + "</div>\n";
}

std::string breakdown(const TrainingResult& t) {
  if (t.iteration_time_s <= 0) return "";
  std::string stack, rows;
  std::size_t i = 0;
  const TimeUnit unit = unit_for(t.iteration_time_s);
  for (const NamedPart& part : parts_of(t.breakdown)) {
    const std::string_view colour = kPartColours[i++];
    if (part.value <= 0) continue;
    const std::string share = percent(part.value / t.iteration_time_s);
    stack += fmt::format("<div style=\"flex:{:.6f};background:{}\" title=\"{} {} ({})\"></div>",
                         part.value / t.iteration_time_s, colour, part.label, duration(part.value),
                         share);
    rows += fmt::format(
        "<tr><td><span class=\"swatch\" style=\"background:{}\"></span>{}</td>"
        "<td class=\"n\">{} {}</td><td class=\"n\">{}</td></tr>\n",
        colour, part.label, in_unit(part.value, unit), unit.suffix, share);
  }
  return fmt::format(
      "<h2>Where the time goes</h2>\n<div class=\"stack\">{}</div>\n<table>\n{}</table>\n", stack,
      rows);
}

std::string list(std::string_view title, const std::vector<std::string>& texts) {
  if (texts.empty()) return "";
  std::string out = fmt::format("<h2>{}</h2>\n<ul>\n", title);
  for (const std::string& text : texts) out += "<li>" + escape_markup(text) + "</li>\n";
  return out + "</ul>\n";
}

std::string waiting(const Result& result) {
  std::string rows;
  for (const BubbleCause& cause : bubble_causes(result.training)) {
    rows += fmt::format(
        "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"dim\">{}</td></tr>\n",
        cause.label, duration(cause.seconds), percent(cause.share, 0),
        escape_markup(cause.sentence));
  }
  std::string notes;
  for (const std::string& note : observations(result)) {
    notes += "<li>" + escape_markup(note) + "</li>\n";
  }
  if (rows.empty() && notes.empty()) return "";
  return fmt::format("<h2>Why ranks wait</h2>\n<table>\n{}</table>\n<ul>\n{}</ul>\n", rows, notes);
}

void write_bars(JsonWriter& json, std::string_view key, const std::vector<GanttBar>& bars) {
  json.key(key).begin_array();
  for (const GanttBar& bar : bars) {
    const std::int64_t start = std::llround(bar.start * 1e9);
    json.begin_array().value(static_cast<int>(bar.kind)).value(static_cast<int>(bar.chunk));
    json.value(bar.stage).value(bar.microbatch).value(start);
    json.value(static_cast<std::int64_t>(std::llround(bar.finish * 1e9) - start));
    if (!bar.waited_for.empty()) json.value(std::string_view(bar.waited_for));
    json.end_array();
  }
  json.end_array();
}

/// What kHtmlScript draws from: times in whole nanoseconds.
std::string timeline_json(const Gantt& gantt) {
  int num_chunks = 1;
  for (const GanttRow& row : gantt.rows) {
    for (const GanttBar& bar : row.compute) num_chunks = std::max(num_chunks, bar.chunk + 1);
  }
  JsonWriter json(JsonWriter::Layout::kOneLine);
  json.begin_object().member("end", static_cast<std::int64_t>(std::llround(gantt.end * 1e9)));
  const auto per_kind = [&](std::string_view key, auto text_of) {
    json.key(key).begin_array();
    for (int kind = 0; kind <= static_cast<int>(BarKind::kDataGather); ++kind) {
      json.begin_array();
      for (int chunk = 0; chunk < num_chunks; ++chunk) {
        const std::string text = text_of(colour_of(static_cast<BarKind>(kind), chunk, num_chunks));
        json.value(std::string_view(text));
      }
      json.end_array();
    }
    json.end_array();
  };
  per_kind("colours", hex);
  per_kind("inks", ink_on);
  json.key("kinds").begin_array();
  for (int kind = 0; kind <= static_cast<int>(BarKind::kDataGather); ++kind) {
    json.value(name_of(static_cast<BarKind>(kind)));
  }
  json.end_array();
  json.key("rows").begin_array();
  for (const GanttRow& row : gantt.rows) {
    json.begin_object().member("label", std::string_view(row.label));
    write_bars(json, "b", row.compute);
    write_bars(json, "d", row.data);
    json.end_object();
  }
  json.end_array().end_object();
  return std::move(json).take();
}

std::string timeline(const Gantt& gantt) {
  std::size_t bars = 0;
  for (const GanttRow& row : gantt.rows) bars += row.compute.size() + row.data.size();
  if (bars == 0) return "";
  std::string out = "<h2>Timeline</h2>\n";
  Gantt still = gantt;
  still.title.clear();
  out += "<div id=\"timeline\">" + gantt_svg(still, kPictureWidth) + "</div>\n";
  if (bars > kMaxLiveBars) {
    return out + fmt::format(
                     "<p class=\"dim\">{} operations are too many to zoom into here; a trace "
                     "(--trace) shows each of them.</p>\n",
                     grouped_count(static_cast<std::int64_t>(bars)));
  }
  out += "<p class=\"dim\">";
  for (int kind = 0; kind <= static_cast<int>(BarKind::kDataGather); ++kind) {
    const auto bar = static_cast<BarKind>(kind);
    const bool present = std::ranges::any_of(gantt.rows, [bar](const GanttRow& row) {
      const auto is = [bar](const GanttBar& b) { return b.kind == bar; };
      return std::ranges::any_of(row.compute, is) || std::ranges::any_of(row.data, is);
    });
    if (!present) continue;
    out += fmt::format("<span class=\"swatch\" style=\"background:{}\"></span>{} &nbsp; ",
                       hex(colour_of(bar, 0, 1)), name_of(bar));
  }
  const bool chunks = std::ranges::any_of(gantt.rows, [](const GanttRow& row) {
    return std::ranges::any_of(row.compute, [](const GanttBar& bar) { return bar.chunk > 0; });
  });
  return out + (chunks ? "paler: later chunks" : "") + "</p>\n<div id=\"tip\"></div>\n" +
         "<script type=\"application/json\" id=\"timeline-data\">" + timeline_json(gantt) +
         "</script>\n";
}

std::string rank_rows(const TrainingResult& t) {
  if (t.ranks.empty()) return "";
  std::string rows;
  for (const RankResult& rank : t.ranks) {
    const double phase = rank.busy_s + rank.idle_s, peak = rank.peak.total().base();
    const bool over = t.usable_memory_bytes > 0 && peak > t.usable_memory_bytes;
    rows += fmt::format(
        "<tr><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"n\">{}</td><td>{}</td><td class=\"n {}\">{}</td><td>{}</td><td>{}</td></tr>\n",
        rank.pipeline_rank, layers_text(rank), duration(rank.busy_s), duration(rank.idle_s),
        percent(phase > 0 ? rank.idle_s / phase : 0), main_idle_cause(rank), over ? "bad" : "",
        gib(peak), largest_parts_text(rank.peak, 3), escape_markup(rank.peak_operation));
  }
  return "<h2>Ranks</h2>\n<div class=\"scroll\"><table>\n<tr><th class=\"n\">rank</th>"
         "<th>layers</th><th class=\"n\">busy</th><th class=\"n\">idle</th>"
         "<th class=\"n\">idle share</th><th>mostly</th><th class=\"n\">peak GiB</th>"
         "<th>of which</th><th>peak at</th></tr>\n" +
         rows + "</table></div>\n";
}

std::string memory(const TrainingResult& t) {
  const std::string peaks = peak_memory_svg(t, kPictureWidth);
  if (peaks.empty()) return "";
  std::string out = "<h2>Memory at each rank's peak</h2>\n" + peaks + "\n";
  const std::string over_time = memory_over_time_svg(t, kPictureWidth);
  if (!over_time.empty()) out += "<h2>Memory over the step</h2>\n" + over_time + "\n";
  return out;
}

std::string critical_path(const TrainingResult& t) {
  std::string rows;
  for (const CriticalStep& step : t.critical_path) {
    rows += fmt::format(
        "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"n\">{}</td></tr>\n",
        escape_markup(step.what), duration(step.seconds),
        t.iteration_time_s > 0 ? percent(step.seconds / t.iteration_time_s) : "", step.tasks);
  }
  if (rows.empty()) return "";
  return "<h2>Critical path</h2>\n<div class=\"scroll\"><table>\n<tr><th>what</th>"
         "<th class=\"n\">time</th><th class=\"n\">of the step</th>"
         "<th class=\"n\">tasks</th></tr>\n" +
         rows + "</table></div>\n";
}

std::string what_would_help(const TrainingResult& t) {
  if (t.sensitivities.empty()) return "";
  auto sorted = t.sensitivities;
  std::ranges::stable_sort(sorted, std::greater<>(), &Sensitivity::saved_fraction);
  const double most = std::max(sorted.front().saved_fraction, 1e-12);
  std::string rows;
  for (const Sensitivity& s : sorted) {
    rows += fmt::format(
        "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{:+.1f} %</td>"
        "<td><span class=\"bar\" style=\"width:{:.0f}px\"></span></td></tr>\n",
        escape_markup(s.what), duration(s.iteration_time_s),
        s.saved_fraction == 0 ? 0.0 : -100 * s.saved_fraction,
        200 * std::clamp(s.saved_fraction / most, 0.0, 1.0));
  }
  return "<h2>What would help</h2>\n<table>\n" + rows + "</table>\n";
}

std::string grounds(const Result& result) {
  std::string out;
  const OutsideCalibration& outside = result.outside_calibration;
  if (outside.share_of_time > 0 || !outside.operations.empty()) {
    out += fmt::format(
        "<h2>Outside the calibration</h2>\n<p>{} of the busy time is priced "
        "outside measured ranges.</p>\n<ul>\n",
        percent(outside.share_of_time));
    for (const std::string& operation : outside.operations) {
      out += "<li>" + escape_markup(operation) + "</li>\n";
    }
    out += "</ul>\n";
  }
  return out + list("Assumed, because the scenario does not say", result.assumptions);
}

}  // namespace

std::string to_html(const ReportInput& input) {
  const Result& result = input.result;
  const TrainingResult& t = result.training;
  const std::string picture = timeline(gantt_of(input));
  const bool live = picture.find("timeline-data") != std::string::npos;
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  out += "<meta name=\"viewport\" content=\"width=device-width\">\n";
  out += fmt::format("<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n",
                     escape_markup(result.scenario), kHtmlStyle);
  out += headline(input) + breakdown(t) + waiting(result) + picture + memory(t) + rank_rows(t) +
         critical_path(t) + what_would_help(t) + grounds(result);
  if (live) out += fmt::format("<script>{}</script>\n", kHtmlScript);
  return out + "</body>\n</html>\n";
}

}  // namespace plumbline
