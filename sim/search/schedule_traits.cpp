#include "sim/search/schedule_traits.h"

#include "schedules/catalog.h"
#include "sim/core/diagnostic.h"

namespace plumbline {
namespace {

std::optional<ScheduleTraits> traits_of(const std::string& name, int pipeline, int chunks) {
  Schedule sample;
  try {
    sample = generate_schedule(name, {pipeline, chunks, 2 * pipeline});
  } catch (const InputError&) {
    return std::nullopt;  // no such shape
  }
  ScheduleTraits traits;
  traits.stage_rank = sample.stage_rank;
  traits.replicas = sample.replicas;
  traits.flushes = sample.flushes;
  for (const std::vector<Op>& row : sample.ranks) {
    for (const Op& op : row) {
      traits.full_backward |= op.kind == OpKind::kBackward;
      traits.split_backward |= op.kind == OpKind::kInputGrad;
      traits.pairs |= op.overlaps_next;
    }
  }
  return traits;
}

}  // namespace

const ScheduleTraits* TraitsTable::find(const std::string& schedule, int pipeline, int chunks) {
  const auto key = std::tuple(schedule, pipeline, chunks);
  auto found = known_.find(key);
  if (found == known_.end()) {
    found = known_.emplace(key, traits_of(schedule, pipeline, chunks)).first;
  }
  return found->second ? &*found->second : nullptr;
}

}  // namespace plumbline
