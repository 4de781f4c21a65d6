// The table for people, top down: the answer, where the time goes, why ranks wait, each rank,
// what would help, and what the answer rests on.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/report/explain.h"
#include "sim/report/parts.h"
#include "sim/report/report.h"
#include "sim/report/text.h"

namespace plumbline {
namespace {

constexpr int kMaxRankRows = 16;
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

std::string fact(std::string_view name, std::string_view text, const TextStyle& style) {
  std::string out;
  std::string label = paint(pad_right(name, 11), Ink::kDim, style);
  for (const std::string& line : wrap(text, style.width - 13)) {
    out += fmt::format("  {}{}\n", label, line);
    label = std::string(11, ' ');
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
    step += fmt::format(" ({} to {})", duration((*t.iteration_time_interval_s)[0]),
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

/// Ranks to show: all of them where few; else both ends and those that stand out.
std::set<std::size_t> shown_ranks(const TrainingResult& t) {
  std::set<std::size_t> shown;
  const std::size_t n = t.ranks.size();
  for (std::size_t i = 0; i < n; ++i) {
    if (n <= kMaxRankRows || i < 5 || i + 5 >= n) shown.insert(i);
  }
  if (n == 0) return shown;
  const auto index = [&](const RankResult* rank) {
    return static_cast<std::size_t>(rank - t.ranks.data());
  };
  const auto [least, most] = std::ranges::minmax_element(t.ranks, {}, &RankResult::idle_s);
  shown.insert({index(fullest_rank(t)), index(busiest_rank(t)), index(&*least), index(&*most)});
  return shown;
}

/// Rows for the shown ranks, `cells(rank)` each, with a line for every gap between them.
template <typename Cells>
void add_rank_rows(Columns& columns, const TrainingResult& t, Cells cells) {
  std::size_t next = 0;
  for (const std::size_t i : shown_ranks(t)) {
    if (i > next) columns.add({"…", fmt::format("{} more", i - next)});
    next = i + 1;
    columns.add(cells(t.ranks[i]));
  }
}

std::string rank_table(const TrainingResult& t, const TextStyle& style) {
  if (t.ranks.empty()) return "";
  const TimeUnit unit = unit_for(busiest_rank(t)->busy_s);
  double longest_idle = 0;
  for (const RankResult& rank : t.ranks) longest_idle = std::max(longest_idle, rank.idle_s);
  Columns columns({true, false, true, true, true, false, false});
  columns.add({"rank", "layers", fmt::format("busy {}", unit.suffix),
               fmt::format("idle {}", unit.suffix), "idle %", "mostly"});
  add_rank_rows(columns, t, [&](const RankResult& rank) -> std::vector<std::string> {
    const double phase = rank.busy_s + rank.idle_s;
    return {std::to_string(rank.pipeline_rank),
            clip(layers_text(rank), 26),
            in_unit(rank.busy_s, unit),
            in_unit(rank.idle_s, unit),
            fmt::format("{:.1f}", phase > 0 ? 100 * rank.idle_s / phase : 0.0),
            main_idle_cause(rank),
            style.width < 90 || longest_idle <= 0
                ? ""
                : bar(rank.idle_s / longest_idle, style.width - 82, style)};
  });
  return heading("Ranks", style) + columns.text(style);
}

std::string memory_table(const TrainingResult& t, const TextStyle& style) {
  if (t.ranks.empty() || t.peak_memory_bytes <= 0) return "";
  constexpr std::array<std::string_view, 8> kShort = {"weights", "grads", "optim",     "activ",
                                                      "logits",  "comm",  "workspace", "framework"};
  std::vector<std::size_t> causes;  // those that any rank has
  for (std::size_t cause = 0; cause < kShort.size(); ++cause) {
    if (std::ranges::any_of(t.ranks, [cause](const RankResult& rank) {
          return parts_of(rank.peak)[cause].value > 0;
        })) {
      causes.push_back(cause);
    }
  }
  Columns columns(std::vector<bool>(causes.size() + 4, true));
  std::vector<std::string> titles = {"rank", "peak"};
  for (const std::size_t cause : causes) titles.emplace_back(kShort[cause]);
  titles.insert(titles.end(), {"live", "at"});
  columns.add(std::move(titles));
  add_rank_rows(columns, t, [&](const RankResult& rank) {
    const double peak = rank.peak.total().base();
    const bool over = t.usable_memory_bytes > 0 && peak > t.usable_memory_bytes;
    std::vector<std::string> cells = {std::to_string(rank.pipeline_rank),
                                      over ? paint(gib(peak) + "!", Ink::kBad, style) : gib(peak)};
    const auto parts = parts_of(rank.peak);
    for (const std::size_t cause : causes) cells.push_back(gib(parts[cause].value));
    cells.push_back(std::to_string(rank.peak_live_activations));
    cells.push_back(rank.peak_operation);
    return cells;
  });
  return heading("Memory at each rank's peak, GiB", style) + columns.text(style);
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
  return heading("Critical path: only what is on it shortens the step", style) +
         columns.text(style);
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
    out += fact("engine",
                fmt::format("{} tasks, {}{}", grouped(static_cast<double>(result.engine.tasks)),
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
