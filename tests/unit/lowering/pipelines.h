// Small pipelines with round numbers, shared by the tests of lowering and measuring.
#pragma once

#include <string>
#include <vector>

#include "schedules/catalog.h"
#include "schedules/schedule.h"
#include "sim/cost/stage_costs.h"
#include "sim/engine/execute.h"
#include "sim/lowering/lower_training.h"

namespace plumbline::test {

/// Milliseconds of every operation and hop, the same on all stages.
struct Milliseconds {
  double forward = 1.0, input_grad = 1.0, weight_grad = 1.0, hop = 0.0;
};

inline Seconds ms(double milliseconds) { return Seconds(milliseconds * 1e-3); }

inline TrainingCosts uniform_costs(int stages, const Milliseconds& cost = {}) {
  TrainingCosts costs;
  StageCost stage;
  stage.forward.compute = ms(cost.forward);
  stage.backward.compute = ms(cost.input_grad + cost.weight_grad);
  stage.input_grad.compute = ms(cost.input_grad);
  stage.weight_grad.compute = ms(cost.weight_grad);
  costs.stages.assign(stages, stage);
  costs.forward_hop.assign(stages, HopCost{.latency = ms(cost.hop), .bytes = {}});
  costs.backward_hop = costs.forward_hop;
  return costs;
}

inline Schedule make(const std::string& name, int ranks, int microbatches, int chunks = 1) {
  return generate_schedule(
      name, {.stages_per_chunk = ranks, .chunks = chunks, .microbatches = microbatches});
}

/// "0F0 0F1 0B0 0B1" as one rank's row.
inline std::vector<Op> row(const std::string& text) {
  std::vector<Op> ops;
  for (std::size_t at = 0; at < text.size(); at = text.find(' ', at), at += at < text.size()) {
    std::size_t used = 0;
    Op op;
    op.stage = std::stoi(text.substr(at), &used);
    const std::string letters = "FBIW";
    op.kind = static_cast<OpKind>(letters.find(text[at + used]));
    op.microbatch = std::stoi(text.substr(at + used + 1));
    ops.push_back(op);
    if (text.find(' ', at) == std::string::npos) break;
  }
  return ops;
}

/// A schedule given row by row, stage s on rank s.
inline Schedule rows(int microbatches, const std::vector<std::string>& programs) {
  Schedule schedule;
  schedule.name = "by_hand";
  schedule.shape = {.stages_per_chunk = static_cast<int>(programs.size()),
                    .chunks = 1,
                    .microbatches = microbatches};
  schedule.stage_rank.resize(1);
  for (const std::string& program : programs) {
    schedule.stage_rank[0].push_back(static_cast<int>(schedule.ranks.size()));
    schedule.ranks.push_back(row(program));
  }
  return schedule;
}

/// A lowered step and when its tasks ran.
struct Ran {
  LoweredStep step;
  Timeline timeline;

  double end_ms() const {
    SimTime end = 0;
    for (const SimTime finish : timeline.finish) end = std::max(end, finish);
    return to_seconds(end).base() * 1e3;
  }
  /// When the operation of that name ("1B0") starts, in milliseconds.
  double start_ms(const std::string& name) const { return at(name, timeline.start); }
  double finish_ms(const std::string& name) const { return at(name, timeline.finish); }

 private:
  double at(const std::string& name, const std::vector<SimTime>& times) const {
    for (const std::vector<TaskId>& ops : step.rank_ops) {
      for (const TaskId task : ops) {
        const TaskLabel& label = step.labels[task];
        const Op op{.kind = static_cast<OpKind>(label.kind),
                    .stage = label.stage,
                    .microbatch = label.microbatch};
        if (to_string(op) == name) return to_seconds(times[task]).base() * 1e3;
      }
    }
    return -1.0;
  }
};

inline Ran run(const Schedule& schedule, const TrainingCosts& costs,
               const LoweringOptions& options = {}) {
  Ran ran{.step = lower_training(schedule, costs, options), .timeline = {}};
  ran.timeline = execute(ran.step.graph).timeline;
  return ran;
}

}  // namespace plumbline::test
