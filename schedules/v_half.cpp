// V-Half and V-Min: two chunks per rank in a V, with a half and a third of 1F1B's activations.
// Their building blocks for P = 4 (F down, f up, b gradient up, B gradient down, one column a
// slot; weight gradients take the free slots):
//
//   V-Half  rank 0:  F.........f...b..........B   V-Min  rank 0:  F......fb......B
//           rank 1:  ..F......f......b.......B           rank 1:  .F....f..b....B
//           rank 2:  ....F...f.........b....B            rank 2:  ..F..f....b..B
//           rank 3:  ......Ff............b.B             rank 3:  ...Ff......bB
//
// What the two chunks keep alive together, (B - F) + (b - f) slots of six per micro-batch, is the
// same on all ranks: P+2 of 2P chunk activations for V-Half (P even), 2 ceil((P+2)/3) for V-Min.
// Source: Qi et al., arXiv:2405.15362; sail-sg, scheduler/zbv_greedy.py.

#include "schedules/build.h"
#include "schedules/generators.h"
#include "schedules/order_search.h"
#include "schedules/v_block.h"

namespace plumbline {
namespace {

Schedule from_block(std::string_view name, const PipelineShape& shape, const VBlock& block,
                    const ScheduleOptions& options) {
  require_chunks(name, shape, 2);
  if (options.max_live_activations) {
    return search_order(name, shape, Placement::kV, *options.max_live_activations, options.costs);
  }
  Schedule schedule = empty_schedule(name, shape, Placement::kV);
  schedule.ranks = squeeze(block, shape);
  return schedule;
}

}  // namespace

Schedule v_half(const PipelineShape& shape, const ScheduleOptions& options) {
  const int ranks = shape.ranks();
  const int gap = ranks % 2 == 0 ? 3 : 0;  // keeps the four slots apart modulo 6
  VBlock block;
  for (int r = 0; r < ranks; ++r) {
    block.push_back(
        {2 * r, 3 * ranks - r - 2, 3 * ranks + gap + 2 * r - 1, 6 * ranks + gap - r - 2});
  }
  return from_block("v_half", shape, block, options);
}

Schedule v_min(const PipelineShape& shape, const ScheduleOptions& options) {
  const int ranks = shape.ranks();
  const int gap = ranks % 3 == 0 ? 2 : 0;
  VBlock block;
  for (int r = 0; r < ranks; ++r) {
    block.push_back({r, 2 * ranks - r - 1, 2 * ranks + gap + r, 4 * ranks + gap - r - 1});
  }
  return from_block("v_min", shape, block, options);
}

}  // namespace plumbline
