// Gradients, parameters and the optimizer step of whole stages.
#include "sim/cost/data_parallel.h"

#include <gtest/gtest.h>

#include "tests/unit/cost/cost_fixture.h"

namespace plumbline {
namespace {

TrainingCosts price(const ParallelOptions& options, TrainingOptions training, int nodes,
                    const ModelSpec& model = llama3_8b()) {
  const Cluster cluster = eos(nodes);
  const int replicas = cluster.gpus() / (options.tensor * options.pipeline * options.context);
  training.global_batch_size = training.micro_batch_size * replicas * options.pipeline;
  const ParallelPlan plan = make_plan(model, cluster, options, {}, training);
  return price_training(model, cluster, plan, training, KernelTimes(cluster));
}

ParallelOptions pipeline(int stages, int zero_stage = 1) {
  ParallelOptions options;
  options.pipeline = stages;
  options.zero_stage = zero_stage;
  return options;
}

TEST(DataParallel, OneReplicaHasNothingToReduce) {
  const TrainingCosts costs = price(pipeline(8), training_of("megatron_core_2025", 4096, 1), 1);
  for (const DataParallelCost& stage : costs.data) {
    EXPECT_EQ(stage.reduce, Seconds(0));
    EXPECT_EQ(stage.gather, Seconds(0));
  }
}

TEST(DataParallel, OverlapLeavesOnlyTheLastBucket) {
  TrainingOptions training = training_of("megatron_core_2025", 4096, 1);
  const TrainingCosts hidden = price(pipeline(1), training, 4);
  training.software.data_overlap = false;
  const TrainingCosts exposed = price(pipeline(1), training, 4);
  EXPECT_LT(hidden.data[0].last_bucket, hidden.data[0].reduce);
  EXPECT_EQ(exposed.data[0].last_bucket, exposed.data[0].reduce);
}

TEST(DataParallel, ZeroOneShardsTheOptimizerAndGathersTheWeights) {
  const TrainingOptions training = training_of("megatron_core_2025", 4096, 1);
  const TrainingCosts replicated = price(pipeline(1, 0), training, 1);
  const TrainingCosts sharded = price(pipeline(1, 1), training, 1);
  EXPECT_EQ(replicated.data[0].gather, Seconds(0));
  EXPECT_GT(sharded.data[0].gather, Seconds(0));
  EXPECT_LT(sharded.optimizer[0], replicated.optimizer[0]);
}

TEST(DataParallel, Fp32GradientsMoveTwiceTheBytesOfBf16Ones) {
  TrainingOptions training = training_of("megatron_core_2025", 4096, 1);
  training.software.gradient_reduce_dtype = Precision::kBf16;
  const Seconds two = price(pipeline(1), training, 8).data[0].reduce;
  training.software.gradient_reduce_dtype = Precision::kFp32;
  const Seconds four = price(pipeline(1), training, 8).data[0].reduce;
  EXPECT_NEAR(four / two, 2.0, 0.1);
}

TEST(DataParallel, ZeroThreeGathersInsideTheOperations) {
  const TrainingOptions training = training_of("torchtitan_2024", 2048, 1);
  const TrainingCosts costs = price(pipeline(1, 3), training, 8);
  EXPECT_EQ(costs.data[0].reduce, Seconds(0));
  EXPECT_GT(costs.stages[0].forward.data_comm, Seconds(0));
}

TEST(Stages, TheHeadMakesTheLastStageTheSlowest) {
  const TrainingCosts costs = price(pipeline(8), training_of("megatron_core_2025", 4096, 1), 1);
  EXPECT_GT(costs.stages[7].forward.total(), costs.stages[3].forward.total());
  EXPECT_GT(costs.stages[0].backward.total(), costs.stages[3].backward.total());
}

TEST(Stages, SharedNicsSlowHopsDown) {
  ParallelOptions options;
  options.tensor = 8;
  options.pipeline = 2;
  TrainingOptions training = training_of("megatron_core_2025", 4096, 1);
  training.global_batch_size = 8;
  const ModelSpec model = llama3_8b();
  Cluster cluster = eos(2);
  const ParallelPlan plan = make_plan(model, cluster, options, {}, training);
  const auto hop = [&](int nics) {
    cluster.nics_per_node = nics;
    return price_training(model, cluster, plan, training, KernelTimes(cluster))
        .forward_hop[0]
        .latency;
  };
  EXPECT_GT(hop(2), hop(8));
}

}  // namespace
}  // namespace plumbline
