// What the generators share: an empty schedule with its placement, the operations by their
// letters, and the wording of "this shape is not legal".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schedules/schedule.h"
#include "sim/core/diagnostic.h"

namespace plumbline {

/// [replicas][stages] the rank of every stage (kGiven has no rule and is refused by an assert).
std::vector<std::vector<int>> stage_ranks(Placement placement, const PipelineShape& shape);

/// A schedule with name, shape, placement and `stage_rank` set and P empty ranks.
Schedule empty_schedule(std::string_view name, const PipelineShape& shape, Placement placement);

inline Op forward(int stage, int microbatch) {
  return {OpKind::kForward, false, 0, stage, microbatch};
}
inline Op backward(int stage, int microbatch) {
  return {OpKind::kBackward, false, 0, stage, microbatch};
}
inline Op input_grad(int stage, int microbatch) {
  return {OpKind::kInputGrad, false, 0, stage, microbatch};
}
inline Op weight_grad(int stage, int microbatch) {
  return {OpKind::kWeightGrad, false, 0, stage, microbatch};
}

/// Throws InputError at "schedule": "zb_v needs 2 chunks per rank, not 1 (try 2 chunks)".
[[noreturn]] void refuse_shape(std::string_view name, std::string_view problem,
                               std::string_view hint);

/// Refuses every number of chunks but `chunks`.
void require_chunks(std::string_view name, const PipelineShape& shape, int chunks);

}  // namespace plumbline
