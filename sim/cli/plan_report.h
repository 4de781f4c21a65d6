// The answer of a plan search, told: a table for people, JSON and CSV for programs.
#pragma once

#include <string>
#include <vector>

#include "sim/report/report.h"
#include "sim/search/reconfigure.h"
#include "sim/search/why.h"

namespace plumbline {

struct PlanReport {
  const Scenario& base;
  const SearchOptions& options;
  const SearchResult& found;
  std::vector<Alternative> changes;  ///< one_change of the best plan
  std::vector<Alternative> popular;
  double wall_s = 0;  ///< of the search itself; told to people only
};

/// Ways to go on after a change of the cluster, most progress first.
std::string reconfiguration_table(const Reconfiguration& change, const std::string& title,
                                  const TextStyle& style);
/// {"schema": "plumbline.reconfiguration/1", "options": [{"what", "plan", "iteration_time_s",
///  "tokens_per_s", "reload_bytes", "away_s", "redone_s", "tokens"}], "assumptions"}
std::string reconfiguration_json(const Reconfiguration& change, const std::string& title);

std::string plan_table(const PlanReport& report, const TextStyle& style);
/// {"schema": "plumbline.plan/1", "objective", "space", "plans": [{"set", "score", "result"}],
///  "one_change": [...], "popular": [...], "assumptions"}
std::string plan_json(const PlanReport& report);
/// A row per plan: its settings, then the score and the result's keys as a sweep names them.
std::string plan_csv(const PlanReport& report);

}  // namespace plumbline
