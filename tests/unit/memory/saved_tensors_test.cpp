#include "sim/memory/saved_tensors.h"

#include <gtest/gtest.h>

#include "tests/unit/memory/memory_fixture.h"

namespace plumbline {
namespace {

double bytes_per_token(const ModelSpec& model, const TrainingOptions& training, bool moe = false,
                       int tensor = 1) {
  return megatron_layer(model, plan_of(model, tensor, 1), training, moe, false).saved /
         static_cast<double>(training.sequence_length);
}

TEST(TransformerEngineLayer, OfLlama70BKeepsTheseTensors) {
  // 4h + 4h norms, 2(a+2g)d q, k, v, 2ad attention output, 4a log-sum-exp, 4f + 2f.
  const double h = 8192, d = 128, a = 64, g = 8, f = 28672;
  EXPECT_DOUBLE_EQ(bytes_per_token(named("llama3_70b"), transformer_engine(1, 4096)),
                   8 * h + 2 * (a + 2 * g) * d + 2 * a * d + 4 * a + 6 * f);
}

TEST(TransformerEngineLayer, IsSplitByTheTensorGroup) {
  const ModelSpec model = named("llama3_70b");
  const TrainingOptions training = transformer_engine(1, 4096);
  EXPECT_DOUBLE_EQ(bytes_per_token(model, training, false, 8),
                   bytes_per_token(model, training) / 8);
}

TEST(TransformerEngineLayer, OfDeepSeekKeepsTheCompressionsAndTheExpertsOfATokensChoice) {
  const double h = 5120, a = 128, q_rank = 1536, kv_rank = 512, qk = 192, v = 128;
  const double attention =
      4 * h + 4 * q_rank + 4 * kv_rank + 2 * a * (2 * qk + v) + 2 * a * v + 4 * a;
  const double moe = 4 * h + 6 * 3072 + 6 * (2 * h + 6 * 1536) + 4 * 160;
  EXPECT_DOUBLE_EQ(bytes_per_token(named("deepseek_v2"), transformer_engine(1, 4096), true),
                   attention + moe);
}

TEST(TransformerEngineLayer, GrowsWithTheImbalanceOfTheExperts) {
  const ModelSpec model = named("mixtral_8x7b");
  TrainingOptions training = transformer_engine(1, 4096);
  const double balanced = bytes_per_token(model, training, true);
  training.software.moe_imbalance = 1.5;
  EXPECT_DOUBLE_EQ(bytes_per_token(model, training, true) - balanced,
                   0.5 * 2 * (2 * 4096 + 6 * 14336.0));
}

TEST(Recompute, OfTheFeedForwardKeepsItsInputAndBringsTheRestBackInB) {
  const ModelSpec model = named("llama3_70b");
  const ParallelPlan plan = plan_of(model, 1, 1);
  TrainingOptions training = transformer_engine(1, 4096);
  const LayerActivations all = megatron_layer(model, plan, training, false, false);
  training.recompute = Recompute::kModules;
  training.recompute_modules = {"mlp"};
  const LayerActivations less = megatron_layer(model, plan, training, false, false);
  const double dropped = 4096.0 * (2 * 8192 + 6 * 28672);
  EXPECT_DOUBLE_EQ(all.saved - less.saved, dropped);
  EXPECT_DOUBLE_EQ(less.backward_peak - all.backward_peak, dropped);
}

TEST(Recompute, OfMlaAndExpertModulesDropsWhatTheirNamesSay) {
  const ModelSpec model = named("deepseek_v3");
  const double h = 7168, a = 128;
  const auto dropped = [&](const std::string& module) {
    TrainingOptions training = transformer_engine(1, 4096);
    const double all = bytes_per_token(model, training, true);
    training.recompute = Recompute::kModules;
    training.recompute_modules = {module};
    return all - bytes_per_token(model, training, true);
  };
  EXPECT_DOUBLE_EQ(dropped("mla_up_proj"), 2 * a * (2 * 192 + 128));
  EXPECT_DOUBLE_EQ(dropped("moe_act"), 2 * 8 * 2048);
  EXPECT_DOUBLE_EQ(dropped("layernorm"), 4 * h);
  EXPECT_DOUBLE_EQ(dropped("shared_experts"), 6 * 2048);
  EXPECT_DOUBLE_EQ(dropped("moe"), 6 * 2048 + 8 * (2 * h + 6 * 2048) + 4 * 256);
  EXPECT_DOUBLE_EQ(dropped("core_attn"), 4 * a);
}

TEST(Recompute, OfAGivenNumberOfLayersLeavesTheOthersAlone) {
  const ModelSpec model = named("gpt3_175b");
  const ParallelPlan plan = plan_of(model, 8, 8);
  TrainingOptions training = megatron_2022(1, 2048);
  const auto stage = [&] {
    return memory_model(model, kAnyCluster, plan, training, 1).stages[3].activations.base();
  };
  const double none = stage();
  training.recompute = Recompute::kFull;
  const double full = stage();
  training.recompute_layers_per_stage = 5;
  EXPECT_DOUBLE_EQ(stage(), 5 * full / 12 + 7 * none / 12);
}

TEST(Recompute, LeavesTheStageOfTheHeadAloneWhereTheSoftwareDoes) {
  const ModelSpec model = named("gpt3_175b");
  TrainingOptions training = megatron_2022(1, 2048);
  training.recompute = Recompute::kFull;
  training.software.recompute_last_stage = false;
  const MemoryModel memory = memory_model(model, kAnyCluster, plan_of(model, 8, 8), training, 1);
  EXPECT_GT(memory.stages[7].activations, 5 * memory.stages[6].activations);
}

TEST(ContextParallelism, DividesTheTokensAndUlyssesKeepsOneOutputMore) {
  const ModelSpec model = named("llama3_70b");
  ParallelPlan plan = plan_of(model, 1, 1);
  const TrainingOptions training = transformer_engine(1, 32768);
  const double whole = megatron_layer(model, plan, training, false, false).saved;
  plan.context = 8;
  const double ring = megatron_layer(model, plan, training, false, false).saved;
  EXPECT_DOUBLE_EQ(ring, whole / 8);
  plan.ulysses = true;
  EXPECT_DOUBLE_EQ(megatron_layer(model, plan, training, false, false).saved - ring,
                   4096.0 * 2 * 64 * 128);
}

TEST(SplitBackward, NeedsTheLinearLayersInputsAndOutputGradientsForW) {
  // A GPT: inputs 2h + 2h + 2h + 8h, output gradients 6h + 2h + 8h + 2h.
  const ModelSpec model = named("gpt_22b");
  const LayerActivations layer =
      megatron_layer(model, plan_of(model, 1, 1), megatron_2022(4, 2048), false, false);
  EXPECT_DOUBLE_EQ(layer.weight_grad, 32 * 6144.0 * 4 * 2048);
}

TEST(EightBitTraining, KeepsLinearInputsInOneByte) {
  const ModelSpec model = named("llama3_70b");
  TrainingOptions training = transformer_engine(1, 4096);
  const double bf16 = bytes_per_token(model, training);
  training.precision = Precision::kFp8;
  // Two norm outputs and the activation in 8 bits; the projection's input as well as attention's.
  EXPECT_DOUBLE_EQ(bf16 - bytes_per_token(model, training), 2 * 8192 + 28672 - 64 * 128);
}

TEST(CrossEntropy, KeepsTwoOrFourBytesOfALogit) {
  const ModelSpec model = named("llama3_8b");
  const ParallelPlan plan = plan_of(model, 1, 1);
  TrainingOptions training = transformer_engine(2, 8192);
  const double logits = 2.0 * 8192 * 128256;
  training.software.cross_entropy = CrossEntropy::kTransformerEngine;
  EXPECT_DOUBLE_EQ(head_activations(model, plan, training).logits, 2 * logits);
  training.software.cross_entropy = CrossEntropy::kUnfused;
  const HeadActivations unfused = head_activations(model, plan, training);
  EXPECT_DOUBLE_EQ(unfused.logits, 4 * logits);
  EXPECT_DOUBLE_EQ(unfused.forward_peak_logits, 6 * logits);
}

TEST(UserBuffers, AreEightOfTokensTimesHidden) {
  const ModelSpec model = named("llama3_70b");
  TrainingOptions training = transformer_engine(1, 8192);
  const auto communication = [&](int tensor) {
    return memory_model(model, kAnyCluster, plan_of(model, tensor, 1), training, 1)
        .rank_static[0]
        .communication.base();
  };
  EXPECT_EQ(communication(8), 0.0);
  training.software.tensor_overlap = TensorOverlap::kUserBuffers;
  EXPECT_DOUBLE_EQ(communication(8), 8 * 2 * 8192.0 * 8192);
  EXPECT_EQ(communication(1), 0.0);
}

}  // namespace
}  // namespace plumbline
