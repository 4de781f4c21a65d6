#pragma once

#include <vector>

#include "schedules/schedule.h"

namespace plumbline {

/// What rank `rank` of a 1F1B runs: min(`ahead`, M) forwards ahead, then one forward and one
/// backward in turn, then the remaining backwards.  Plain 1F1B has P-1-rank ahead.
std::vector<Op> one_f_one_b_program(int rank, const PipelineShape& shape, int ahead);

}  // namespace plumbline
