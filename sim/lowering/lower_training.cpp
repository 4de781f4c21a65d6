#include "sim/lowering/lower_training.h"

#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "sim/core/diagnostic.h"
#include "sim/lowering/program_walk.h"
#include "sim/lowering/step_builder.h"
#include "sim/lowering/step_tail.h"
#include "sim/lowering/unroll.h"
#include "sim/lowering/usage.h"

namespace plumbline {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(std::string("lower_training: ") + what);
}

void check_sizes(const Schedule& schedule, const TrainingCosts& costs) {
  const auto stages = static_cast<std::size_t>(schedule.num_stages());
  require(costs.stages.size() == stages, "costs.stages needs one entry per stage");
  require(costs.forward_hop.size() == stages, "costs.forward_hop needs one entry per stage");
  require(costs.backward_hop.size() == stages, "costs.backward_hop needs one entry per stage");
  require(costs.data.empty() || costs.data.size() == stages,
          "costs.data needs one entry per stage, or none");
  require(costs.host_copy.empty() || costs.host_copy.size() == stages,
          "costs.host_copy needs one entry per stage, or none");
  require(costs.optimizer.empty() || costs.optimizer.size() == schedule.ranks.size(),
          "costs.optimizer needs one entry per rank, or none");
  if (schedule.ranks.size() > kMostRanks) {
    throw InputError({diagnose("parallelism.pipeline",
                               std::to_string(schedule.ranks.size()) + " ranks are too many",
                               "at most " + std::to_string(kMostRanks) + " are simulated")});
  }
}

/// Room for every operation and, unless they fold, a transfer each: an edge into an operation, and
/// of a transfer one into it and one into what waits for it, beside those along the streams.
void reserve(StepBuilder& builder, const Schedule& schedule, const Usage& usage,
             const TrainingCosts& costs, const LoweringOptions& options) {
  const bool folds = options.fold_transfers && !costs.blocking_hops;
  const std::size_t rest = 8 * static_cast<std::size_t>(schedule.num_stages()) + 64;
  builder.reserve((folds ? 1 : 2) * usage.operations + rest,
                  (folds ? 1 : 3) * usage.operations + rest);
}

/// Lowers with the handler of what stands beside the operations.
template <typename Handler>
void walk(const Schedule& schedule, const Usage& usage, const TrainingCosts& costs,
          Handler& handler, const std::vector<ResourceId>& streams, StepBuilder& builder,
          LoweredStep& step) {
  WalkResult walked = walk_programs({.schedule = schedule,
                                     .usage = usage,
                                     .costs = costs,
                                     .options = step.options,
                                     .streams = streams,
                                     .milestones = handler.milestones()},
                                    builder, handler);
  if constexpr (std::is_same_v<Handler, StepTail>) handler.finish(walked.rank_end, step);
  step.rank_ops = std::move(walked.rank_ops);
  step.host_copies = std::move(walked.host_copies);
  step.hops = walked.hops;
  step.eager_hops = walked.eager_hops;
  if (!walked.receivers_meet) {
    step.assumptions.push_back(
        "blocking transfers hold up their sender only: a schedule with chunks or split backwards "
        "posts its receives ahead");
  }
}

void lower_asynchronous(const Schedule& schedule, const TrainingCosts& costs,
                        const std::vector<ResourceId>& streams, StepBuilder& builder,
                        LoweredStep& step) {
  const SteadyState state = steady_state(schedule);
  step.iterations = state.iterations;
  step.first_steady_iteration = state.first;
  step.last_steady_iteration = state.last;
  const Schedule unrolled = unroll(schedule, state.iterations);
  const Usage usage(unrolled);
  reserve(builder, unrolled, usage, costs, step.options);
  RollingOptimizer optimizer(unrolled, state.iterations, costs, streams, builder);
  walk(unrolled, usage, costs, optimizer, streams, builder, step);
  step.assumptions.push_back(
      "asynchronous schedule: the iteration time is the period of the steady state, taken over " +
      std::to_string(state.last - state.first) + " of " + std::to_string(state.iterations) +
      " chained iterations; each rank updates its weights once per " +
      (schedule.updates_every_microbatch ? "micro-batch" : "iteration") +
      (costs.data_overlap ? ", one update late, its gradients reduced beside the compute" : ""));
}

}  // namespace

LoweredStep lower_training(const Schedule& schedule, const TrainingCosts& costs,
                           const LoweringOptions& options) {
  check_sizes(schedule, costs);
  const Usage usage(schedule);
  LoweredStep step;
  step.options = options;
  step.pairs = usage.pairs;
  StepBuilder builder;
  std::vector<ResourceId> streams;
  for (std::size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    streams.push_back(builder.add_stream());
  }

  if (schedule.flushes) {
    reserve(builder, schedule, usage, costs, options);
    StepTail tail(schedule, costs, streams, builder);
    walk(schedule, usage, costs, tail, streams, builder, step);
    if (costs.optimizer_post_validation) {
      step.assumptions.emplace_back(
          "optimizer_post_validation: a rank's optimizer follows its own gradients; the check of "
          "their global norm runs in the next step's warm-up and finds nothing; the iteration time "
          "is the longest span of a rank, its optimizer included");
    }
  } else {
    lower_asynchronous(schedule, costs, streams, builder, step);
  }
  if (options.pairs_hide_expert_comm && usage.pairs) {
    step.assumptions.emplace_back(
        "overlapped pairs: a forward and a backward take the sum of their times, less the expert "
        "communication of each that the other's remaining time covers");
  }
  if (step.eager_hops > 0) {
    step.assumptions.push_back("blocking transfers: " + std::to_string(step.eager_hops) + " of " +
                               std::to_string(step.hops) +
                               " were sent before the receiver was ready, because every rank"
                               " would have waited for another in this schedule's order");
  }
  std::tie(step.graph, step.labels) = std::move(builder).build();
  return step;
}

}  // namespace plumbline
