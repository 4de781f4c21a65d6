#include "schedules/evaluate.h"

#include <algorithm>

#include "schedules/build.h"
#include "schedules/catalog.h"
#include "schedules/check.h"
#include "schedules/walk.h"
#include "sim/core/diagnostic.h"

namespace plumbline {
namespace {

// The walk of walk.h with times, for schedules of hundreds of thousands of operations: an output's
// slot holds when it is there, or says who waits for it, so an operation touches its own slots and
// its neighbour's alone.
class TimedWalk {
 public:
  TimedWalk(const Schedule& schedule, const UnitCosts& costs)
      : schedule_(schedule),
        costs_(costs),
        stages_(static_cast<std::size_t>(schedule.num_stages())),
        ends_(2 * stages_ * static_cast<std::size_t>(schedule.shape.microbatches), kAbsent) {
    for (std::size_t stage = 0; stage < stages_; ++stage) {
      for (const OpKind kind :
           {OpKind::kForward, OpKind::kBackward, OpKind::kInputGrad, OpKind::kWeightGrad}) {
        cost_.push_back(costs.of(kind, static_cast<int>(stage)));
      }
    }
  }

  /// False when the schedule deadlocks.
  bool run(Evaluation& result) {
    const int num_ranks = schedule_.num_ranks();
    std::vector<std::size_t> position(num_ranks, 0);
    std::vector<double> now(num_ranks, 0.0);
    for (int rank = num_ranks - 1; rank >= 0; --rank) to_try_.push_back(rank);
    while (!to_try_.empty()) {
      const int rank = to_try_.back();
      to_try_.pop_back();
      const std::vector<Op>& ops = schedule_.ranks[rank];
      Span* const spans = result.spans[rank].data();
      while (position[rank] < ops.size()) {
        const std::size_t first = position[rank];
        const std::size_t last = unit_end(ops, first);
        double start = now[rank];
        bool ready = true;
        for (std::size_t i = first; i < last && ready; ++i) ready = inputs(rank, ops[i], start);
        if (!ready) break;
        const double cost = unit_cost(ops, first, last);
        now[rank] = start + cost;
        result.busy[rank] += cost;
        for (std::size_t i = first; i < last; ++i) {
          spans[i] = {start, now[rank]};
          if (ops[i].kind != OpKind::kWeightGrad) put(rank, ops[i], now[rank]);
        }
        position[rank] = last;
      }
    }
    for (int rank = 0; rank < num_ranks; ++rank) {
      if (position[rank] != schedule_.ranks[rank].size()) return false;
    }
    return true;
  }

 private:
  static constexpr double kAbsent = -1.0;
  // What a slot holds while rank r waits for it, below kAbsent.
  static double awaited_by(int rank) { return -2.0 - rank; }

  // A micro-batch's slots lie together: forward and gradient of stage 0, of stage 1, ...
  double* slots(const Op& op) {
    return &ends_[2 * (static_cast<std::size_t>(op.microbatch) * stages_ +
                       static_cast<std::size_t>(op.stage))];
  }

  // Moves `start` behind an output of `stage`, unless it is not there yet.
  bool input(int rank, double& slot, int own_stage, int stage, const std::vector<int>& rank_of,
             double& start) {
    if (slot < 0.0) {
      slot = awaited_by(rank);
      return false;
    }
    start = std::max(start,
                     slot + (rank_of[stage] == rank ? 0.0 : costs_.comm_between(own_stage, stage)));
    return true;
  }

  bool inputs(int rank, const Op& op, double& start) {
    const std::vector<int>& rank_of = schedule_.stage_rank[op.replica];
    double* const own = slots(op);
    switch (op.kind) {
      case OpKind::kForward:
        return op.stage == 0 || input(rank, own[-2], op.stage, op.stage - 1, rank_of, start);
      case OpKind::kBackward:
      case OpKind::kInputGrad:
        return input(rank, own[0], op.stage, op.stage, rank_of, start) &&
               (op.stage + 1 == static_cast<int>(stages_) ||
                input(rank, own[3], op.stage, op.stage + 1, rank_of, start));
      case OpKind::kWeightGrad:
        return input(rank, own[1], op.stage, op.stage, rank_of, start);
    }
    return true;
  }

  void put(int rank, const Op& op, double end) {
    double& slot = slots(op)[op.kind == OpKind::kForward ? 0 : 1];
    if (slot < kAbsent) {
      const int waiting = static_cast<int>(-2.0 - slot);
      if (waiting != rank) to_try_.push_back(waiting);
    }
    slot = end;
  }

  double unit_cost(const std::vector<Op>& ops, std::size_t first, std::size_t last) const {
    if (last - first > 1 && costs_.overlap) return *costs_.overlap;
    double sum = 0.0;
    for (std::size_t i = first; i < last; ++i) {
      sum +=
          cost_[4 * static_cast<std::size_t>(ops[i].stage) + static_cast<std::size_t>(ops[i].kind)];
    }
    return sum;
  }

  const Schedule& schedule_;
  const UnitCosts& costs_;
  std::size_t stages_;
  std::vector<double> ends_;
  std::vector<double> cost_;  // [4 * num_stages]
  std::vector<int> to_try_;
};

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
  const int num_ranks = schedule.num_ranks();
  Evaluation result;
  result.busy.assign(num_ranks, 0.0);
  result.spans.resize(num_ranks);
  for (int rank = 0; rank < num_ranks; ++rank) {
    result.spans[rank].resize(schedule.ranks[rank].size());
  }
  if (!TimedWalk(schedule, costs).run(result)) {
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
