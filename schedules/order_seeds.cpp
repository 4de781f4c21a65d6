#include "schedules/order_seeds.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "schedules/build.h"
#include "schedules/evaluate.h"
#include "schedules/generators.h"
#include "schedules/zb_greedy.h"
#include "schedules/zbv_greedy.h"

namespace plumbline {
namespace {

bool keeps(const Schedule& schedule, int limit) {
  const std::vector<int> peaks = peak_live_activations(schedule);
  return std::ranges::all_of(peaks, [&](int peak) { return peak <= limit; });
}

}  // namespace

Schedule with_split_backwards(Schedule schedule) {
  std::vector<int> done(4 * schedule.num_stages(), 0);
  for (std::vector<Op>& row : schedule.ranks) {
    std::vector<Op> ops;
    const auto put = [&](OpKind kind, int stage) {
      int& next = done[4 * stage + static_cast<int>(kind)];
      ops.push_back({kind, false, 0, stage, next++});
    };
    for (const Op& op : row) {
      if (op.kind != OpKind::kBackward) {
        put(op.kind, op.stage);
        continue;
      }
      put(OpKind::kInputGrad, op.stage);
      put(OpKind::kWeightGrad, op.stage);
    }
    row = std::move(ops);
  }
  return schedule;
}

std::vector<Schedule> published_orders(const PipelineShape& shape, Placement placement, int limit,
                                       const UnitCosts& costs) {
  std::vector<Schedule> orders;
  const auto add = [&](std::optional<Schedule> order) {
    if (order && keeps(*order, limit)) orders.push_back(std::move(*order));
  };
  const int ranks = shape.ranks();
  UnitCosts hop = UnitCosts{};
  hop.comm = 0.1;
  for (const UnitCosts& made_for : {costs, UnitCosts{}, hop}) {
    const TickCosts ticks = to_ticks(made_for, shape.stages());
    for (const int room : {limit, ranks, 2 * ranks}) {
      if (room > limit) continue;
      if (placement == Placement::kLoop && shape.chunks == 1) add(zb_greedy(shape, room, ticks));
      if (placement == Placement::kV) add(zbv_greedy(shape, std::max(2, room), ticks));
    }
  }
  const auto stage_rank = stage_ranks(placement, shape);
  const auto add_rule = [&](const auto& rule, const ScheduleOptions& options = {}) {
    try {
      Schedule order = rule(shape, options);
      if (order.stage_rank == stage_rank) add(with_split_backwards(std::move(order)));
    } catch (const InputError&) {
      // The schedule does not have this shape.
    }
  };
  ScheduleOptions eager, megatron;
  eager.eager = true;
  megatron.interleaved_rule = InterleavedRule::kMegatron;
  for (const auto rule : {zb_v, v_half, v_min, interleaved_zb, one_f_one_b, interleaved_1f1b,
                          dualpipe_v, hanayo, looped_bfs, gpipe}) {
    add_rule(rule);
  }
  add_rule(one_f_one_b, eager);
  add_rule(interleaved_1f1b, megatron);
  return orders;
}

std::vector<RankPattern> rank_patterns(int ranks, int limit) {
  std::vector<RankPattern> patterns;
  for (const int top : {limit, std::min(limit, ranks), std::min(limit, 2 * ranks - 1)}) {
    for (const int bottom : {1, 2, std::max(1, top / 4), std::max(1, top / 2), top}) {
      RankPattern pattern;
      for (int s = 0; s < ranks; ++s) {
        const int rest = std::max(1, ranks - 1);
        const int forwards =
            bottom + (std::max(0, top - bottom) * (ranks - 1 - s) + rest / 2) / rest;
        pattern.forwards.push_back(std::min(forwards, limit));
        pattern.lag.push_back(limit - pattern.forwards.back());
      }
      const auto same = [&](const RankPattern& other) {
        return other.forwards == pattern.forwards;
      };
      if (std::ranges::none_of(patterns, same)) patterns.push_back(std::move(pattern));
    }
  }
  return patterns;
}

}  // namespace plumbline
