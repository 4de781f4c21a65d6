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

std::vector<std::string> figure_names(const SweepKind& kind, bool priced) {
  if (!kind.serves) {
    return {"step",   "tokens/s/GPU", "MFU",
            "bubble", "GiB",          priced ? "USD/M tokens" : "GPU h/M tokens"};
  }
  const std::string cost = priced ? "USD/Mtok" : "GPU h/Mtok";
  // At the highest rate within the objectives as many are within them as have to be.
  if (kind.max_rate) {
    return {"requests/s", "tok/s/GPU", "TTFT p90", "TPOT p90", "bubble", "KV peak", cost};
  }
  return {"tok/s/GPU", "TTFT p90", "TPOT p90", "in SLO", "bubble", "KV peak", cost};
}

std::vector<std::string> figure_cells(const SweepKind& kind, const SweepFigures& point) {
  const std::string cost = fmt::format("{:.3g}", point.cost);
  if (!kind.serves) {
    return {
        duration(point.iteration_time_s), grouped(point.tokens_per_s_per_gpu), percent(point.mfu),
        percent(point.bubble_fraction),   gib(point.peak_memory_bytes),        cost};
  }
  if (!point.fits) {  // not simulated
    std::vector<std::string> cells(7);
    cells.front() = "does not fit";
    return cells;
  }
  std::vector<std::string> cells{grouped(point.tokens_per_s_per_gpu),
                                 duration(point.ttft_p90_s),
                                 duration(point.tpot_p90_s),
                                 percent(point.slo_attainment),
                                 percent(point.bubble_fraction),
                                 percent(point.cache_use),
                                 cost};
  if (kind.max_rate) {
    cells.erase(cells.begin() + 3);
    cells.insert(cells.begin(), point.max_rate_per_s > 0
                                    ? fmt::format("{:.3g}", point.max_rate_per_s)
                                    : std::string("none"));
  }
  return cells;
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

std::string SweepSummary::text(const std::vector<SweepAxis>& axes, const SweepKind& kind,
                               const TextStyle& style) const {
  std::vector<std::string> names;
  for (const SweepAxis& axis : axes) names.push_back(axis.path.substr(axis.path.rfind('.') + 1));
  std::vector<std::vector<std::string>> shown;  // by axis, its values as they are told
  for (const SweepAxis& axis : axes) shown.push_back(short_values(axis.values));
  const std::vector<SweepFigures> best = front_.points();
  const bool all = shown_ && shown_->size() <= kMostRows;
  const std::vector<SweepFigures>& rows = all ? *shown_ : best;
  const bool priced = !rows.empty() && rows.front().priced;
  for (std::string& name : figure_names(kind, priced)) names.push_back(std::move(name));
  names.emplace_back();
  Columns columns(std::vector<bool>(names.size(), true));
  columns.add(names);
  for (const SweepFigures& point : rows) {
    std::vector<std::string> cells;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const auto value = std::ranges::find(axes[i].values, point.values[i]);
      const auto at = static_cast<std::size_t>(value - axes[i].values.begin());
      cells.push_back(at < shown[i].size() ? shown[i][at] : point.values[i]);
    }
    for (std::string& cell : figure_cells(kind, point)) cells.push_back(std::move(cell));
    const bool told = kind.serves;  // that it does not fit
    cells.emplace_back(front_.has(point.index) ? "*" : point.fits || told ? "" : "does not fit");
    columns.add(std::move(cells));
  }
  std::string text = rows.empty() ? std::string() : columns.text(style);
  text += fmt::format("{} simulated, {} on the front{} of throughput, {} and cost.\n",
                      points(valid_), best.size(), all ? " (*)" : " (shown)",
                      kind.serves ? "latency (p90s)" : "memory");
  if (left_out_ > 0) text += fmt::format("{} left out by where.\n", points(left_out_));
  for (const auto& [path, reason] : reasons_) {
    text += fmt::format("{} invalid: {}: {}\n", points(reason.count), path, reason.example);
  }
  return style.ascii ? plain_ascii(text) : text;
}

}  // namespace plumbline
