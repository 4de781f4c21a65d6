// Laws of lowered and measured steps, for every schedule of the catalogue at random costs.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "sim/engine/event_loop.h"
#include "sim/lowering/reprice.h"
#include "tests/unit/measure/measured.h"

namespace plumbline::test {
namespace {

constexpr int kRanks = 4;
constexpr int kMicrobatches = 12;

/// Every price between a tenth of and its full size, on hops that are sometimes longer than
/// operations, so that links have queues.
TrainingCosts random_costs(const Schedule& schedule, unsigned seed) {
  std::mt19937 random(seed);
  const auto up_to = [&](double most) { return ms(most * (1 + random() % 1000) / 1000.0); };
  TrainingCosts costs;
  costs.blocking_hops = random() % 3 == 0;
  costs.data_overlap = random() % 2 == 0;
  costs.gather_overlap = random() % 2 == 0;
  const double longest_hop = random() % 4 == 0 ? 6.0 : 0.5;
  for (int stage = 0; stage < schedule.num_stages(); ++stage) {
    StageCost cost;
    cost.forward = {up_to(2), {}, up_to(0.5), up_to(0.2), up_to(1), {}, up_to(0.1), {}, {}};
    cost.input_grad = {up_to(2), up_to(1), up_to(0.5), {}, up_to(1), up_to(0.1), {}, {}, {}};
    cost.weight_grad = {up_to(2), {}, {}, {}, {}, {}, up_to(0.1), {}, {}};
    cost.backward = cost.input_grad;
    cost.backward.compute += cost.weight_grad.compute;
    costs.stages.push_back(cost);
    costs.forward_hop.push_back({up_to(longest_hop), {}, false});
    costs.backward_hop.push_back({up_to(longest_hop), {}, false});
    costs.data.push_back({up_to(8), up_to(1), up_to(4), up_to(0.5)});
  }
  for (int rank = 0; rank < schedule.num_ranks(); ++rank) costs.optimizer.push_back(up_to(3));
  return costs;
}

class EverySchedule : public testing::TestWithParam<std::tuple<std::string, unsigned>> {
 protected:
  EverySchedule()
      : schedule_(generate(std::get<0>(GetParam()))),
        costs_(random_costs(schedule_, std::get<1>(GetParam()))),
        options_{.fold_transfers = false,
                 .pairs_hide_expert_comm = std::get<1>(GetParam()) % 2 == 0} {}

  static Schedule generate(const std::string& name) {
    return make(name, kRanks, kMicrobatches, find_schedule(name)->default_chunks);
  }

