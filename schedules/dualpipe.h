#pragma once

#include <vector>

#include "schedules/schedule.h"

namespace plumbline {

/// One direction of travel seen from a rank: the stage it holds for it and its first micro-batch.
struct Direction {
  int stage;
  int first_microbatch;
  int replica;
};

/// DualPipe's eight steps for the rank at `position` of `half` ranks (0 is the outermost): `near`
/// is the direction that enters there, `far` the one that leaves; each has `microbatches`.
std::vector<Op> dualpipe_program(int half, int position, int microbatches, Direction near,
                                 Direction far);

}  // namespace plumbline
