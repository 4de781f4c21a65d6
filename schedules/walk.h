// Walks a schedule "until blocked": every rank runs its row until an input is missing, and goes on
// when another rank has produced it.  The order of the visits is a topological order of the
// operations; a walk that stops early has found a deadlock.  Linear in the number of operations.
#pragma once

#include <cstdint>
#include <vector>

#include "schedules/schedule.h"

namespace plumbline {

/// The operations that must end before `op` starts: forward of the stage before; for B and I the
/// own forward and the input gradient of the stage after; for W the own input gradient.
struct Inputs {
  struct Key {
    bool gradient;
    int stage;
    int microbatch;
  };
  Key keys[2];
  int count = 0;
};

inline Inputs inputs_of(const Op& op, int num_stages) {
  Inputs in;
  const auto need = [&](bool gradient, int stage) {
    in.keys[in.count++] = {gradient, stage, op.microbatch};
  };
  switch (op.kind) {
    case OpKind::kForward:
      if (op.stage > 0) need(false, op.stage - 1);
      break;
    case OpKind::kBackward:
    case OpKind::kInputGrad:
      need(false, op.stage);
      if (op.stage + 1 < num_stages) need(true, op.stage + 1);
      break;
    case OpKind::kWeightGrad:
      need(true, op.stage);
      break;
  }
  return in;
}

/// One past the last operation of the unit that starts at `first`: an overlapped pair runs as one.
inline std::size_t unit_end(const std::vector<Op>& ops, std::size_t first) {
  std::size_t last = first;
  while (ops[last].overlaps_next && last + 1 < ops.size()) ++last;
  return last + 1;
}

/// Calls `visit(rank, first, last)` for every unit, inputs before users.
///
/// @returns [num_ranks] how many operations of each row were reached; all of them, or the schedule
///          deadlocks
/// REQUIRES: stages and micro-batches within the schedule's shape.
template <typename Visit>
std::vector<std::size_t> walk(const Schedule& schedule, Visit&& visit) {
  // Per (stage, micro-batch, forward or gradient): not there yet, there, or awaited by a rank.
  constexpr std::int32_t kAbsent = -1;
  constexpr std::int32_t kPresent = -2;
  const int num_stages = schedule.num_stages();
  const std::size_t microbatches = schedule.shape.microbatches;
  std::vector<std::int32_t> state(2 * microbatches * num_stages, kAbsent);
  const auto slot = [&](bool gradient, int stage, int microbatch) -> std::int32_t& {
    return state[2 * (stage * microbatches + microbatch) + (gradient ? 1 : 0)];
  };

  const int num_ranks = schedule.num_ranks();
  std::vector<std::size_t> position(num_ranks, 0);
  std::vector<std::int32_t> to_try(num_ranks);
  for (int rank = 0; rank < num_ranks; ++rank) to_try[rank] = num_ranks - 1 - rank;

  const auto ready = [&](int rank, std::size_t first, std::size_t last) {
    const std::vector<Op>& ops = schedule.ranks[rank];
    for (std::size_t i = first; i < last; ++i) {
      const Inputs in = inputs_of(ops[i], num_stages);
      for (int k = 0; k < in.count; ++k) {
        std::int32_t& s = slot(in.keys[k].gradient, in.keys[k].stage, in.keys[k].microbatch);
        if (s == kPresent) continue;
        s = rank;
        return false;
      }
    }
    return true;
  };

  while (!to_try.empty()) {
    const int rank = to_try.back();
    to_try.pop_back();
    const std::vector<Op>& ops = schedule.ranks[rank];
    while (position[rank] < ops.size()) {
      const std::size_t first = position[rank];
      const std::size_t last = unit_end(ops, first);
      if (!ready(rank, first, last)) break;
      visit(rank, first, last);
      for (std::size_t i = first; i < last; ++i) {
        if (ops[i].kind == OpKind::kWeightGrad) continue;
        std::int32_t& s = slot(ops[i].kind != OpKind::kForward, ops[i].stage, ops[i].microbatch);
        if (s >= 0 && s != rank) to_try.push_back(s);
        s = kPresent;
      }
      position[rank] = last;
    }
  }
  return position;
}

}  // namespace plumbline
