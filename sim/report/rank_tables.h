// The ranks of a pipeline as tables for people; long pipelines are elided in the middle.
#pragma once

#include <string>

#include "sim/measure/result.h"
#include "sim/report/report.h"

namespace plumbline {

/// Layers, busy and idle time of each rank and what it mostly waits for; "" without ranks.
std::string rank_table(const TrainingResult& training, const TextStyle& style);

/// GiB by cause at each rank's peak; "" without ranks or memory.
std::string memory_table(const TrainingResult& training, const TextStyle& style);

}  // namespace plumbline
