// See rank_tables.h.
#include "sim/report/rank_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/report/explain.h"
#include "sim/report/parts.h"
#include "sim/report/text.h"

namespace plumbline {
namespace {

constexpr int kMaxRankRows = 16;
constexpr double kWorthAColumn = 0.05 * 1073741824.0;  // bytes: less shows as 0.0 GiB

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

}  // namespace

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
          return parts_of(rank.peak)[cause].value >= kWorthAColumn;
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

}  // namespace plumbline
