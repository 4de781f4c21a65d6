// Named what-ifs, and what going on with a changed cluster costs.
#include "sim/search/what_if.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/parameters.h"
#include "sim/run/run.h"
#include "sim/search/reconfigure.h"

namespace plumbline {
namespace {

using testing::Contains;
using testing::HasSubstr;
const std::string kRoot = PLUMBLINE_SOURCE_DIR;
const DataFolders kFolders{kRoot + "/models", kRoot + "/hardware_profiles"};

/// Llama 3 8B, TP 2, PP 2, DP 4 on two nodes of 8 H100.
Scenario small() {
  return read_scenario(kRoot + "/scenarios/12_llama3_70b_fp8.yaml",
                       {{"model", "llama3_8b"},
                        {"cluster.nodes", "2"},
                        {"parallelism", "{tensor: 2, pipeline: 2, data: 4}"},
                        {"schedule", "1f1b"},
                        {"training.global_batch_size", "32"}},
                       kFolders);
}

double step(const WhatIf& asked) {
  RunOptions how;
  how.scale = asked.scale;
  return simulate(asked.scenario, how).result.training.iteration_time_s;
}

TEST(WhatIf, ScalesTheLinkThatIsNamedByPlaceKindOrName) {
  for (const char* text : {"nvlink*2", "nvlink4 * 2", "intra_node*2"}) {
    const WhatIf asked = what_if(small(), text, kFolders);
    EXPECT_EQ(asked.scale.intra_node, 2) << text;
    EXPECT_EQ(asked.scale.inter_node, 1) << text;
  }
  for (const char* text : {"ib*0.5", "ib_ndr400*0.5", "network*0.5"}) {
    EXPECT_EQ(what_if(small(), text, kFolders).scale.inter_node, 0.5) << text;
  }
  EXPECT_EQ(what_if(small(), "ib*0.5, ib*0.5, gemm*1.5", kFolders).scale.inter_node, 0.25);
}

TEST(WhatIf, AFasterPartNeverSlowsTheStepAndSaysSo) {
  const double now = step(what_if(small(), "gemm*1", kFolders));
  EXPECT_LT(step(what_if(small(), "nvlink*2", kFolders)), now);
  EXPECT_GT(step(what_if(small(), "ib*0.5", kFolders)), now);
  // Matrix products are most of the step, and not all of it.
  const double twice = step(what_if(small(), "gemm*2", kFolders));
  EXPECT_GT(now / twice, 1.4);
  EXPECT_LT(now / twice, 2.0);
  EXPECT_THAT(what_if(small(), "nvlink*2", kFolders).scenario.assumptions,
              Contains(HasSubstr("what if: nvlink4 2 times as fast")));
}

TEST(WhatIf, PutsAnotherGpuIntoTheSameNodes) {
  const WhatIf asked = what_if(small(), "gpu=b200", kFolders);
  EXPECT_EQ(asked.scenario.cluster.device.name, "b200_sxm_180g");
  EXPECT_EQ(asked.scenario.cluster.inter_node.name, "ib_ndr400");
  EXPECT_LT(step(asked), step(what_if(small(), "gemm*1", kFolders)));
}

TEST(WhatIf, LeavesWholeReplicasWhenNodesFail) {
  const WhatIf one = what_if(small(), "fail 1 node", kFolders);
  EXPECT_EQ(one.nodes, 1);
  EXPECT_EQ(one.scenario.parallelism.data, 2);
  EXPECT_EQ(one.scenario.training.global_batch_size, 32);
  // Three nodes make six replicas, which do not divide 32 sequences.
  const WhatIf three = what_if(small(), "nodes=3, ib*2", kFolders);
  EXPECT_EQ(three.scenario.parallelism.data, 6);
  EXPECT_EQ(three.scenario.training.global_batch_size, 30);
  EXPECT_THAT(three.scenario.assumptions, Contains(HasSubstr("30 sequences instead of 32")));
  EXPECT_NO_THROW(step(three));
  Scenario whole = small();
  whole.parallelism.pipeline = 8;
  whole.parallelism.data = 1;
  EXPECT_THROW(what_if(whole, "fail 1 node", kFolders), InputError);
  EXPECT_FALSE(on_nodes(whole, 1));
}

TEST(WhatIf, TellsEveryMistakeWithTheNearestThatIsNone) {
  try {
    what_if(small(), "nvlimk*2, gpu=b201, ib*-1, fail two nodes, fail 2 nodes, faster, noeds=3",
            kFolders);
    FAIL();
  } catch (const InputError& error) {
    const std::vector<Diagnostic>& list = error.diagnostics();
    ASSERT_EQ(list.size(), 7u);
    EXPECT_THAT(list[0].hint, HasSubstr("did you mean 'nvlink'?"));
    EXPECT_THAT(list[1].hint, HasSubstr("h100_sxm_80g"));  // it lists what there is
    EXPECT_THAT(list[2].problem, HasSubstr("no factor"));
    EXPECT_THAT(list[3].hint, HasSubstr("fail 1 node"));
    EXPECT_THAT(list[4].problem, HasSubstr("leaves none"));
    EXPECT_THAT(list[5].problem, HasSubstr("no what-if"));
    EXPECT_THAT(list[6].hint, HasSubstr("did you mean 'nodes'?"));
  }
}

TEST(Reconfiguration, CountsWhatTheChangeCosts) {
  const Scenario before = small();
  SearchOptions options;
  options.space = default_space(before);
  options.space.schedules = {"1f1b"};
  options.space.recompute = {{Recompute::kNone, {}, {}}};
  options.objective = make_objective(before, Price::kTime, {});
  ChangeCosts costs;
  costs.restart_s = 100;
  costs.storage = BytesPerSecond(1e9);
  costs.checkpoint_interval_s = 60;
  costs.horizon_s = 3600;
  costs.repair_s = 1000;
  const Reconfiguration change = reconfigure(before, on_nodes(before, 1), 1, options, costs);

  const double parameters = static_cast<double>(count_parameters(before.model).total());
  const double old_rate = simulate(before).result.training.tokens_per_s;
  ASSERT_EQ(change.options.size(), 4u);
  double best = 0, kept = 0;
  for (const Continuation& option : change.options) {
    ASSERT_TRUE(option.plan) << option.what;
    const double rate = option.plan->result.training.tokens_per_s;
    const double weights = 2 * option.plan->candidate.data;  // ZeRO >= 1: one optimizer state
    EXPECT_DOUBLE_EQ(option.reload_bytes, parameters * (weights + 12));
    const double pause = option.what == "wait for the repair" ? 1100 : 100;
    EXPECT_DOUBLE_EQ(option.away_s, pause + option.reload_bytes / 1e9);
    EXPECT_NEAR(option.tokens, (3600 - option.away_s) * rate - 30 * old_rate, 1e-6 * option.tokens);
    if (option.what == "best plan") best = rate;
    if (option.what == "same stages, whole replicas") kept = rate;
    if (option.what != "wait for the repair") {
      EXPECT_LE(option.plan->candidate.gpus, 8);
    }
  }
  EXPECT_GE(best, kept);
  for (std::size_t i = 1; i < change.options.size(); ++i) {
    EXPECT_GE(change.options[i - 1].tokens, change.options[i].tokens);
  }
}

}  // namespace
}  // namespace plumbline