  Schedule schedule_;
  TrainingCosts costs_;
  LoweringOptions options_;
};

TEST_P(EverySchedule, RunsTheSameInTheEventLoopAsInTheStaticPass) {
  const LoweredStep step = lower_training(schedule_, costs_, options_);
  const Execution swept = execute(step.graph);
  ASSERT_EQ(swept.executor, Executor::kStaticPass) << swept.reason;
  const Timeline looped = event_loop(step.graph);
  EXPECT_EQ(looped.start, swept.timeline.start);
  EXPECT_EQ(looped.finish, swept.timeline.finish);
}

TEST_P(EverySchedule, RunsTheSameWithFoldedTransfers) {
  LoweringOptions folding = options_;
  folding.fold_transfers = true;
  const Ran tasks = run(schedule_, costs_, options_);
  const Ran folded = run(schedule_, costs_, folding);
  for (int rank = 0; rank < kRanks; ++rank) {
    for (std::size_t i = 0; i < tasks.step.rank_ops[rank].size(); ++i) {
      ASSERT_EQ(folded.timeline.start[folded.step.rank_ops[rank][i]],
                tasks.timeline.start[tasks.step.rank_ops[rank][i]])
          << "operation " << i << " of rank " << rank;
    }
  }
}

/// Every price a little longer, each by a share of its own, so that none can be taken for another.
TrainingCosts a_little_dearer(TrainingCosts costs) {
  double share = 1.0;
  const auto raise = [&share](Seconds& price) { price = (share += 1e-7) * price; };
  for (std::size_t stage = 0; stage < costs.stages.size(); ++stage) {
    StageCost& cost = costs.stages[stage];
    for (OpCost* op : {&cost.forward, &cost.backward, &cost.input_grad, &cost.weight_grad}) {
      raise(op->compute);
      raise(op->host);
    }
    raise(costs.forward_hop[stage].latency);
    raise(costs.backward_hop[stage].latency);
    DataParallelCost& data = costs.data[stage];
    for (Seconds* price : {&data.reduce, &data.last_bucket, &data.gather, &data.first_bucket}) {
      raise(*price);
    }
  }
  for (Seconds& optimizer : costs.optimizer) raise(optimizer);
  return costs;
}

TEST_P(EverySchedule, IsRepricedToWhatLoweringGives) {
  const TrainingCosts dearer = a_little_dearer(costs_);
  const auto pairs = [](const auto& ops) { return std::ranges::any_of(ops, &Op::overlaps_next); };
  const bool hides = options_.pairs_hide_expert_comm && std::ranges::any_of(schedule_.ranks, pairs);
  for (const bool fold : {false, true}) {
    LoweringOptions options = options_;
    options.fold_transfers = fold;
    LoweredStep step = lower_training(schedule_, costs_, options);
    const auto pricing = StepPricing::of(step, schedule_, costs_);
    ASSERT_EQ(pricing.has_value(), schedule_.flushes && !hides);
    if (!pricing) continue;
    ASSERT_TRUE(pricing->apply(schedule_, dearer, step));
    const LoweredStep anew = lower_training(schedule_, dearer, options);
    EXPECT_TRUE(std::ranges::equal(step.graph.work(), anew.graph.work()));
    EXPECT_TRUE(std::ranges::equal(step.graph.edge_delay(), anew.graph.edge_delay()));
    EXPECT_TRUE(std::ranges::equal(step.graph.edge_source(), anew.graph.edge_source()));
  }
}

TEST_P(EverySchedule, IsNotRepricedWhereHopsOrReductionsVanish) {
  LoweredStep step = lower_training(schedule_, costs_, options_);
  const auto pricing = StepPricing::of(step, schedule_, costs_);
  if (!pricing) GTEST_SKIP() << "lowered in full every time";
  TrainingCosts no_hop = costs_, no_reduction = costs_;
  no_hop.forward_hop[0].latency = Seconds(0.0);
  no_reduction.data[1].reduce = Seconds(0.0);
  EXPECT_EQ(pricing->apply(schedule_, no_hop, step),
            schedule_.stage_rank[0][0] == schedule_.stage_rank[0][1]);
  EXPECT_FALSE(pricing->apply(schedule_, no_reduction, step));
}

TEST_P(EverySchedule, RespectsEveryDependencyAndHop) {
  const Ran ran = run(schedule_, costs_, options_);
  const auto slot = [&](int stage, int microbatch, bool gradient) {
    return (static_cast<std::size_t>(microbatch) * schedule_.num_stages() + stage) * 2 + gradient;
  };
  const auto microbatches =
      static_cast<std::size_t>(schedule_.shape.microbatches) * ran.step.iterations;
  std::vector<TaskId> made(microbatches * schedule_.num_stages() * 2, kNoTask);
  for (const auto& ops : ran.step.rank_ops) {
    for (const TaskId task : ops) {
      const TaskLabel& label = ran.step.labels[task];
      if (label.kind == TaskKind::kWeightGrad) continue;
      made[slot(label.stage, label.microbatch, label.kind != TaskKind::kForward)] = task;
    }
  }
  const auto expect_after = [&](TaskId task, int stage, bool gradient) {
    const TaskLabel& label = ran.step.labels[task];
    const TaskId before = made[slot(stage, label.microbatch, gradient)];
    ASSERT_NE(before, kNoTask);
    SimTime earliest = ran.timeline.finish[before];
    if (ran.step.labels[before].rank != label.rank) {
      const auto& hops = gradient ? costs_.backward_hop : costs_.forward_hop;
      earliest += to_sim_time(hops[stage].latency);
    }
    EXPECT_GE(ran.timeline.start[task], earliest) << "task " << task;
  };
  for (const auto& ops : ran.step.rank_ops) {
    for (const TaskId task : ops) {
      const TaskLabel& label = ran.step.labels[task];
      if (label.kind == TaskKind::kForward) {
        if (label.stage > 0) expect_after(task, label.stage - 1, false);
      } else if (label.kind == TaskKind::kWeightGrad) {
        expect_after(task, label.stage, true);
      } else {
        expect_after(task, label.stage, false);
        if (label.stage + 1 < schedule_.num_stages()) expect_after(task, label.stage + 1, true);
      }
    }
  }
}

TEST_P(EverySchedule, ReducesAStageOnlyWhenItsGradientsAreThere) {
  const Ran ran = run(schedule_, costs_, options_);
  if (ran.step.iterations > 1) GTEST_SKIP() << "asynchronous schedules reduce while they run";
  const auto stages = static_cast<std::size_t>(schedule_.num_stages());
  std::vector<SimTime> gradients(kRanks * stages, 0), reduced(kRanks * stages, 0);
  for (TaskId task = 0; task < ran.step.labels.size(); ++task) {
    const TaskLabel& label = ran.step.labels[task];
    const std::size_t at = label.rank * stages + label.stage;
    SimTime last_bucket = 0;
    if (costs_.data_overlap) {
      const DataParallelCost& data = costs_.data[label.stage];
      last_bucket = to_sim_time(min(data.last_bucket, data.reduce));
    } else {
      last_bucket = to_sim_time(costs_.data[label.stage].reduce);
    }
    if (is_operation(label.kind)) {
      gradients[at] = std::max(gradients[at], ran.timeline.finish[task] + last_bucket);
    } else if (label.kind == TaskKind::kDataReduce) {
      reduced[at] = std::max(reduced[at], ran.timeline.finish[task]);
    }
  }
  for (std::size_t at = 0; at < gradients.size(); ++at) {
    EXPECT_GE(reduced[at], gradients[at]);
    EXPECT_LE(reduced[at], ran.timeline.finish[ran.step.barrier]);
  }
}

TEST_P(EverySchedule, AccountsForEverySecond) {
  const TrainingResult result = measure(schedule_, costs_, options_);
  EXPECT_NEAR(sum(result.breakdown), result.iteration_time_s, 1e-9 * result.iteration_time_s);
  EXPECT_NEAR(sum(result.critical_path), result.iteration_time_s, 1e-9 * result.iteration_time_s);
  for (const RankResult& rank : result.ranks) {
    EXPECT_NEAR(sum(rank.idle_by_cause), rank.idle_s, 1e-9 * result.iteration_time_s);
    EXPECT_GE(rank.idle_by_cause.imbalance, 0.0);
    EXPECT_GE(rank.idle_by_cause.dependency, 0.0);
    EXPECT_LE(rank.busy_s, rank.span_s * (1 + 1e-9));
    EXPECT_LE(rank.span_s, result.iteration_time_s * (1 + 1e-9));
  }
}

TEST_P(EverySchedule, IsBusyForThePriceOfItsOperations) {
  const TrainingResult result = measure(schedule_, costs_, {.pairs_hide_expert_comm = false});
  for (int rank = 0; rank < kRanks; ++rank) {
    double price = 0;
    for (const Op& op : schedule_.ranks[rank]) {
      const StageCost& cost = costs_.stages[op.stage];
      price += (op.kind == OpKind::kForward     ? cost.forward
                : op.kind == OpKind::kBackward  ? cost.backward
                : op.kind == OpKind::kInputGrad ? cost.input_grad
                                                : cost.weight_grad)
                   .total()
                   .base();
    }
    EXPECT_NEAR(result.ranks[rank].busy_s, price, 1e-6 * price);
  }
}

TEST_P(EverySchedule, NeverBeatsTheLowerBound) {
  const TrainingResult result = measure(schedule_, costs_, options_);
  EXPECT_LE(result.lower_bound_s, result.iteration_time_s * (1 + 1e-12));
  // Loose on purpose: the bound knows no optimizer, which PipeDream runs after every micro-batch.
  EXPECT_GT(result.lower_bound_s, 0.2 * result.iteration_time_s);
}

TEST_P(EverySchedule, ReleasesAllActivations) {
  const TrainingResult result = measure(schedule_, costs_, options_, true);
  for (const RankResult& rank : result.ranks) {
    EXPECT_DOUBLE_EQ(rank.memory_over_time.back().bytes, rank.memory_over_time.front().bytes);
    EXPECT_GE(rank.peak_live_activations, 1);
  }
}

std::vector<std::string> catalogue() {
  std::vector<std::string> names;
  for (const ScheduleEntry& entry : all_schedules()) names.emplace_back(entry.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Catalogue, EverySchedule,
                         testing::Combine(testing::ValuesIn(catalogue()), testing::Range(1u, 13u)),
                         [](const auto& info) {
                           return "s_" + std::get<0>(info.param) + "_seed_" +
                                  std::to_string(std::get<1>(info.param));
                         });

}  // namespace
}  // namespace plumbline::test
