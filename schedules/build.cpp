#include "schedules/build.h"

#include <cassert>
#include <utility>

namespace plumbline {

std::vector<std::vector<int>> stage_ranks(Placement placement, const PipelineShape& shape) {
  const int ranks = shape.ranks();
  assert(placement != Placement::kGiven);
  if (placement == Placement::kBidirectional) {
    std::vector<std::vector<int>> both(2);
    for (int stage = 0; stage < ranks; ++stage) {
      both[0].push_back(stage);
      both[1].push_back(ranks - 1 - stage);
    }
    return both;
  }
  std::vector<int> rank_of(shape.stages());
  for (int stage = 0; stage < shape.stages(); ++stage) {
    const int chunk = stage / ranks;
    const int step = stage % ranks;
    const bool upwards = placement != Placement::kLoop && chunk % 2 == 1;
    rank_of[stage] = upwards ? ranks - 1 - step : step;
  }
  return {std::move(rank_of)};
}

Schedule empty_schedule(std::string_view name, const PipelineShape& shape, Placement placement) {
  Schedule schedule;
  schedule.name = name;
  schedule.shape = shape;
  schedule.placement = placement;
  schedule.stage_rank = stage_ranks(placement, shape);
  schedule.replicas = static_cast<int>(schedule.stage_rank.size());
  schedule.ranks.resize(shape.ranks());
  return schedule;
}

void refuse_shape(std::string_view name, std::string_view problem, std::string_view hint) {
  throw InputError({diagnose("schedule", std::string(name) + " " + std::string(problem), hint)});
}

void require_chunks(std::string_view name, const PipelineShape& shape, int chunks) {
  if (shape.chunks == chunks) return;
  const std::string wanted = std::to_string(chunks) + (chunks == 1 ? " chunk" : " chunks");
  refuse_shape(name, "has " + wanted + " per rank, not " + std::to_string(shape.chunks),
               "try " + wanted + " per rank");
}

}  // namespace plumbline
