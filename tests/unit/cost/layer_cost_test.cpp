// Layers against what papers measured of them, and the rules of what stays exposed.
#include "sim/cost/layer_cost.h"

#include <gtest/gtest.h>

#include "tests/unit/cost/cost_fixture.h"

namespace plumbline {
namespace {

// Korthikanti et al., Table 4: one layer of the 22B model, b = 4, s = 2048, t = 8, milliseconds.
class Korthikanti22B : public testing::Test {
 protected:
  LayerCost cost(Recompute recompute, bool sequence_parallel) {
    TrainingOptions training = training_of("megatron_lm_2022", 2048, 4);
    training.attention = AttentionKernel::kUnfused;
    training.precision = Precision::kFp16;
    training.recompute = recompute;
    ParallelOptions options;
    options.tensor = 8;
    options.sequence_parallel = sequence_parallel;
    const Cluster cluster = selene(1);
    const ModelSpec model = gpt_22b();
    const ParallelPlan plan = make_plan(model, cluster, options, {}, training);
    const KernelTimes kernels(cluster);
    return LayerPricer(model, plan, training, kernels).layer(0, recompute == Recompute::kFull);
  }
  static void expect_near(Seconds priced, double measured_ms, double tolerance) {
    EXPECT_NEAR(priced.base() * 1e3, measured_ms, tolerance * measured_ms);
  }
};

TEST_F(Korthikanti22B, ForwardAndBackwardAreWithinEightPercentOfTheMeasurement) {
  const LayerCost baseline = cost(Recompute::kNone, false);
  expect_near(baseline.forward.total(), 7.7, 0.08);
  expect_near(baseline.backward.total(), 11.9, 0.08);
}

TEST_F(Korthikanti22B, FullRecomputeTakesAnotherForward) {
  expect_near(cost(Recompute::kFull, false).backward.total(), 19.5, 0.08);
}

TEST_F(Korthikanti22B, SelectiveRecomputeTakesTheAttentionCoreOnly) {
  expect_near(cost(Recompute::kSelective, false).backward.total(), 13.2, 0.08);
}

TEST_F(Korthikanti22B, SequenceParallelismShortensTheForward) {
  const LayerCost shared = cost(Recompute::kNone, true);
  expect_near(shared.forward.total(), 7.2, 0.08);
  EXPECT_LT(shared.forward.total(), cost(Recompute::kNone, false).forward.total());
}

class Llama8B : public testing::Test {
 protected:
  LayerCost cost(const TrainingOptions& training, const ParallelOptions& options, int nodes = 1) {
    const Cluster cluster = eos(nodes);
    const ParallelPlan plan = make_plan(model_, cluster, options, {}, training);
    const KernelTimes kernels(cluster);
    return LayerPricer(model_, plan, training, kernels).layer(0, false);
  }
  static ParallelOptions tensor(int size, bool sequence_parallel = true) {
    ParallelOptions options;
    options.tensor = size;
    options.sequence_parallel = sequence_parallel;
    return options;
  }
  static TrainingOptions batch(TrainingOptions training, const ParallelOptions& options) {
    training.global_batch_size = training.micro_batch_size * 8 / options.tensor;
    return training;
  }
  void use_eight_experts() {
    model_.moe.emplace();
    model_.moe->experts = 8;
    model_.moe->top_k = 2;
    model_.moe->expert_ffn = 14336;
  }
  ModelSpec model_ = llama3_8b();
};

TEST_F(Llama8B, NoTensorParallelismMeansNoTensorCommunication) {
  const ParallelOptions alone;
  const LayerCost c = cost(batch(training_of("megatron_core_2025", 8192, 1), alone), alone);
  EXPECT_EQ(c.forward.tensor_comm, Seconds(0));
  EXPECT_EQ(c.backward.tensor_comm, Seconds(0));
}

TEST_F(Llama8B, MoreOverlapLeavesLessCommunicationExposed) {
  const ParallelOptions four = tensor(4);
  TrainingOptions training = batch(training_of("megatron_core_2025", 8192, 1), four);
  const auto exposed = [&](TensorOverlap overlap) {
    training.software.tensor_overlap = overlap;
    const LayerCost c = cost(training, four);
    return c.forward.tensor_comm + c.backward.tensor_comm;
  };
  const Seconds none = exposed(TensorOverlap::kNone);
  const Seconds async = exposed(TensorOverlap::kAsyncBackward);
  const Seconds buffers = exposed(TensorOverlap::kUserBuffers);
  EXPECT_GT(none, async);
  EXPECT_GT(async, buffers);
  EXPECT_GE(buffers, Seconds(0));
}

TEST_F(Llama8B, ASplitBackwardComputesWhatTheWholeOneDoes) {
  const ParallelOptions alone;
  const LayerCost c = cost(batch(training_of("megatron_core_2025", 8192, 1), alone), alone);
  EXPECT_DOUBLE_EQ((c.input_grad.compute + c.weight_grad.compute).base(),
                   c.backward.compute.base());
}

TEST_F(Llama8B, EightBitsAreFasterButNotTwiceAsFast) {
  const ParallelOptions alone;
  TrainingOptions training = batch(training_of("megatron_core_2025", 8192, 1), alone);
  const Seconds sixteen = cost(training, alone).forward.total();
  training.precision = Precision::kFp8;
  const Seconds eight = cost(training, alone).forward.total();
  EXPECT_LT(eight, sixteen);
  EXPECT_GT(eight, sixteen / 2);
}

TEST_F(Llama8B, CurrentScalingReadsItsOperandsOnceMoreThanDelayed) {
  const ParallelOptions alone;
  TrainingOptions training = batch(training_of("megatron_core_2025", 8192, 1), alone);
  training.precision = Precision::kFp8;
  training.software.fp8_recipe = Fp8Recipe::kDelayed;
  const Seconds delayed = cost(training, alone).forward.total();
  training.software.fp8_recipe = Fp8Recipe::kCurrent;
  EXPECT_GT(cost(training, alone).forward.total(), delayed);
}

TEST_F(Llama8B, AHostThatLaunchesSlowlyIsAFloor) {
  const ParallelOptions alone;
  TrainingOptions training = batch(training_of("megatron_core_2025", 8192, 1), alone);
  training.software.host_forward_per_layer = Seconds(0.5);
  const LayerCost c = cost(training, alone);
  EXPECT_DOUBLE_EQ(c.forward.total().base(), 0.5);
  EXPECT_GT(c.forward.host, Seconds(0));
  EXPECT_EQ(c.backward.host, Seconds(0));
}

TEST_F(Llama8B, RecomputedModulesCostTheirForward) {
  const ParallelOptions alone;
  TrainingOptions training = batch(training_of("megatron_core_2025", 8192, 1), alone);
  training.recompute = Recompute::kModules;
  training.recompute_modules = {"core_attn"};
  const Seconds attention = cost(training, alone).backward.recompute;
  training.recompute_modules = {"core_attn", "mlp"};
  const Seconds both = cost(training, alone).backward.recompute;
  training.recompute = Recompute::kSelective;
  EXPECT_GT(attention, Seconds(0));
  EXPECT_GT(both, attention);
  EXPECT_EQ(cost(training, alone).backward.recompute, attention);
}

TEST_F(Llama8B, ExpertsCutOverNodesAndFewNicsPayForThem) {
  use_eight_experts();
  TrainingOptions training = training_of("megatron_core_2024", 4096, 1);
  training.global_batch_size = 16;
  const auto expert_comm = [&](const ParallelOptions& options, const Cluster& cluster) {
    const ParallelPlan plan = make_plan(model_, cluster, options, {}, training);
    const KernelTimes kernels(cluster);
    return LayerPricer(model_, plan, training, kernels).layer(0, false).forward.expert_comm;
  };
  Cluster fast = eos(2), slow = eos(2), shared = eos(2);
  slow.inter_node = read_link(profile("ethernet_100"));
  shared.nics_per_node = 1;
  ParallelOptions cut;
  cut.expert = 1;
  cut.expert_tensor = 16;
  EXPECT_GT(expert_comm(cut, slow), 2.0 * expert_comm(cut, fast));
  EXPECT_GT(expert_comm(cut, shared), 2.0 * expert_comm(cut, fast));
  ParallelOptions spread;
  spread.expert = 8;
  spread.expert_tensor = 2;
  EXPECT_GT(expert_comm(spread, shared), 4.0 * expert_comm(spread, fast));
}

TEST_F(Llama8B, RecomputedMixturesDispatchAgain) {
  use_eight_experts();
  TrainingOptions training = training_of("megatron_core_2024", 4096, 1);
  training.global_batch_size = 8;
  ParallelOptions options;
  options.expert = 8;
  const LayerCost plain = cost(training, options);
  training.recompute = Recompute::kModules;
  training.recompute_modules = {"moe"};
  const LayerCost again = cost(training, options);
  EXPECT_DOUBLE_EQ((again.backward.expert_comm - plain.backward.expert_comm).base(),
                   plain.forward.expert_comm.base());
  // The dense feed-forward is none of a mixture's modules.
  training.recompute_modules = {"mlp"};
  EXPECT_EQ(cost(training, options).backward.recompute, Seconds(0));
}

TEST_F(Llama8B, ShardedExpertsAreGatheredAmongTheirReplicas) {
  use_eight_experts();
  TrainingOptions training = training_of("megatron_core_2024", 4096, 1);
  training.global_batch_size = 8;
  // One copy of every expert among the eight GPUs: only the attention is gathered.
  ParallelOptions options;
  options.expert = 8;
  options.zero_stage = 3;
  const Seconds once = cost(training, options).forward.data_comm;
  options.expert = 1;
  EXPECT_GT(cost(training, options).forward.data_comm, once);
}

TEST_F(Llama8B, RingContextParallelismHidesItsExchangeInsideANode) {
  ParallelOptions ring;
  ring.context = 4;
  TrainingOptions training = training_of("megatron_core_2025", 32768, 1);
  training.global_batch_size = 2;
  const LayerCost c = cost(training, ring);
  EXPECT_LT(c.forward.context_comm, c.forward.total() * 0.05);
}

}  // namespace
}  // namespace plumbline
