#include "calibration/box_program.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "calibration/box.h"
#include "calibration/measure/stopping_rule.h"
#include "schedules/build.h"
#include "schedules/check.h"
#include "schedules/walk.h"
#include "sim/core/diagnostic.h"

namespace plumbline {
namespace {

using measure::BoxOp;
using measure::BoxProgram;

// All forwards by stage and micro-batch, then input gradients from the last stage down, then weight
// gradients. Every rank follows the same total order of (phase, stage, micro-batch), so it cannot
// deadlock.
Schedule forwards_first(Schedule schedule) {
  const auto key = [](const Op& op) {
    const int phase = op.kind == OpKind::kForward ? 0 : op.kind == OpKind::kWeightGrad ? 2 : 1;
    return std::tuple(phase, phase == 0 ? op.stage : -op.stage, op.microbatch);
  };
  for (std::vector<Op>& row : schedule.ranks) {
    std::stable_sort(row.begin(), row.end(),
                     [&](const Op& a, const Op& b) { return key(a) < key(b); });
  }
  schedule.name = "forwards_first";
  return schedule;
}

// One micro-batch after the other, forwards and back.
Schedule one_by_one(Schedule schedule) {
  const auto key = [](const Op& op) {
    const int phase = op.kind == OpKind::kForward ? 0 : op.kind == OpKind::kWeightGrad ? 2 : 1;
    return std::tuple(op.microbatch, phase, phase == 0 ? op.stage : -op.stage);
  };
  for (std::vector<Op>& row : schedule.ranks) {
    std::stable_sort(row.begin(), row.end(),
                     [&](const Op& a, const Op& b) { return key(a) < key(b); });
  }
  schedule.name = "one_by_one";
  return schedule;
}

// Median over operations of how far apart two orders start them, as a share of the makespan, when
// all operations take the same time.
double distance(const BoxProgram& a, const BoxProgram& b, int ranks) {
  const auto starts = [&](const BoxProgram& program) {
    const BoxTimes times = uniform_times(program, Seconds(1), Seconds(1), Seconds(1), Seconds(0));
    const BoxRun run = predict(program, ranks, times);
    std::map<std::pair<int, std::string>, double> by_op;
    for (std::size_t i = 0; i < program.ops.size(); ++i) {
      by_op[{program.ops[i].rank, to_string(program.ops[i])}] =
          static_cast<double>(run.start[i]) / static_cast<double>(run.makespan);
    }
    return by_op;
  };
  const auto of_a = starts(a), of_b = starts(b);
  std::vector<double> apart;
  for (const auto& [op, start] : of_a) apart.push_back(std::abs(start - of_b.at(op)));
  return apart.empty() ? 0 : measure::quantile(apart, 0.5);
}

}  // namespace

BoxProgram box_program(const Schedule& schedule) {
  const int num_stages = schedule.num_stages();
  BoxProgram program{schedule.name, {}};
  std::map<std::tuple<bool, int, int>, int> producer;  // (gradient, stage, micro-batch) -> number
  std::vector<int> last(schedule.ranks.size(), -1);    // of each rank
  const auto position = walk(schedule, [&](int rank, std::size_t first, std::size_t end) {
    if (end - first > 1) {
      throw InputError({diagnose("schedule", schedule.name + " overlaps operations of a rank",
                                 "a box runs one operation of a rank at a time")});
    }
    const Op& op = schedule.ranks[rank][first];
    BoxOp out{rank, to_letter(op.kind), op.stage, op.microbatch, {}};
    if (last[rank] >= 0) out.after.push_back(last[rank]);
    const Inputs inputs = inputs_of(op, num_stages);
    for (int k = 0; k < inputs.count; ++k) {
      const Inputs::Key& key = inputs.keys[k];
      const int before = producer.at({key.gradient, key.stage, key.microbatch});
      if (program.ops[before].rank != rank) out.after.push_back(before);
    }
    last[rank] = static_cast<int>(program.ops.size());
    if (op.kind != OpKind::kWeightGrad) {
      producer[{op.kind != OpKind::kForward, op.stage, op.microbatch}] = last[rank];
    }
    program.ops.push_back(std::move(out));
  });
  for (std::size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    if (position[rank] == schedule.ranks[rank].size()) continue;
    throw InputError(
        {diagnose("schedule", "the order deadlocks: " + to_string(*find_deadlock(schedule)))});
  }
  return program;
}

BoxProgram wrong_order(const Schedule& schedule) {
  BoxProgram sorted = box_program(forwards_first(schedule));
  const BoxProgram right = box_program(schedule);
  return distance(right, sorted, schedule.num_ranks()) > 0.1 ? sorted
                                                             : box_program(one_by_one(schedule));
}

BoxProgram reference_program(const Schedule& schedule) {
  const Schedule sorted = forwards_first(schedule);
  if (sorted.ranks != schedule.ranks) return box_program(sorted);
  // The schedule is GPipe's; 1F1B has the same operations.
  Schedule other = one_by_one(schedule);
  const int ranks = schedule.num_ranks(), microbatches = schedule.shape.microbatches;
  for (int rank = 0; rank < ranks; ++rank) {
    std::vector<Op> forwards, gradients, row;
    for (const Op& op : other.ranks[rank]) {
      (op.kind == OpKind::kForward ? forwards : gradients).push_back(op);
    }
    // P - rank forwards, then one of each in turn; a gradient may be I and W.
    const std::size_t per = gradients.size() / std::max<std::size_t>(1, forwards.size());
    const auto warm = static_cast<std::size_t>(std::min(ranks - rank, microbatches));
    std::size_t f = 0, g = 0;
    while (f < std::min(warm, forwards.size())) row.push_back(forwards[f++]);
    while (g < gradients.size()) {
      for (std::size_t i = 0; i < per && g < gradients.size(); ++i) row.push_back(gradients[g++]);
      if (f < forwards.size()) row.push_back(forwards[f++]);
    }
    other.ranks[rank] = std::move(row);
  }
  other.name = "1f1b";
  return box_program(other);
}

}  // namespace plumbline
