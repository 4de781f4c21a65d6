// The whole pipeline, from a scenario to a result.
#include "sim/run/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>

#include "sim/run/prepare.h"

namespace plumbline {
namespace {

const std::string kRoot = PLUMBLINE_SOURCE_DIR;

Scenario scenario(const std::vector<Override>& overrides = {}) {
  return read_scenario(kRoot + "/scenarios/01_first_run.yaml", overrides,
                       {kRoot + "/models", kRoot + "/hardware_profiles"});
}

double step(const std::vector<Override>& overrides = {}) {
  return simulate(scenario(overrides)).result.training.iteration_time_s;
}

TEST(Run, GivesTheSameNumbersTwice) { EXPECT_EQ(step(), step()); }

TEST(Run, KeepingTheTimelineChangesNoTime) {
  RunOptions options;
  options.keep_timeline = true;
  EXPECT_EQ(simulate(scenario(), options).result.training.iteration_time_s, step());
}

TEST(Run, BreakdownAddsUpToTheStep) {
  const Breakdown b = simulate(scenario()).result.training.breakdown;
  const double sum = b.compute + b.recompute + b.tensor_comm + b.context_comm + b.pipeline_comm +
                     b.data_comm + b.expert_comm + b.bubble + b.host + b.optimizer;
  EXPECT_NEAR(sum, step(), 1e-9 * step());
}

TEST(Run, NothingBeatsTheLowerBound) {
  for (const char* schedule : {"gpipe", "1f1b", "interleaved_1f1b", "zb_h1", "zb_v"}) {
    std::vector<Override> overrides{{"schedule", schedule}};
    if (std::string(schedule) == "interleaved_1f1b") {
      overrides.push_back({"parallelism.virtual_stages", "2"});
    }
    const TrainingResult result = simulate(scenario(overrides)).result.training;
    EXPECT_LE(result.lower_bound_s, result.iteration_time_s) << schedule;
    EXPECT_GT(result.lower_bound_s, 0.5 * result.iteration_time_s) << schedule;
  }
}

// What a 10 % faster part buys is what a run on such hardware shows: the saving, to a twentieth.
TEST(Sensitivities, EqualARunWithTheFasterPart) {
  RunOptions options;
  options.sensitivities = true;
  const TrainingResult base = simulate(scenario(), options).result.training;
  ASSERT_EQ(base.sensitivities.size(), 5u);
  const auto expect_saving = [&](std::size_t which, double faster) {
    const double saved = base.iteration_time_s - faster;
    EXPECT_GT(saved, 0);
    EXPECT_NEAR(base.iteration_time_s - base.sensitivities[which].iteration_time_s, saved,
                0.05 * saved)
        << base.sensitivities[which].what;
  };
  const auto faster_link = [&](LinkSpec Cluster::*which) {
    Scenario faster = scenario();
    LinkSpec& link = faster.cluster.*which;
    link.p2p_bandwidth.value = 1.1 * link.p2p_bandwidth.value;
    link.collective_bandwidth.value = 1.1 * link.collective_bandwidth.value;
    link.p2p_latency.value = link.p2p_latency.value / 1.1;
    return simulate(faster).result.training.iteration_time_s;
  };
  expect_saving(3, faster_link(&Cluster::inter_node));
  Scenario faster_memory = scenario();
  DeviceSpec& device = faster_memory.cluster.device;
  device.memory_bandwidth_streaming.value = 1.1 * device.memory_bandwidth_streaming.value;
  expect_saving(1, simulate(faster_memory).result.training.iteration_time_s);
  expect_saving(4, step({{"training.global_batch_size", "65"}}) * 64.0 / 65.0);

  for (const Sensitivity& s : base.sensitivities) {
    EXPECT_NEAR(s.saved_fraction, 1.0 - s.iteration_time_s / base.iteration_time_s, 1e-12);
    EXPECT_GE(s.saved_fraction, 0.0) << s.what;
  }
  // Products and attention are most of this step, NVLink most of what is left of the tensor group.
  EXPECT_GT(base.sensitivities[0].saved_fraction, 0.04);
  EXPECT_GT(base.sensitivities[2].saved_fraction, 0.002);
}

TEST(Balanced, TakesLayersOffTheStageWithTheHead) {
  const Prepared balanced = prepare(scenario({{"training.layers_per_stage", "balanced"},
                                              {"model", "{base: gpt3_175b, vocab: 256000}"},
                                              {"parallelism.pipeline", "16"},
                                              {"parallelism.tensor", "4"}}));
  int most = 0;
  for (const StageLayers& stage : balanced.plan.stages) most = std::max(most, stage.layers());
  EXPECT_LT(balanced.plan.stages.back().layers(), most);
  const int sum = std::accumulate(balanced.plan.stages.begin(), balanced.plan.stages.end(), 0,
                                  [](int n, const StageLayers& s) { return n + s.layers(); });
  EXPECT_EQ(sum, 96);
}

TEST(Csv, AScheduleOfAnotherShapeIsRefusedWithTheBatchThatFits) {
  const std::string path = testing::TempDir() + "/two_ranks.csv";
  std::ofstream(path) << "0F0,0F1,0B0,0B1\n1F0,1B0,1F1,1B1\n";
  try {
    simulate(scenario({{"schedule", "{csv: " + path + "}"}}));
    FAIL() << "a schedule of two ranks ran on eight";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("2 ranks"));
  }
}

TEST(Interval, HoldsThePrediction) {
  const TrainingResult result = simulate(scenario()).result.training;
  ASSERT_TRUE(result.iteration_time_interval_s.has_value());
  const auto [low, high] = *result.iteration_time_interval_s;
  EXPECT_LT(low, result.iteration_time_s);
  EXPECT_GT(high, result.iteration_time_s);
}

TEST(Fit, FollowsTheUsableMemoryOfTheGpu) {
  Scenario tight = scenario();
  EXPECT_TRUE(simulate(tight).result.fits);
  tight.cluster.device.usable_memory = Bytes(1e9);
  EXPECT_FALSE(simulate(tight).result.fits);
}

}  // namespace
}  // namespace plumbline
