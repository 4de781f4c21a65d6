// The best plans of a space, found exactly: best-first by an admissible bound, each plan that could
// still win simulated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/measure/result.h"
#include "sim/run/session.h"
#include "sim/search/objective.h"
#include "sim/search/space.h"

namespace plumbline {

struct SearchOptions {
  SearchSpace space;
  Objective objective;
  std::size_t top = 5;
  std::optional<Bytes> max_memory;  ///< of a GPU; nullopt: what the profile says is usable
  /// Calls work(i) for each i below count, in any order, possibly at the same time.
  /// REQUIRES: all calls have returned when it does
  std::function<void(std::size_t count, const std::function<void(std::size_t)>& work)> for_each;
  /// Told now and then: plans looked at, and plans there are.
  std::function<void(std::size_t, std::size_t)> progress;
  HardwareScale scale;  ///< of what-ifs
  bool prune = true;    ///< false: simulate everything (to test the bounds)
};

/// A plan that was simulated.
struct Plan {
  Candidate candidate;
  Result result;
  double score = 0;   ///< Objective::score
  bool fits = false;  ///< within the search's memory limit
};

struct SearchCounts {
  std::int64_t combinations = 0;                   ///< of the lists, as far as groups fill the GPUs
  std::map<std::string, std::int64_t> impossible;  ///< no plans, by the setting that forbids them
  std::int64_t legal = 0;
  std::int64_t time_bound = 0;    ///< ruled out: no order of their operations is fast enough
  std::int64_t memory_bound = 0;  ///< ruled out: one micro-batch is too much
  std::int64_t memory = 0;        ///< ruled out by the exact peak of their order of operations
  std::int64_t full_bound = 0;    ///< ruled out by the bound with hops, data traffic, optimizer
  std::int64_t simulated = 0;
};

struct SearchResult {
  std::vector<Plan> best;  ///< at most `top`, best first; ties in the order of the space
  SearchCounts counts;
};

/// The search, its what-ifs and going on with another cluster are of training.
/// @throws InputError at `serving` where the scenario serves
void require_training(const Scenario& scenario);

/// @throws InputError when the space has no legal plan or the scenario serves; `best` is empty when
///         none fits
SearchResult search_plans(const Scenario& base, const SearchOptions& options);

/// One plan by itself, whether it fits or not.
/// @throws InputError when it is no plan
Plan evaluate(const Scenario& base, const Candidate& candidate, const SearchOptions& options);
/// The same in a session, which keeps what its plans share.
Plan evaluate(const Scenario& base, const Candidate& candidate, const SearchOptions& options,
              SimulationSession& session);

}  // namespace plumbline
