#include "sim/cli/box_trace.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace plumbline {

BoxBars box_bars(const BoxRun& run) {
  BoxBars bars;
  for (std::size_t i = 0; i < run.start.size(); ++i) {
    bars.emplace_back(1e6 * to_seconds(run.start[i]).base(),
                      1e6 * to_seconds(run.finish[i]).base());
  }
  return bars;
}

BoxBars box_bars(const BoxReport& report) {
  BoxBars bars;
  for (std::size_t i = 0; i < report.start_us.size(); ++i) {
    bars.emplace_back(report.start_us[i], report.end_us[i]);
  }
  return bars;
}

std::string box_trace(const measure::BoxPlan& plan,
                      const std::vector<std::pair<std::string, BoxBars>>& timelines) {
  // Whole nanoseconds, ends rounded before durations are taken: neighbours touch and never overlap.
  const auto rounded = [](double us) { return std::round(us * 1e3) / 1e3; };
  nlohmann::ordered_json events = nlohmann::ordered_json::array();
  for (std::size_t pid = 0; pid < timelines.size(); ++pid) {
    const auto& [name, bars] = timelines[pid];
    events.push_back(
        {{"ph", "M"}, {"pid", pid}, {"name", "process_name"}, {"args", {{"name", name}}}});
    for (int rank = 0; rank < plan.ranks; ++rank) {
      events.push_back({{"ph", "M"},
                        {"pid", pid},
                        {"tid", rank},
                        {"name", "thread_name"},
                        {"args", {{"name", "rank " + std::to_string(rank)}}}});
    }
    for (std::size_t i = 0; i < bars.size(); ++i) {
      const measure::BoxOp& op = plan.replay.ops[i];
      const double start = rounded(bars[i].first), end = rounded(bars[i].second);
      events.push_back({{"ph", "X"},
                        {"pid", pid},
                        {"tid", op.rank},
                        {"name", to_string(op)},
                        {"cat", std::string(1, op.kind)},
                        {"ts", start},
                        {"dur", rounded(end - start)}});
    }
  }
  const nlohmann::ordered_json document{{"displayTimeUnit", "ms"}, {"traceEvents", events}};
  return document.dump() + "\n";
}

}  // namespace plumbline
