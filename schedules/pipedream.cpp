// PipeDream and PipeDream-2BW: 1F1B without a flush.  Rank r admits P-r micro-batches and then
// alternates for ever; a micro-batch's backward uses the weights that its forward saw, so old
// versions are kept.  The first operations for 3 stages (what is generated ends after M
// micro-batches; the pipeline itself goes on):
//
//   rank 0:  F0 F1 F2 .  .  B0 F3 B1 F4 B2 ...     keeps 3 versions (PipeDream) or 2 (2BW)
//   rank 1:  .  F0 F1 .  B0 F2 B1 F3 B2 F4 ...     keeps 2
//   rank 2:  .  .  F0 B0 F1 B1 F2 B2 F3 B3 ...     keeps 1
//
// PipeDream updates after every micro-batch and stashes P-r versions on rank r, where a gradient is
// applied P-r-1 updates after its forward read the weights; 2BW accumulates the gradients of
// M >= P micro-batches, needs two versions anywhere and is one update late.
// Source: Narayanan et al., SOSP'19 (PipeDream); Narayanan et al., arXiv:2006.09503 (2BW).

#include <string>

#include "schedules/build.h"
#include "schedules/generators.h"
#include "schedules/one_f_one_b.h"

namespace plumbline {
namespace {

Schedule without_flush(std::string_view name, const PipelineShape& shape) {
  require_chunks(name, shape, 1);
  Schedule schedule = empty_schedule(name, shape, Placement::kLoop);
  schedule.flushes = false;
  for (int rank = 0; rank < shape.ranks(); ++rank) {
    schedule.ranks[rank] = one_f_one_b_program(rank, shape, shape.ranks() - 1 - rank);
  }
  return schedule;
}

}  // namespace

Schedule pipedream(const PipelineShape& shape, const ScheduleOptions&) {
  Schedule schedule = without_flush("pipedream", shape);
  for (int rank = 0; rank < shape.ranks(); ++rank) {
    schedule.weight_versions.push_back(shape.ranks() - rank);
    schedule.weight_staleness.push_back(shape.ranks() - rank - 1);
  }
  schedule.updates_every_microbatch = true;
  return schedule;
}

Schedule pipedream_2bw(const PipelineShape& shape, const ScheduleOptions&) {
  if (shape.microbatches < shape.ranks()) {
    refuse_shape("pipedream_2bw",
                 "accumulates over at least as many micro-batches as ranks (" +
                     std::to_string(shape.ranks()) + "), not " + std::to_string(shape.microbatches),
                 "try " + std::to_string(shape.ranks()) + " micro-batches");
  }
  Schedule schedule = without_flush("pipedream_2bw", shape);
  schedule.weight_versions.assign(shape.ranks(), 2);
  schedule.weight_staleness.assign(shape.ranks(), 1);
  return schedule;
}

}  // namespace plumbline
