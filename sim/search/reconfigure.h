// A cluster that shrinks or grows: which plan to go on with, and what getting there costs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/search/search.h"

namespace plumbline {

/// What a change of plan costs besides its step; every figure is the caller's.
struct ChangeCosts {
  double restart_s = 600;               ///< from the failure until processes run again
  BytesPerSecond storage{100e9};        ///< all nodes together read checkpoints so fast
  double checkpoint_interval_s = 1800;  ///< half of it is lost on average
  double horizon_s = 86400;             ///< over which options are compared
  std::optional<double> repair_s;       ///< until the old cluster is whole again
};

/// One way to go on.
struct Continuation {
  std::string what;          ///< "same stages, fewer replicas"
  std::optional<Plan> plan;  ///< nullopt: see `problem`
  std::string problem;
  double reload_bytes = 0;  ///< read from storage
  double away_s = 0;        ///< restart or repair, and reading the checkpoint
  double redone_s = 0;      ///< of the old plan's work that is lost
  double tokens = 0;        ///< net progress within the horizon
};

struct Reconfiguration {
  std::vector<Continuation> options;  ///< most progress first
  SearchCounts counts;                ///< of the search for the best plan
  std::vector<std::string> assumptions;
};

/// Bytes that a restart reads: 2 a parameter for the weights of every replica, 12 (fp32 master and
/// Adam's two moments) once with ZeRO >= 1, in every replica without.
double checkpoint_bytes(const Scenario& scenario, int data, int zero_stage);

/// Ways to go on after `before` on a cluster of `nodes` nodes: its stages with as many replicas as
/// there is room for, the best plan with its number of stages, the best plan, and, where a repair
/// time is given, waiting.  Plans may leave up to a twentieth of the nodes unused.
/// @param kept  `before` with fewer replicas, as what_if makes it; nullopt: there is no room for
/// one
Reconfiguration reconfigure(const Scenario& before, const std::optional<Scenario>& kept, int nodes,
                            const SearchOptions& options, const ChangeCosts& costs);

}  // namespace plumbline
