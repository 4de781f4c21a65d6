// A search finds what trying everything finds, because nothing beats its bounds.
#include "sim/search/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "sim/run/prepare.h"
#include "sim/run/run.h"
#include "sim/search/bounds.h"
#include "sim/search/why.h"

namespace plumbline {
namespace {

using testing::HasSubstr;
const std::string kRoot = PLUMBLINE_SOURCE_DIR;
constexpr double kGib = 1073741824.0;

Scenario scenario(const std::string& file, const std::vector<Override>& overrides = {}) {
  return read_scenario(kRoot + "/scenarios/" + file, overrides,
                       {kRoot + "/models", kRoot + "/hardware_profiles"});
}

/// Llama 3 8B on 16 H100 in two nodes, 32 sequences a step.
Scenario small(const std::vector<Override>& more = {}) {
  std::vector<Override> overrides{{"model", "llama3_8b"},
                                  {"cluster.nodes", "2"},
                                  {"parallelism", "{tensor: 2, pipeline: 2, data: 4}"},
                                  {"schedule", "1f1b"},
                                  {"training.precision", "bf16"},
                                  {"training.fp8_recipe", "null"},
                                  {"training.global_batch_size", "32"}};
  overrides.insert(overrides.end(), more.begin(), more.end());
  return scenario("12_llama3_70b_fp8.yaml", overrides);
}

SearchOptions options_for(const Scenario& base) {
  SearchOptions options;
  options.space = default_space(base);
  options.objective = make_objective(base, Price::kTime, {});
  return options;
}

// ---- bounds ----

void expect_bounds_hold(const Scenario& base, SearchSpace space, int samples) {
  const KernelTimes kernels(base.cluster);
  PriceBook book(kernels);
  TraitsTable traits;
  std::mt19937 random(7);
  const Enumeration all = enumerate(base, space, book, traits);
  ASSERT_GT(all.legal.size(), 100u);
  int simulated = 0;
  double closeness = 0;
  for (int i = 0; i < samples; ++i) {
    const BoundedCandidate& each = all.legal[random() % all.legal.size()];
    const Scenario made = apply(base, each.candidate);
    Prepared prepared;
    try {
      prepared = prepare(made, kernels);
    } catch (const InputError&) {
      continue;  // a number of micro-batches that the schedule does not take
    }
    const TrainingResult truth = simulate(made).result.training;
    const std::string name = to_string(each.candidate);
    EXPECT_LE(each.time_bound.base(), truth.iteration_time_s) << name;
    EXPECT_LE(memory_bound(*each.traits, prepared.memory).base(), truth.peak_memory_bytes) << name;
    EXPECT_EQ(peak_memory(*prepared.schedule, prepared.memory).base(), truth.peak_memory_bytes)
        << name;
    closeness += each.time_bound.base() / truth.iteration_time_s;
    ++simulated;
  }
  ASSERT_GT(simulated, samples / 2);
  EXPECT_GT(closeness / simulated, 0.7) << "a bound that says nothing rules nothing out";
}

TEST(Bounds, AreNeverAboveTheSimulationOfADenseModel) {
  const Scenario base = small();
  expect_bounds_hold(base, default_space(base), 120);
}

TEST(Bounds, AreNeverAboveTheSimulationWithBlockingTransfersAndZero3InThePipeline) {
  const Scenario base = small({{"training.software", "megatron_lm_2021"}});
  SearchSpace space = default_space(base);
  space.zero3_with_pipeline = true;
  expect_bounds_hold(base, space, 80);
}

TEST(Bounds, AreNeverAboveTheSimulationOfExperts) {
  const Scenario base = scenario(
      "10_mixture_of_experts.yaml",
      {{"cluster.nodes", "4"}, {"parallelism.data", "8"}, {"training.global_batch_size", "64"}});
  expect_bounds_hold(base, default_space(base), 80);
}

TEST(Bounds, PutStagesTogetherAsThePricerDoes) {
  const Scenario base = small({{"training.recompute", "full"}});
  const KernelTimes kernels(base.cluster);
  const Prepared prepared = prepare(base, kernels);
  PriceBook book(kernels);
  const std::vector<StageCost> costs =
      stage_costs(book.prices(base, prepared.plan), base.model, prepared.plan.stages);
  ASSERT_EQ(costs.size(), prepared.costs.stages.size());
  for (std::size_t s = 0; s < costs.size(); ++s) {
    const double forward = prepared.costs.stages[s].forward.total().base();
    const double backward = prepared.costs.stages[s].backward.total().base();
    EXPECT_NEAR(costs[s].forward.total().base(), forward, 1e-9 * forward);
    EXPECT_NEAR(costs[s].backward.total().base(), backward, 1e-9 * backward);
  }
}

// ---- the search ----

SearchOptions narrow(const Scenario& base) {
  SearchOptions options = options_for(base);
  options.space.micro_batch_size = {1, 2};
  options.space.context = {1, 2};
  options.space.recompute = {{Recompute::kNone, {}, {}}, {Recompute::kFull, {}, {}}};
  options.space.schedules = {"1f1b", "interleaved_1f1b", "zb_v"};
  options.space.virtual_stages = {2};
  return options;
}

void expect_same_best(const SearchResult& a, const SearchResult& b) {
  ASSERT_EQ(a.best.size(), b.best.size());
  for (std::size_t i = 0; i < a.best.size(); ++i) {
    EXPECT_EQ(a.best[i].candidate, b.best[i].candidate) << to_string(b.best[i].candidate);
    EXPECT_EQ(a.best[i].score, b.best[i].score);
  }
}

TEST(Search, FindsWhatTryingEverythingFinds) {
  for (const char* memory : {"80", "40"}) {
    const Scenario base = small();
    SearchOptions options = narrow(base);
    options.max_memory = Bytes(std::stod(memory) * kGib);
    SearchOptions everything = options;
    everything.prune = false;
    const SearchResult pruned = search_plans(base, options);
    const SearchResult all = search_plans(base, everything);
    ASSERT_EQ(all.best.size(), 5u);
    expect_same_best(pruned, all);
    EXPECT_LT(pruned.counts.simulated, all.counts.simulated / 2);
    for (const SearchCounts& n : {pruned.counts, all.counts}) {
      EXPECT_EQ(n.time_bound + n.memory_bound + n.memory + n.full_bound + n.simulated, n.legal);
      std::int64_t impossible = 0;
      for (const auto& [why, count] : n.impossible) impossible += count;
      EXPECT_EQ(n.legal + impossible, n.combinations);
    }
    for (const Plan& plan : pruned.best) {
      EXPECT_LE(plan.result.training.peak_memory_bytes, options.max_memory->base());
    }
  }
}

TEST(Search, DoesNotDependOnWhoWorksAtIt) {
  const Scenario base = small();
  SearchOptions forwards = narrow(base), backwards = narrow(base);
  backwards.for_each = [](std::size_t count, const std::function<void(std::size_t)>& work) {
    for (std::size_t i = count; i-- > 0;) work(i);
  };
  const SearchResult a = search_plans(base, forwards), b = search_plans(base, backwards);
  expect_same_best(a, b);
  EXPECT_EQ(a.counts.simulated, b.counts.simulated);
}

TEST(Search, SaysWhichSettingForbidsEveryPlan) {
  const Scenario base = small();
  SearchOptions options = options_for(base);
  options.space.expert = {2};
  try {
    search_plans(base, options);
    FAIL() << "a dense model has no experts";
  } catch (const InputError& error) {
    EXPECT_THAT(error.diagnostics().front().hint, HasSubstr("parallelism.expert"));
  }
}

TEST(Search, WritesSettingsThatReadBackAsTheSamePlan) {
  const Scenario base = small();
  SearchOptions options = narrow(base);
  options.space.gpus = {8, 16};
  options.top = 12;
  for (const Plan& plan : search_plans(base, options).best) {
    std::vector<Override> settings{{"model", "llama3_8b"},
                                   {"cluster.nodes", "2"},
                                   {"training.precision", "bf16"},
                                   {"training.fp8_recipe", "null"}};
    for (Override& each : settings_of(base, plan.candidate)) settings.push_back(std::move(each));
    const Scenario read = scenario("12_llama3_70b_fp8.yaml", settings);
    EXPECT_EQ(simulate(read).result.training.iteration_time_s,
              plan.result.training.iteration_time_s)
        << to_string(plan.candidate);
  }
}

TEST(Search, TakesAPartOfANodeAndRefusesWhatIsNeither) {
  const Cluster cluster = small().cluster;
  EXPECT_EQ(with_gpus(cluster, 24).nodes, 3);
  EXPECT_EQ(with_gpus(cluster, 4).gpus(), 4);
  EXPECT_EQ(with_gpus(cluster, 4).nics_per_node, 4);
  EXPECT_THROW(with_gpus(cluster, 12), InputError);
  EXPECT_THROW(with_gpus(cluster, 0), InputError);
}

// ---- objectives ----

TEST(Objective, PricesAStepInSecondsDollarsAndJoules) {
  const Scenario base = small({{"cost.usd_per_gpu_hour", "3.6"}});
  EXPECT_EQ(make_objective(base, Price::kTime, {}).step_price(10, 16), 10);
  // 10 s x 16 GPUs at 0.001 USD a GPU-second
  EXPECT_NEAR(make_objective(base, Price::kCost, {}).step_price(10, 16), 0.16, 1e-12);
  EXPECT_EQ(make_objective(base, Price::kEnergy, {}).step_price(10, 16), 10 * 16 * 700.0);
}

TEST(Objective, CountsStepsByTheGradientNoiseScale) {
  const Objective objective = make_objective(small(), Price::kTime, 1e6);
  // At the critical batch twice the least number of steps is needed; far below it, each token
  // brings as much as any other.
  EXPECT_DOUBLE_EQ(objective.progress(1e6), 0.5);
  EXPECT_NEAR(objective.progress(10) / objective.progress(5), 2.0, 1e-4);
  EXPECT_NEAR(objective.progress(1e12), 1.0, 1e-5);
}

TEST(Objective, AsksForWhatItIsNotTold) {
  Scenario base = small();
  EXPECT_THROW(make_objective(base, Price::kCost, {}), InputError);
  EXPECT_THROW(make_objective(base, Price::kTime, -1.0), InputError);
  base.cluster.device.power_limit_w = 0;
  EXPECT_THROW(make_objective(base, Price::kEnergy, {}), InputError);
}

TEST(Objective, FavoursSmallerBatchesWhereTheCriticalBatchIsSmall) {
  const Scenario base = small();
  const auto best_batch = [&](std::optional<double> critical) {
    SearchOptions options = narrow(base);
    options.space.global_batch_size = {32, 256};
    options.objective = make_objective(base, Price::kTime, critical);
    options.top = 1;
    return search_plans(base, options).best.front().candidate.global_batch_size;
  };
  EXPECT_EQ(best_batch({}), 256) << "tokens per second alone";
  EXPECT_EQ(best_batch(1e4), 32) << "a batch of 32 x 8192 tokens is past the critical one";
}

// ---- why ----

TEST(Why, HoldsTheWinnerAgainstItsNeighboursAndPopularPlans) {
  const Scenario base = small();
  SearchOptions options = narrow(base);
  options.top = 1;
  const Plan winner = search_plans(base, options).best.front();
  const std::vector<Alternative> changes = one_change(base, winner, options);
  EXPECT_GE(changes.size(), 4u);
  for (const Alternative& change : changes) {
    ASSERT_TRUE(change.plan);
    EXPECT_NE(change.plan->candidate, winner.candidate) << change.what;
  }
  const std::vector<Alternative> popular = popular_plans(base, options);
  EXPECT_EQ(popular.front().plan->result.training.iteration_time_s,
            simulate(base).result.training.iteration_time_s);
  for (const Alternative& plan : popular) EXPECT_NE(plan.plan.has_value(), !plan.problem.empty());
}

}  // namespace
}  // namespace plumbline
