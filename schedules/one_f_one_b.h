#pragma once

#include <vector>

#include "schedules/schedule.h"

namespace plumbline {

/// What rank `rank` of plain 1F1B runs: min(P-1-rank, M) forwards ahead, then one forward and one
/// backward in turn, then the remaining backwards.
std::vector<Op> one_f_one_b_program(int rank, const PipelineShape& shape);

}  // namespace plumbline
