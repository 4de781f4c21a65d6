// What a winning plan is held against: the same plan with one thing changed, and plans that people
// would have taken.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/search/search.h"

namespace plumbline {

/// A plan that was not chosen, or the reason why there is none.
struct Alternative {
  std::string what;          ///< "tensor 8", "1F1B without virtual stages"
  std::optional<Plan> plan;  ///< may not fit
  std::string problem;       ///< why there is no plan: "no plan of the kind fits in memory"
};

/// The winner with one setting at a time made larger or smaller, or replaced; data parallelism
/// takes up what is left of the GPUs, and layers are split as is best.  Changes that give no plan
/// are left out.
std::vector<Alternative> one_change(const Scenario& base, const Plan& winner,
                                    const SearchOptions& options);

/// The plan the scenario states, and the best plan of each popular kind: tensor parallelism over a
/// whole node with plain 1F1B, plain TP 8 PP 8 1F1B, no tensor parallelism, ZeRO-3 without
/// pipeline, 1F1B without virtual stages, GPipe.
std::vector<Alternative> popular_plans(const Scenario& base, const SearchOptions& options);

}  // namespace plumbline
