// A result as one row of a CSV: its numbers by their path in the JSON of a run.
#pragma once

#include <string>
#include <vector>

#include "sim/measure/result.h"

namespace plumbline {

/// "training.iteration_time_s", "training.breakdown_s.compute", ...: every single number of a
/// result, in the order of its JSON; lists (ranks) and engine.wall_s are left out.
std::vector<std::string> result_keys();

/// The numbers of result_keys, each the shortest text that reads back the same; "" where null.
std::vector<std::string> result_values(Result result);

/// A cell of a CSV, quoted where it has to be.
std::string csv_cell(const std::string& text);

}  // namespace plumbline
