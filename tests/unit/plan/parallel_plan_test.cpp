#include "sim/plan/parallel_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plumbline {
namespace {

ParallelOptions sizes(void (*set)(ParallelOptions&)) {
  ParallelOptions options;
  set(options);
  return options;
}

using testing::Contains;
using testing::Field;
using testing::HasSubstr;

ModelSpec gpt3() {
  ModelSpec m;
  m.layers = 96;
  m.hidden = 12288;
  m.heads = m.kv_heads = 96;
  m.head_dim = 128;
  m.ffn = 49152;
  m.vocab = 51200;
  return m;
}

ModelSpec eight_experts() {
  ModelSpec m = gpt3();
  m.moe.emplace();
  m.moe->experts = 8;
  m.moe->expert_ffn = m.ffn;
  return m;
}

Cluster nodes(int count, int per_node = 8) {
  Cluster cluster;
  cluster.nodes = count;
  cluster.gpus_per_node = cluster.gpus_per_nvlink_domain = per_node;
  return cluster;
}

TrainingOptions batch(int global) {
  TrainingOptions training;
  training.sequence_length = 2048;
  training.global_batch_size = global;
  return training;
}

ParallelPlan plan(const ParallelOptions& options, const Cluster& cluster, int global = 64) {
  return make_plan(gpt3(), cluster, options, {}, batch(global));
}

std::vector<Diagnostic> problems(const ParallelOptions& options, const Cluster& cluster,
                                 int global = 64) {
  try {
    plan(options, cluster, global);
  } catch (const InputError& error) {
    return error.diagnostics();
  }
  return {};
}

TEST(Plan, DataParallelismIsWhatTheGpusLeave) {
  ParallelOptions options;
  options.tensor = 8;
  options.pipeline = 4;
  const ParallelPlan p = plan(options, nodes(16));
  EXPECT_EQ(p.data, 4);
  EXPECT_EQ(p.microbatches, 16);
}

TEST(Plan, AProductThatIsNotTheGpuCountSaysBoth) {
  ParallelOptions options;
  options.tensor = 8;
  options.pipeline = 8;
  options.data = 2;
  EXPECT_THAT(problems(options, nodes(8)),
              Contains(Field(&Diagnostic::problem,
                             HasSubstr("8 x 8 x 1 x 2 = 128, the cluster has 64 GPUs"))));
}

TEST(Plan, ReportsEveryProblemAtOnce) {
  ParallelOptions options;
  options.tensor = 7;
  options.pipeline = 5;
  options.expert = 2;
  std::vector<std::string> paths;
  for (const Diagnostic& d : problems(options, nodes(8))) paths.push_back(d.path);
  EXPECT_THAT(paths, testing::IsSupersetOf({"parallelism", "parallelism.tensor",
                                            "parallelism.expert", "training.layers_per_stage"}));
}

TEST(Plan, ABatchThatDoesNotDivideNamesOneThatDoes) {
  ParallelOptions options;
  options.tensor = 8;
  options.pipeline = 4;
  const auto found = problems(options, nodes(16), 30);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].path, "training.global_batch_size");
  EXPECT_THAT(found[0].hint, HasSubstr("28"));
}

TEST(Placement, MegatronsOrderKeepsTensorGroupsInANodeAndSendsHopsOverTheNetwork) {
  ParallelOptions options;
  options.tensor = 8;
  options.pipeline = 8;
  const ParallelPlan p = plan(options, nodes(8));
  EXPECT_EQ(p.tensor_group.ranks_per_node, 8);
  EXPECT_THAT(p.hop_inside_node, testing::Each(false));
}

TEST(Placement, EightPipelineRanksOfOneNodeHopInsideIt) {
  ParallelOptions options;
  options.pipeline = 8;
  EXPECT_THAT(plan(options, nodes(1)).hop_inside_node, testing::Each(true));
}

TEST(Placement, ADataGroupBesideTensorFourHasTwoMembersPerNode) {
  ParallelOptions options;
  options.tensor = 4;
  const ParallelPlan p = plan(options, nodes(4));
  EXPECT_EQ(p.data_group.ranks, 8);
  EXPECT_EQ(p.data_group.ranks_per_node, 2);
}

