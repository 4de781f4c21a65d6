// What the interleaved schedules share: the order in which a rank walks its chunks.
#pragma once

#include <string_view>
#include <vector>

#include "schedules/schedule.h"

namespace plumbline {

/// The k-th forward of every rank: which chunk, which micro-batch.
struct ChunkStep {
  int chunk;
  int microbatch;
};

/// [M*V] groups of `group` micro-batches, chunk by chunk inside a group; the last group may be
/// shorter.  The k-th backward is the same entry with chunk V-1-chunk.
std::vector<ChunkStep> chunk_steps(const PipelineShape& shape, int group);

/// PyTorch's group size M / rounds, where rounds = max(1, M / P).
/// @throws InputError when M is not a multiple of rounds, with the nearest M that is
int microbatches_per_round(std::string_view name, const PipelineShape& shape);

}  // namespace plumbline
