// The table for people, top down: the answer, where the time goes, why ranks wait, each rank,
// what would help, and what the answer rests on.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/report/explain.h"
#include "sim/report/parts.h"
#include "sim/report/rank_tables.h"
#include "sim/report/report.h"
#include "sim/report/text.h"

namespace plumbline {
namespace {

constexpr int kMaxPathSteps = 8;

std::string bullets(const std::vector<std::string>& texts, const TextStyle& style) {
  std::string out;
  for (const std::string& text : texts) {
    std::string_view mark = style.ascii ? "  - " : "  • ";
    for (const std::string& line : wrap(text, style.width - 4)) {
      out += fmt::format("{}{}\n", mark, line);
      mark = "    ";
    }
  }
  return out;
}

std::string headline(const Result& result, const TextStyle& style) {
  const TrainingResult& t = result.training;
  const std::string_view dot = style.ascii ? ", " : " · ";
  const std::string title = result.scenario.empty() ? "Training step" : result.scenario;
  std::string out = paint(title, Ink::kTitle, style) + "\n\n";

  std::string step = paint(duration(t.iteration_time_s), Ink::kTitle, style);
  if (t.iteration_time_interval_s) {
    step += fmt::format(" ({} to {}, 90 %)", duration((*t.iteration_time_interval_s)[0]),
                        duration((*t.iteration_time_interval_s)[1]));
  }
  step += fmt::format("{}{} tokens/s", dot, grouped(t.tokens_per_s));
  if (const int gpus = gpus_of(t); gpus > 0) {
    step += fmt::format("{}{} per GPU on {} {}", dot, grouped(t.tokens_per_s_per_gpu), gpus,
                        gpus == 1 ? "GPU" : "GPUs");
  }
  out += fact("step", step, style);

  std::string efficiency = fmt::format("MFU {}{}{:.1f} model TFLOP/s per GPU", percent(t.mfu), dot,
                                       t.model_tflops_per_gpu);
  if (t.hardware_tflops_per_gpu > 1.0005 * t.model_tflops_per_gpu) {
    efficiency += fmt::format("{}with recomputation HFU {}, {:.1f}", dot, percent(t.hfu),
                              t.hardware_tflops_per_gpu);
  }
  out += fact("efficiency", efficiency, style);
  out += fact("bubble",
              fmt::format("{} of the compute phase is idle, averaged over {} pipeline {}",
                          percent(t.bubble_fraction), t.ranks.size(),
                          t.ranks.size() == 1 ? "rank" : "ranks"),
              style);
  out += fact("memory", paint(memory_verdict(result), result.fits ? Ink::kGood : Ink::kBad, style),
              style);
  if (t.lower_bound_s > 0) {
    out += fact(
        "bound",
        fmt::format("no schedule of these operations can beat {}; this one is {} above it",
                    duration(t.lower_bound_s), percent(t.iteration_time_s / t.lower_bound_s - 1)),
        style);
  }
  return out;
}

std::string breakdown(const TrainingResult& t, const TextStyle& style) {
  auto parts = parts_of(t.breakdown);
  std::ranges::stable_sort(parts, std::greater<>(), &NamedPart::value);
  if (t.iteration_time_s <= 0 || parts.front().value <= 0) return "";
  const TimeUnit unit = unit_for(parts.front().value);
  Columns columns({false, true, true, false});
  for (const NamedPart& part : parts) {
    if (part.value == 0) continue;
    columns.add({std::string(part.label),
                 fmt::format("{} {}", in_unit(part.value, unit), unit.suffix),
                 percent(part.value / t.iteration_time_s),
                 bar(part.value / parts.front().value, style.width - 44, style)});
  }
  return heading("Where the time goes", style) + columns.text(style);
}

std::string waiting(const Result& result, const TextStyle& style) {
  const auto causes = bubble_causes(result.training);
  const auto notes = observations(result);
  if (causes.empty() && notes.empty()) return "";
  std::string out = heading("Why ranks wait", style);
  if (!causes.empty()) {
    const TimeUnit unit = unit_for(causes.front().seconds);
    Columns columns({false, true, true, false});
    for (const BubbleCause& cause : causes) {
      columns.add({cause.label, fmt::format("{} {}", in_unit(cause.seconds, unit), unit.suffix),
                   percent(cause.share, 0), cause.sentence});
    }
    out += columns.text(style);
  }
  return out + bullets(notes, style);
}

/// "together: B 58.0 %, F 31.6 %, transfer 5.1 %": the path by what stands before the place.
std::string path_by_kind(const TrainingResult& t, double total) {
  std::map<std::string, double> seconds;
  for (const CriticalStep& step : t.critical_path) {
    seconds[step.what.substr(0, step.what.find(' '))] += step.seconds;
  }
  std::vector<std::pair<std::string, double>> kinds(seconds.begin(), seconds.end());
  std::ranges::stable_sort(kinds, [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (const auto& kind : kinds) {
    text += text.empty() ? "together: " : ", ";
    text += fmt::format("{} {}", kind.first, percent(kind.second / total));
  }
  return text;
}

std::string critical_path(const TrainingResult& t, const TextStyle& style) {
  if (t.critical_path.empty()) return "";
  double total = 0;
  for (const CriticalStep& step : t.critical_path) total += step.seconds;
  const TimeUnit unit = unit_for(t.critical_path.front().seconds);
  Columns columns({false, true, true, true});
  std::size_t listed = 0;
  double rest = 0;
  for (const CriticalStep& step : t.critical_path) {
    if (listed++ >= kMaxPathSteps) {
      rest += step.seconds;
      continue;
    }
    columns.add({step.what, fmt::format("{} {}", in_unit(step.seconds, unit), unit.suffix),
                 total > 0 ? percent(step.seconds / total) : "",
                 fmt::format("{} {}", step.tasks, step.tasks == 1 ? "task" : "tasks")});
  }
  if (rest > 0) {
    columns.add({fmt::format("{} others", t.critical_path.size() - kMaxPathSteps),
                 fmt::format("{} {}", in_unit(rest, unit), unit.suffix), percent(rest / total)});
  }
  std::string out = heading("Critical path: only what is on it shortens the step", style);
  out += columns.text(style);
  if (rest > 0) {
    for (const std::string& line : wrap(path_by_kind(t, total), style.width - 2)) {
      out += fmt::format("  {}\n", line);
    }
  }
  return out;
}

std::string what_would_help(const TrainingResult& t, const TextStyle& style) {
  if (t.sensitivities.empty()) return "";
  auto sorted = t.sensitivities;
  std::ranges::stable_sort(sorted, std::greater<>(), &Sensitivity::saved_fraction);
  Columns columns({false, true, true, false});
  const double most = std::max(sorted.front().saved_fraction, 1e-12);
  for (const Sensitivity& s : sorted) {
    columns.add({s.what, duration(s.iteration_time_s),
                 fmt::format("{:+.1f} %", s.saved_fraction == 0 ? 0.0 : -100 * s.saved_fraction),
                 bar(s.saved_fraction / most, std::min(30, style.width / 4), style)});
  }
  return heading("What would help", style) + columns.text(style);
}

std::string grounds(const Result& result, const TextStyle& style) {
  std::string out;
  const OutsideCalibration& outside = result.outside_calibration;
  if (outside.share_of_time > 0 || !outside.operations.empty()) {
    out += heading("Outside the calibration", style);
    std::string operations;
    for (const std::string& operation : outside.operations) {
      operations.append(operations.empty() ? ": " : ", ").append(operation);
    }
    out += bullets({fmt::format("{} of the busy time is priced outside measured ranges{}",
                                percent(outside.share_of_time), operations)},
                   style);
  }
  if (!result.assumptions.empty()) {
    out += heading("Assumed, because the scenario does not say", style);
    out += bullets(result.assumptions, style);
  }
  if (result.engine.tasks > 0) {
    out += '\n';
    out += fact(
        "engine",
        fmt::format("{} tasks, {}{}", grouped_count(static_cast<std::int64_t>(result.engine.tasks)),
                    result.engine.executor,
                    result.engine.reason.empty() ? "" : ": " + result.engine.reason),
        style);
  }
  return out;
}

}  // namespace

std::string to_table(const Result& result, const TextStyle& asked) {
  TextStyle style = asked;
  style.width = std::max(60, style.width);
  const std::string text = headline(result, style) + breakdown(result.training, style) +
                           waiting(result, style) + rank_table(result.training, style) +
                           memory_table(result.training, style) +
                           critical_path(result.training, style) +
                           what_would_help(result.training, style) + grounds(result, style);
  return style.ascii ? plain_ascii(text) : text;
}

}  // namespace plumbline