TEST(Placement, PipelineFastestTurnsHopsIntoNodeLocalOnes) {
  ParallelOptions options;
  options.pipeline = 8;
  options.tensor = 2;
  options.order = {"pipeline", "tensor", "context", "expert", "data"};
  const ParallelPlan p = plan(options, nodes(2));
  EXPECT_TRUE(hop_inside_node(p, 3, 4));
  EXPECT_EQ(p.tensor_group.ranks_per_node, 1);
}

TEST(Placement, ExpertsAreSplitAsTheDenseLayersUnlessToldOtherwise) {
  const ModelSpec model = eight_experts();
  ParallelOptions options;
  options.tensor = 4;
  options.expert = 8;
  const auto made = [&](int gpus) {
    return make_plan(model, nodes(gpus / 8), options, {}, batch(64));
  };
  // Megatron's default: 4 x 8 GPUs hold all experts once, and a group of 8 has 2 ranks a node.
  EXPECT_EQ(made(64).expert_tensor, 4);
  EXPECT_EQ(made(64).expert_data, 2);
  EXPECT_EQ(made(64).expert_group.ranks_per_node, 2);
  // 4 x 8 do not divide 16 GPUs: whole experts.
  EXPECT_EQ(made(16).expert_tensor, 1);
  EXPECT_EQ(made(16).expert_group.ranks_per_node, 8);
  options.expert_tensor = 1;
  EXPECT_EQ(made(64).expert_tensor, 1);
  EXPECT_EQ(made(64).expert_group.ranks_per_node, 8);
}

TEST(Plan, ARingOfContextRanksNeedsFusedAttentionWithoutAWindow) {
  ModelSpec model = gpt3();
  model.sliding_window = 512;
  TrainingOptions training = batch(64);
  training.attention = AttentionKernel::kUnfused;
  const auto paths = [&](const ParallelOptions& options) {
    std::vector<std::string> out;
    try {
      make_plan(model, nodes(8), options, {}, training);
    } catch (const InputError& error) {
      for (const Diagnostic& d : error.diagnostics()) out.push_back(d.path);
    }
    return out;
  };
  EXPECT_THAT(paths(sizes([](ParallelOptions& p) {
                p.tensor = 8;
                p.context = 2;
              })),
              testing::UnorderedElementsAre("training.attention", "parallelism.context"));
  EXPECT_THAT(paths(sizes([](ParallelOptions& p) {
                p.tensor = 8;
                p.context = 2;
                p.context_communication = "a2a";
              })),
              testing::IsEmpty());
}

TEST(Plan, SizesBeyondAnyClusterAreAnErrorAndNoOverflow) {
  const auto found = problems(sizes([](ParallelOptions& p) {
                                p.tensor = 65536;
                                p.pipeline = 65536;
                              }),
                              nodes(8));
  ASSERT_FALSE(found.empty());
  EXPECT_THAT(found[0].problem, HasSubstr("4294967296"));
}

TEST(Plan, APowerLimitAboveTheCardsOwnIsRefused) {
  Cluster cluster = nodes(8);
  cluster.device.power_limit_w = 400;
  cluster.power_limit_w = 5000;
  EXPECT_THAT(problems(sizes([](ParallelOptions& p) { p.tensor = 8; }), cluster),
              Contains(Field(&Diagnostic::path, "cluster.power_limit_w")));
}

TEST(Placement, AnOrderThatScattersAStageHasNoExpertGroups) {
  const ModelSpec model = eight_experts();
  ParallelOptions options;
  options.pipeline = 2;
  options.expert = 8;
  options.order = {"pipeline", "tensor", "context", "expert", "data"};
  EXPECT_THROW(make_plan(model, nodes(8), options, {}, batch(64)), InputError);
}

TEST(Placement, AnNvlinkDomainLargerThanANodeHoldsWholeGroups) {
  ParallelOptions options;
  options.tensor = 8;
  Cluster cluster = nodes(16, 4);
  cluster.gpus_per_nvlink_domain = 64;
  EXPECT_EQ(plan(options, cluster).tensor_group.ranks_per_node, 8);
}

}  // namespace
}  // namespace plumbline
