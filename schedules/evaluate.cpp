#include "schedules/evaluate.h"

#include <algorithm>

#include "schedules/build.h"
#include "schedules/catalog.h"
#include "schedules/check.h"
#include "schedules/walk.h"
#include "sim/core/diagnostic.h"

namespace plumbline {
namespace {

// When the outputs of a (stage, micro-batch) are there, and on which rank.
class Outputs {
 public:
  explicit Outputs(const Schedule& schedule)
      : microbatches_(schedule.shape.microbatches),
        end_(2 * microbatches_ * schedule.num_stages(), 0.0) {}

  double& end(bool gradient, int stage, int microbatch) {
    return end_[2 * (stage * microbatches_ + microbatch) + (gradient ? 1 : 0)];
  }

 private:
  std::size_t microbatches_;
  std::vector<double> end_;
};

double unit_cost(const std::vector<Op>& ops, std::size_t first, std::size_t last,
                 const UnitCosts& costs) {
  if (last - first > 1 && costs.overlap) return *costs.overlap;
  double sum = 0.0;
  for (std::size_t i = first; i < last; ++i) sum += costs.of(ops[i].kind, ops[i].stage);
  return sum;
}

void fill_idle(Evaluation& result) {
  for (const auto& row : result.spans) {
    if (!row.empty()) result.makespan = std::max(result.makespan, row.back().end);
  }
  for (std::size_t rank = 0; rank < result.spans.size(); ++rank) {
    const auto& row = result.spans[rank];
    const double span = row.empty() ? 0.0 : row.back().end - row.front().start;
    result.idle.push_back(result.makespan - result.busy[rank]);
    result.span_idle.push_back(span - result.busy[rank]);
  }
}

}  // namespace

double Evaluation::bubble_fraction() const {
  if (idle.empty() || makespan <= 0.0) return 0.0;
  double sum = 0.0;
  for (const double each : idle) sum += each;
  return sum / (static_cast<double>(idle.size()) * makespan);
}

Evaluation evaluate(const Schedule& schedule, const UnitCosts& costs) {
  const int num_stages = schedule.num_stages();
  const int num_ranks = schedule.num_ranks();
  Outputs outputs(schedule);
  std::vector<double> now(num_ranks, 0.0);
  Evaluation result;
  result.busy.assign(num_ranks, 0.0);
  result.spans.resize(num_ranks);
  for (int rank = 0; rank < num_ranks; ++rank) {
    result.spans[rank].resize(schedule.ranks[rank].size());
  }

  const auto position = walk(schedule, [&](int rank, std::size_t first, std::size_t last) {
    const std::vector<Op>& ops = schedule.ranks[rank];
    double start = now[rank];
    for (std::size_t i = first; i < last; ++i) {
      const Op& op = ops[i];
      const std::vector<int>& rank_of = schedule.stage_rank[op.replica];
      const Inputs in = inputs_of(op, num_stages);
      for (int k = 0; k < in.count; ++k) {
        const Inputs::Key& key = in.keys[k];
        const double hop = rank_of[key.stage] == rank ? 0.0 : costs.comm;
        start = std::max(start, outputs.end(key.gradient, key.stage, key.microbatch) + hop);
      }
    }
    const double cost = unit_cost(ops, first, last, costs);
    now[rank] = start + cost;
    result.busy[rank] += cost;
    for (std::size_t i = first; i < last; ++i) {
      result.spans[rank][i] = {start, now[rank]};
      if (ops[i].kind == OpKind::kWeightGrad) continue;
      outputs.end(ops[i].kind != OpKind::kForward, ops[i].stage, ops[i].microbatch) = now[rank];
    }
  });
  for (int rank = 0; rank < num_ranks; ++rank) {
    if (position[rank] == schedule.ranks[rank].size()) continue;
    throw InputError(
        {diagnose("schedule", "the order deadlocks: " + to_string(*find_deadlock(schedule)))});
  }
  fill_idle(result);
  result.peak_live = peak_live_activations(schedule);
  return result;
}

std::vector<int> peak_live_activations(const Schedule& schedule) {
  std::vector<int> peaks;
  for (const std::vector<Op>& ops : schedule.ranks) {
    int live = 0;
    int peak = 0;
    for (const Op& op : ops) {
      live += op.kind == OpKind::kForward ? 1 : 0;
      peak = std::max(peak, live);
      live -= op.kind == OpKind::kBackward || op.kind == OpKind::kWeightGrad ? 1 : 0;
    }
    peaks.push_back(peak);
  }
  return peaks;
}

double steady_state_period(const Schedule& schedule, const UnitCosts& costs) {
  const auto makespan_of = [&](int iterations) {
    PipelineShape longer = schedule.shape;
    longer.microbatches *= iterations;
    return evaluate(generate_schedule(schedule.name, longer), costs).makespan;
  };
  // After P micro-batches the pipeline is full; three iterations or 4P of them are past that.
  const int filled = 3 + 4 * schedule.num_ranks() / schedule.shape.microbatches;
  return makespan_of(filled + 1) - makespan_of(filled);
}

}  // namespace plumbline
