// ZB-H1 and ZB-H2: one chunk per rank, the backward split into input gradient I and weight
// gradient W, and W put wherever a rank would wait.  For P = 3, M = 5, F = I = W:
//
//   ZB-H1, at most P alive                        ZB-H2, at most 2P alive
//   rank 0:  F0 F1 F2 .  .  I0 W0 F3 I1 W1 ...    F0 F1 F2 F3 F4 I0 W0 I1 W1 I2 W2 ...
//   rank 1:  .  F0 F1 .  I0 F2 I1 W0 F3 I2 ...    .  F0 F1 F2 I0 F3 I1 F4 I2 W0 W1 ...
//   rank 2:  .  .  F0 I0 F1 I1 F2 I2 W0 F3 ...    .  .  F0 I0 F1 I1 F2 I2 F3 I3 F4 ...
//
// An activation is freed by its W, so both hold what 1F1B holds, or twice that.  With F = I = W
// ZB-H1 idles (P-1)F and ZB-H2 has no bubble between a rank's first and last operation.  The order
// is the published greedy scheduler's, micro-batch by micro-batch, and depends on the costs.
// Where I frees part of an activation (`kept_for_weight_grad`: the share that W still needs) the
// same limits hold more; zb_h1 and zb_h2 are then the paper's ZB-1p and ZB-2p.  The paper's own
// ZB-H2 is drawn for 2P-1 activations and has one W more of bubble.
// Source: Qi et al., arXiv:2401.10241, sections 2 and 3; sail-sg, scheduler/zb.py.

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "schedules/build.h"
#include "schedules/generators.h"
#include "schedules/order_search.h"
#include "schedules/zb_greedy.h"

namespace plumbline {
namespace {

// An activation's size when a share of it is counted.
constexpr std::int64_t kMemoryUnits = 1'000'000;

Schedule published(std::string_view name, const PipelineShape& shape, int limit,
                   const ScheduleOptions& options) {
  require_chunks(name, shape, 1);
  if (options.max_live_activations) {
    return search_order(name, shape, Placement::kLoop, *options.max_live_activations,
                        options.costs);
  }
  GreedyMemory memory{.limit = limit * kMemoryUnits, .activation = kMemoryUnits};
  memory.after_input_grad = std::llround(options.kept_for_weight_grad.value_or(1.0) * kMemoryUnits);
  // With equal stages and at least P alive the greedy rule always finds room; with costs that
  // differ from stage to stage it can run out.
  std::optional<Schedule> schedule =
      zb_greedy(shape, memory, to_ticks(options.costs, shape.stages()));
  if (!schedule) {
    refuse_shape(name,
                 "the published greedy scheduler finds no order at these costs within " +
                     std::to_string(limit) + " live activations",
                 "fewer ranks, more equal stages, or schedule.max_live_activations to search");
  }
  schedule->name = name;
  return *std::move(schedule);
}

}  // namespace

Schedule zb_h1(const PipelineShape& shape, const ScheduleOptions& options) {
  return published("zb_h1", shape, shape.ranks(), options);
}

Schedule zb_h2(const PipelineShape& shape, const ScheduleOptions& options) {
  return published("zb_h2", shape, 2 * shape.ranks(), options);
}

}  // namespace plumbline
