#include "sim/memory/static_memory.h"

#include <gtest/gtest.h>

#include "models/parameters.h"
#include "tests/unit/memory/memory_fixture.h"

namespace plumbline {
namespace {

double total(const MemoryBreakdown& m) { return m.total().base(); }

TEST(StageParameters, OfAllStagesAreTheModelsParameters) {
  const ModelSpec model = named("llama3_70b");  // its vocabulary needs no padding
  const ParallelPlan plan = plan_of(model, 1, 8);
  double sum = 0;
  for (const StageLayers& stage : plan.stages) {
    const StageParameters p = stage_parameters(model, plan, stage);
    sum += p.linear + p.other + p.experts;
  }
  EXPECT_DOUBLE_EQ(sum, 70'553'706'496.0);
}

TEST(StageParameters, SplitMatricesOverTheTensorGroupButNotNorms) {
  const ModelSpec model = named("llama3_8b");
  const ParallelPlan plan = plan_of(model, 8, 1);
  const StageParameters p = stage_parameters(model, plan, plan.stages[0]);
  EXPECT_DOUBLE_EQ(p.linear, 32 * (4096.0 * 6144 + 4096 * 4096 + 3 * 4096.0 * 14336) / 8);
  EXPECT_DOUBLE_EQ(p.other, 2 * 129024 * 4096.0 / 8 + (2 * 32 + 1) * 4096);
}

TEST(StageParameters, PadTheVocabularyAsMegatronDoes) {
  ModelSpec model = named("gpt2_124m");
  const ParallelPlan plan = plan_of(model, 8, 2);
  const StageParameters p = stage_parameters(model, plan, plan.stages[1]);
  EXPECT_DOUBLE_EQ(p.other, 51200.0 * 768 / 8 + 6 * 4 * 768 + 2 * 768);
}

TEST(StageParameters, HoldATiedEmbeddingOnBothEndsOfThePipelineButOnceOnOneRank) {
  const ModelSpec model = named("gpt3_175b");
  const double embedding = 51200.0 * 12288;
  const ParallelPlan two = plan_of(model, 1, 2);
  const double layer = 12.0 * 12288 * 12288 + 13 * 12288;
  const auto size = [&](const StageParameters& p) { return p.linear + p.other; };
  EXPECT_DOUBLE_EQ(size(stage_parameters(model, two, two.stages[1])),
                   48 * layer + embedding + 2 * 12288);
  EXPECT_DOUBLE_EQ(size(stage_parameters(model, two, two.stages[1], true)), 48 * layer + 2 * 12288);
  const ParallelPlan one = plan_of(model, 1, 1);
  EXPECT_DOUBLE_EQ(size(stage_parameters(model, one, one.stages[0])),
                   96 * layer + embedding + 2048 * 12288.0 + 2 * 12288);
}

TEST(StageParameters, SpreadExpertsOverTheExpertGroup) {
  const ModelSpec model = named("mixtral_8x7b");
  ParallelPlan plan = plan_of(model, 2, 1, 4);
  plan.expert = 4;
  plan.expert_tensor = 2;
  plan.expert_data = 1;
  const StageParameters p = stage_parameters(model, plan, plan.stages[0]);
  EXPECT_DOUBLE_EQ(p.experts, 32 * 8 * 3 * 4096.0 * 14336 / 8);
}

TEST(StaticMemory, TakesTwoFourAndTwelveBytesAParameter) {
  const StageParameters p{.linear = 1000, .other = 0, .experts = 0};
  ParallelPlan plan;
  plan.zero_stage = 0;
  const MemoryBreakdown held = static_memory(p, plan, transformer_engine(1, 1));
  EXPECT_DOUBLE_EQ(held.weights.base(), 2000);
  EXPECT_DOUBLE_EQ(held.gradients.base(), 4000);
  EXPECT_DOUBLE_EQ(held.optimizer.base(), 12000);
}

TEST(StaticMemory, ShrinksWithTheZeroStage) {
  // Rajbhandari et al., arXiv:1910.02054, figure 1: 2+2+12 bytes, K = 12, N_d = 64, 7.5 G
  // parameters: 120, 31.4, 16.6 and 1.9 GB.
  const StageParameters p{.linear = 7.5e9, .other = 0, .experts = 0};
  ParallelPlan plan;
  plan.data = 64;
  TrainingOptions training = transformer_engine(1, 1);
  training.software.gradient_dtype = Precision::kBf16;
  const double expected[] = {120e9, 31.4e9, 16.6e9, 1.9e9};
  for (int stage = 0; stage < 4; ++stage) {
    plan.zero_stage = stage;
    EXPECT_NEAR(total(static_memory(p, plan, training)) / expected[stage], 1, 0.015) << stage;
  }
}

TEST(StaticMemory, ShardsTheOptimizerOfExpertsOverTheirOwnDataGroup) {
  const StageParameters p{.linear = 0, .other = 0, .experts = 1000};
  ParallelPlan plan;
  plan.data = 8;
  plan.expert = 4;
  plan.expert_data = 2;
  EXPECT_DOUBLE_EQ(static_memory(p, plan, transformer_engine(1, 1)).optimizer.base(), 6000);
}

TEST(StaticMemory, CountsContextRanksAsReplicas) {
  const StageParameters p{.linear = 1000, .other = 0, .experts = 0};
  ParallelPlan plan;
  plan.data = 2;
  plan.context = 4;
  EXPECT_DOUBLE_EQ(static_memory(p, plan, transformer_engine(1, 1)).optimizer.base(), 1500);
}

TEST(StaticMemory, KeepsEightBitWeightsTwiceAndTheirSixteenBitCopyUnlessGathered) {
  const StageParameters p{.linear = 1000, .other = 100, .experts = 0};
  TrainingOptions training = transformer_engine(1, 1);
  training.precision = Precision::kFp8;
  training.software.fp8_param_gather = true;
  EXPECT_DOUBLE_EQ(static_memory(p, {}, training).weights.base(), 2000 + 200);
  training.software.fp8_param_gather = false;
  EXPECT_DOUBLE_EQ(static_memory(p, {}, training).weights.base(), 4000 + 200);
  EXPECT_FALSE(weight_assumptions(training).empty());
}

TEST(RankStatic, HoldsBothDirectionsOfABidirectionalPipelineAndSharesTheirOptimizer) {
  const ModelSpec model = named("llama3_8b");
  const ParallelPlan plan = plan_of(model, 1, 4);
  const MemoryModel one = memory_model(model, kAnyCluster, plan, transformer_engine(1, 4096), 1);
  const MemoryModel two = memory_model(model, kAnyCluster, plan, transformer_engine(1, 4096), 2);
  const double ends = one.rank_static[0].weights.base() + one.rank_static[3].weights.base();
  EXPECT_DOUBLE_EQ(two.rank_static[0].weights.base(), ends);
  EXPECT_DOUBLE_EQ(two.rank_static[3].weights.base(), ends);
  EXPECT_DOUBLE_EQ(two.rank_static[0].optimizer.base(),
                   (one.rank_static[0].optimizer.base() + one.rank_static[3].optimizer.base()) / 2);
}

TEST(RankStatic, FollowsThePlacementOfThePlan) {
  const ModelSpec model = named("llama3_8b");
  ParallelPlan plan = plan_of(model, 1, 4, 1, 2);
  plan.stage_rank = {{0, 1, 2, 3, 3, 2, 1, 0}};  // a V: embedding and head on rank 0
  const MemoryModel v = memory_model(model, kAnyCluster, plan, transformer_engine(1, 4096), 1);
  const double vocabulary = 2.0 * 128256 * 4096;
  EXPECT_NEAR(v.rank_static[0].weights.base() - v.rank_static[1].weights.base(), 2 * vocabulary,
              1e5);
}

}  // namespace
}  // namespace plumbline
