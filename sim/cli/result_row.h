// A result as one row of a CSV: its numbers by their path in the JSON of a run.
#pragma once

#include <string>
#include <vector>

#include "sim/measure/result.h"
#include "sim/serving/serving_result.h"

namespace plumbline {

/// "training.iteration_time_s", "training.breakdown_s.compute", ...: every single number of a
/// result, in the order of its JSON; lists (ranks) and engine.wall_s are left out.
std::vector<std::string> result_keys();

/// The numbers of result_keys, each the shortest text that reads back the same; "" where null.
std::vector<std::string> result_values(Result result);

/// The same of a scenario that serves: "serving.ttft_s.p90", ...
/// @param max_rate  with what a search for the highest rate found (run --find max_rate)
std::vector<std::string> serving_keys(bool max_rate);
std::vector<std::string> serving_values(Result result, ServingResult serving, bool max_rate);

/// A cell of a CSV, quoted where it has to be.
std::string csv_cell(const std::string& text);

}  // namespace plumbline
