#include "sim/cli/sweep_summary.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/report/text.h"

namespace plumbline {
namespace {

constexpr std::size_t kMostShown = 5000;  ///< points kept for a picture
constexpr std::size_t kMostRows = 60;     ///< of a table; beyond, it shows the front alone

std::string points(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " point" : " points");
}

}  // namespace

void SweepSummary::add(const std::optional<SweepFigures>& figures) {
  if (!figures) return;
  ++valid_;
  front_.add(*figures);
  if (shown_ && shown_->size() < kMostShown) {
    shown_->push_back(*figures);
  } else {
    shown_.reset();
  }
}

void SweepSummary::add_invalid(const std::string& path, const std::string& example) {
  ++invalid_;
  Reason& reason = reasons_[path];
  if (reason.count++ == 0) reason.example = example;
}

void SweepSummary::add(const PointOutcome& outcome) {
  if (outcome.left_out) {
    add_left_out();
  } else if (outcome.error) {
    const Diagnostic& first = outcome.error->diagnostics().front();
    add_invalid(first.path, first.problem);
  } else {
    add(outcome.figures);
  }
}

std::string SweepSummary::text(const std::vector<SweepAxis>& axes, const TextStyle& style) const {
  std::vector<std::string> names;
  for (const SweepAxis& axis : axes) names.push_back(axis.path.substr(axis.path.rfind('.') + 1));
  const std::vector<SweepFigures> best = front_.points();
  const bool all = shown_ && shown_->size() <= kMostRows;
  const std::vector<SweepFigures>& rows = all ? *shown_ : best;
  const bool priced = !rows.empty() && rows.front().priced;
  names.insert(names.end(), {"step", "tokens/s/GPU", "MFU", "bubble", "GiB",
                             priced ? "USD/M tokens" : "GPU h/M tokens", ""});
  Columns columns(std::vector<bool>(names.size(), true));
  columns.add(names);
  for (const SweepFigures& point : rows) {
    std::vector<std::string> cells = point.values;
    cells.insert(cells.end(),
                 {duration(point.iteration_time_s), grouped(point.tokens_per_s_per_gpu),
                  percent(point.mfu), percent(point.bubble_fraction), gib(point.peak_memory_bytes),
                  fmt::format("{:.3g}", point.cost),
                  !point.fits               ? "does not fit"
                  : front_.has(point.index) ? "*"
                                            : ""});
    columns.add(std::move(cells));
  }
  std::string text = rows.empty() ? std::string() : columns.text(style);
  text += fmt::format("{} simulated, {} on the front{} of throughput, memory and cost.\n",
                      points(valid_), best.size(), all ? " (*)" : " (shown)");
  if (left_out_ > 0) text += fmt::format("{} left out by where.\n", points(left_out_));
  for (const auto& [path, reason] : reasons_) {
    text += fmt::format("{} invalid: {}: {}\n", points(reason.count), path, reason.example);
  }
  return style.ascii ? plain_ascii(text) : text;
}

}  // namespace plumbline
