// Prices of a step, bytes of weights and cache, named engines: against checkpoints, vLLM's printed
// figures and sums over measured tables.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "models/model_reader.h"
#include "sim/cluster/device.h"
#include "sim/cluster/read_profile.h"
#include "sim/core/diagnostic.h"
#include "sim/kernels/kernel_times.h"
#include "sim/kernels/layer_table.h"
#include "sim/plan/parallel_plan.h"
#include "sim/plan/serving_options.h"
#include "sim/serving/closed_loop.h"
#include "sim/serving/software.h"
#include "sim/serving/step_prices.h"
#include "sim/serving/token_work.h"
#include "sim/serving/weights.h"
#include "tests/unit/serving_costs/served.h"

namespace plumbline {
namespace {

using test::decodes;
using test::kGiB;
using test::kRoot;
using test::Served;

TEST(ServedWeights, OfKimiK25InInt4AreTheBytesOfItsCheckpoint) {
  Served kimi("kimi_k2_5", "h100_sxm_80g", "nvlink4");
  kimi.options.precision = WeightPrecision::kInt4;
  EXPECT_NEAR(kimi.weights() / 594e9, 1.0, 0.005);
}

TEST(ServedWeights, OfDeepSeekV3InFp8AreItsParametersAndScales) {
  // 671e9 parameters (arXiv:2412.19437), of which embedding and head keep two bytes, norms and
  // router are small, and every other weight has one byte and 4/16384 of a scale.
  Served deepseek("deepseek_v3", "h200_sxm_141g", "nvlink4");
  deepseek.options.precision = WeightPrecision::kFp8;
  const double wide = 2 * 129280.0 * 7168;
  EXPECT_NEAR(deepseek.weights() / (671.0e9 * (1 + 4.0 / 16384) + wide), 1.0, 0.003);
}

TEST(ServedWeights, FallWithTheStagesWhileTheCacheOfAFixedMicroBatchDoesNot) {
  Served llama("llama3_70b", "h100_sxm_80g", "nvlink4");
  const double whole = llama.weights();
  const double micro_batch = 16, context = 4096;
  const double cache_of_one = micro_batch * context * 80 * 4096;  // 80 layers of 2 x 8 x 128 x 2 B
  for (const int stages : {2, 4, 8}) {
    llama.spread(1, stages);
    EXPECT_DOUBLE_EQ(llama.weights(), whole) << stages;
    const KvCapacity kv = serving_resources(llama.view()).kv;
    // Stages in flight: each holds a micro-batch of its own in the layers of every stage.
    EXPECT_DOUBLE_EQ(kv.bytes_per_token_per_gpu * micro_batch * context * stages, cache_of_one);
  }
}

TEST(KvCapacity, OfEightBillionParametersOn24GiBLeavesOutWhatVllmPrintedAndIsEightPercentNear) {
  // A GPU of 24 GiB at 0.9 with 14.96 GiB of weights has room for 3,400 blocks of 16 tokens and 2
  // MiB; vLLM had 1.27 GiB more in use, which our assumptions about context and graphs reproduce.
  // Its 2,588 blocks mean that 0.32 GiB more were missing, which nobody explained (not all of the
  // 24 GiB may have been there): 160 blocks, 6 %, that we do not have either.
  Served llama("llama3_8b", "rtx_4090_24g", "pcie4_x16");
  llama.cluster.device.usable_memory = Bytes(24 * kGiB);
  llama.options.batching.max_num_batched_tokens = 2048;
  const ServingResources resources = serving_resources(llama.view());
  const ServingStageMemory& memory = resources.stages[0];
  EXPECT_NEAR(memory.weights / kGiB, 14.96, 0.01);
  EXPECT_EQ(std::floor((memory.limit - memory.weights) / (2 * 1024 * 1024)), 3400);
  const double others = memory.activations + memory.cuda_graphs + memory.framework;
  EXPECT_NEAR(others / kGiB, 1.27, 0.05);
  EXPECT_NEAR(static_cast<double>(resources.kv.blocks), 2588, 0.08 * 2588);
  EXPECT_TRUE(resources.fits);
}

TEST(KvCapacity, TakesTheStageWithTheLeastRoomOrTheBlocksThatAreStated) {
  Served llama("llama3_70b", "h100_sxm_80g", "nvlink4", 1, 4);
  const ServingResources even = serving_resources(llama.view());
  llama.plan.stages = {
      {0, 26, true, false}, {26, 44, false, false}, {44, 62, false, false}, {62, 80, false, true}};
  const ServingResources uneven = serving_resources(llama.view());
  EXPECT_LT(uneven.kv.blocks, even.kv.blocks);
  EXPECT_EQ(uneven.kv.limited_by.substr(0, 7), "stage 0");
  EXPECT_DOUBLE_EQ(uneven.kv.bytes_per_token_by_stage[0], 26 * 4096.0);
  llama.options.kv_cache.num_gpu_blocks = 1234;
  EXPECT_EQ(serving_resources(llama.view()).kv.blocks, 1234);
}

TEST(KvCapacity, SaysWhyAModelDoesNotFit) {
  Served kimi("kimi_k2_5", "h100_sxm_80g", "nvlink4");
  kimi.options.precision = WeightPrecision::kInt4;
  const ServingResources resources = serving_resources(kimi.view());
  EXPECT_FALSE(resources.fits);
  EXPECT_EQ(resources.kv.blocks, 0);
  EXPECT_NE(resources.why_not.find("before any KV block"), std::string::npos);
}

TEST(KvCapacity, KeepsLatentsOnEveryTensorRankAndHalvesBytesInFp8) {
  Served deepseek("deepseek_v3", "h200_sxm_141g", "nvlink4", 8);
  EXPECT_DOUBLE_EQ(kv_bytes_per_layer(deepseek.model, 8, KvPrecision::kBf16), 2 * 576);
  EXPECT_DOUBLE_EQ(kv_bytes_per_layer(deepseek.model, 1, KvPrecision::kFp8), 576);
  const ModelSpec llama = find_model(kRoot + "/models", "llama3_70b");
  EXPECT_DOUBLE_EQ(kv_bytes_per_layer(llama, 4, KvPrecision::kBf16), 2 * 2 * 2 * 128);
  EXPECT_DOUBLE_EQ(kv_bytes_per_layer(llama, 16, KvPrecision::kBf16), 2 * 2 * 1 * 128);
}

TEST(LayerTable, GivesMeasuredTimesVerbatimAndHeldOutOnesNearby) {
  const DeviceSpec device = read_device(kRoot + "/hardware_profiles/rtx_pro_6000_96g.yaml");
  const ModelShape llama{"", 1, 4096, 32, 8, 128, 14336, 128256, 0, 0, 0};
  const auto table = LayerTable::find(device, llama);
  ASSERT_TRUE(table);
  // LLMServingSim 5daddb2, RTXPRO6000/meta-llama/Llama-3.1-8B: dense.csv and attention.csv.
  EXPECT_DOUBLE_EQ(table->layer("qkv_proj")->at(512), 92.8e-6);
  EXPECT_DOUBLE_EQ(table->layer("lm_head")->at(1), 714.006e-6);
  EXPECT_NEAR(table->attention(0, 0, 1, 16), 8.352e-6, 1e-12);
  EXPECT_DOUBLE_EQ(table->attention(0, 0, 0, 0), 0.0);
  ModelShape other = llama;
  other.hidden = 4097;
  EXPECT_FALSE(LayerTable::find(device, other));
}

TEST(StepPrice, IsTheSumOfTheMeasuredLayers) {
  Served llama("llama3_8b", "rtx_pro_6000_96g", "pcie5_x16");
  const auto table =
      LayerTable::find(llama.cluster.device, {"", 1, 4096, 32, 8, 128, 14336, 128256, 0, 0, 0});
  const auto at = [&](const char* layer, double size) { return table->layer(layer)->at(size); };
  // Eight decodes of equal contexts; 8 is a captured size.
  double layer = 2 * at("layernorm", 8);
  for (const char* name :
       {"qkv_proj", "rotary_emb", "o_proj", "gate_up_proj", "act_fn", "down_proj"}) {
    layer += at(name, 8);
  }
  const double kernels = 32 * (layer + table->attention(0, 0, 8, 1024)) + at("embedding", 8) +
                         at("final_layernorm", 8) + at("lm_head", 8) + at("sampler", 8);
  llama.options.software = "kernels_only";
  const auto prices = make_step_prices(llama.view());
  EXPECT_NEAR(prices->stage_time(0, decodes(8, 1023)).base(), kernels, 1e-9 * kernels);
  // Seven run in the graph of eight, with less attention.
  EXPECT_LT(prices->stage_time(0, decodes(7, 1023)).base(), kernels);
  EXPECT_GT(prices->stage_time(0, decodes(7, 1023)).base(), 0.95 * kernels);

  llama.options.software = "vllm_v1_async";
  StepWork mixed = decodes(8, 1023);
  mixed.add_chunk(504, 0);
  const auto engine = make_step_prices(llama.view());
  const ServingSoftware& vllm = serving_software("vllm_v1_async");
  EXPECT_NEAR((engine->stage_time(0, mixed) - prices->stage_time(0, mixed)).base(),
              (vllm.step_gap + 32.0 * vllm.chunk_gap_per_layer).base(), 1e-12);
}

// 8 heads of 32 sequences do not fill 188 multiprocessors twice: they are split, and evenly. Those
// of 64 do, and the batch waits for the one that is walked longest.
TEST(StepPrice, OfUnequalContextsWaitsForTheLongestOnceSequencesAreWalkedWhole) {
  Served llama("llama3_8b", "rtx_pro_6000_96g", "pcie5_x16");
  const auto prices = make_step_prices(llama.view());
  const auto longer = [&](int count) {  // than with all at the mean, 1,024 tokens
    StepWork unequal = decodes(count - 1, 959);
    unequal.add_decode(959 + 64 * count);
    unequal.emitting = count;
    return (prices->stage_time(0, unequal) - prices->stage_time(0, decodes(count, 1023))).base();
  };
  EXPECT_NEAR(longer(32), 0.0, 1e-12);
  const auto table =
      LayerTable::find(llama.cluster.device, {"", 1, 4096, 32, 8, 128, 14336, 128256, 0, 0, 0});
  const double even = table->attention(0, 0, 64, 1024);
  const double walk = 34e-9 * std::pow(64 * 8 / 188.0, 0.45);  // seconds a token
  const double most = walk * (960 + 64 * 64), usual = std::min(even, walk * 1024);
  EXPECT_NEAR(longer(64),
              32 * (std::cbrt(std::pow(even, 3) + std::pow(most, 3) - std::pow(usual, 3)) - even),
              1e-9);
}

TEST(StepPrice, BetweenTabulatedSizesIsWithinSixPercentOfPricingTheSizeItself) {
  Served llama("llama3_70b", "h100_sxm_80g", "nvlink4", 4);
  llama.options.software = "kernels_only";
  llama.options.cuda_graphs = false;
  const auto prices = make_step_prices(llama.view());
  const ServedModel view = llama.view();
  const TokenWork exact(view, nullptr);
  for (const std::int64_t tokens : {37, 100, 333, 1000, 1500, 3000, 5000, 7777}) {
    StepWork work, next;
    work.add_chunk(tokens, 0);
    next.add_chunk(tokens, 0);
    next.emitting = 1;
    // The head's share is known; what remains beside the attention is embedding, layers and norm.
    const double head = (prices->stage_time(0, next) - prices->stage_time(0, work)).base();
    EXPECT_GT(head, 0);
    AttentionQuery query;
    query.dtype = "bf16";
    query.heads = 16;
    query.kv_heads = 2;
    query.query_tokens = query.kv_tokens = static_cast<double>(tokens);
    query.serving = true;
    const double t = static_cast<double>(tokens);
    WorkTime work_of_all = 80 * (exact.layer(0, t) + exact.layer_communication(t));
    work_of_all += exact.embedding(t) + exact.embedding_communication(t) + exact.final_norm(t);
    const double sum = work_of_all.seconds + 80 * llama.kernels->attention(query).sustained.base();
    EXPECT_NEAR(prices->stage_time(0, work).base() / sum, 1.0, 0.06) << tokens;
  }
}

TEST(StepPrice, OfAStageHasItsLayersAndTheHeadOnlyOnTheLast) {
  Served llama("llama3_70b", "h100_sxm_80g", "nvlink4", 1, 8);
  llama.options.software = "kernels_only";
  const auto stages = make_step_prices(llama.view());
  llama.spread(1, 1);
  const auto whole = make_step_prices(llama.view());
  const StepWork work = decodes(32, 4000);
  double sum = 0;
  for (int s = 0; s < 8; ++s) sum += stages->stage_time(s, work).base();
  EXPECT_NEAR(sum, whole->stage_time(0, work).base(), 1e-9 * sum);
  EXPECT_GT(stages->stage_time(7, work).base(), stages->stage_time(6, work).base());
  EXPECT_EQ(stages->stage_time(1, work).base(), stages->stage_time(6, work).base());
  EXPECT_GT(stages->hop_time(0, work).base(), 0.0);
}

// Eight GPUs of a node behind one NIC or two: what crosses takes (1/1 - 1/2) of a NIC's time
// longer.
TEST(StepPrice, BetweenNodesIsWhatTheNicsOfANodeAllow) {
  Served llama("llama3_70b", "h100_sxm_80g", "nvlink4", 16);
  llama.options.software = "kernels_only";
  llama.cluster.nodes = 2;
  StepWork chunk;
  chunk.add_chunk(8192, 0);
  const auto longer = [&](const auto& time) {
    llama.cluster.nics_per_node = 1;
    const double one = time(*make_step_prices(llama.view()));
    llama.cluster.nics_per_node = 2;
    return one - time(*make_step_prices(llama.view()));
  };
  const double nic = llama.cluster.inter_node.collective_bandwidth.value.base();
  const double hidden = 2.0 * 8192 * 8192;  // bytes of the hidden states
  // Two all-reduces a layer and one behind the embedding, 2 (n - 1) / n of the buffer each.
  const double reduced = (2 * 80 + 1) * hidden * 2 * 15 / 16;
  EXPECT_NEAR(longer([&](const StepPrices& p) { return p.stage_time(0, chunk).base(); }),
              reduced / nic * (1 - 1.0 / 2), 0.01 * reduced / nic);
  llama.spread(1, 2);
  llama.plan.hop_inside_node.assign(2, false);
  // Hidden states and residual, from eight GPUs at once.
  EXPECT_NEAR(longer([&](const StepPrices& p) { return p.hop_time(0, chunk).base(); }),
              2 * hidden / nic * (8 - 4), 0.01 * hidden / nic);
}

TEST(StepPrice, WeightsInFewerBitsMakeSmallBatchesFaster) {
  Served llama("llama3_70b", "h100_sxm_80g", "nvlink4", 4);
  const StepWork few = decodes(4, 1000);
  const double wide = make_step_prices(llama.view())->stage_time(0, few).base();
  llama.options.precision = WeightPrecision::kFp8;
  const double eight = make_step_prices(llama.view())->stage_time(0, few).base();
  llama.options.precision = WeightPrecision::kInt4;
  const double four = make_step_prices(llama.view())->stage_time(0, few).base();
  EXPECT_LT(eight, 0.8 * wide);
  EXPECT_LT(four, 0.8 * eight);
  llama.cluster.device = read_device(kRoot + "/hardware_profiles/a100_sxm_80g.yaml");
  llama.options.precision = WeightPrecision::kFp8;
  EXPECT_THROW(make_step_prices(llama.view()), InputError);
}

TEST(StepPrice, OfReplicasInLockStepWaitsForTheSlowestAndSharesTheExperts) {
  Served qwen("qwen3_30b_a3b", "rtx_pro_6000_96g", "pcie5_x16");
  qwen.plan.data = qwen.plan.expert = 2;
  qwen.options.data_parallel_lock_step = true;
  const auto prices = make_step_prices(qwen.view());
  const StepWork busy = decodes(64, 2000), light = decodes(1, 10), idle;
  const auto step = [&](const StepWork& a, const StepWork& b) {
    const StepWork* both[] = {&a, &b};
    return prices->lock_step_time(0, both).base();
  };
  EXPECT_EQ(step(busy, light), step(light, busy));
  EXPECT_EQ(step(busy, idle), step(busy, light));  // padded alike, and the busy one is waited for
  EXPECT_GT(step(busy, idle), step(light, idle));
}

TEST(ClosedLoop, WaitsForSeatsWhereTheCacheIsTooSmall) {
  Served llama("llama3_8b", "h100_sxm_80g", "nvlink4");
  llama.options.kv_cache.num_gpu_blocks = 8 * (1024 + 64) / 16;
  const ServedModel view = llama.view();
  const auto prices = make_step_prices(view);
  const ServingResources resources = serving_resources(view);
  const auto all = steady_closed_loop(llama.options, resources, *prices, {32, 1024, 128});
  const auto eight = steady_closed_loop(llama.options, resources, *prices, {8, 1024, 128});
  EXPECT_EQ(all.running, 8);
  EXPECT_DOUBLE_EQ(all.tpot.base(), eight.tpot.base());
  EXPECT_NEAR(all.e2e.base(), 4 * eight.e2e.base(), 1e-9);  // Little's law
}

TEST(EngineAllReduce, IsNeverSlowerThanNcclAndFarFasterForASmallMessage) {
  const Served llama("llama3_70b", "h100_sxm_80g", "nvlink4");
  CollectiveQuery query;
  query.ranks = query.ranks_per_node = 8;
  for (const double bytes : {16384.0, 1048576.0, 67108864.0}) {
    query.bytes = Bytes(bytes);
    query.op = Collective::kAllReduce;
    const double nccl = llama.kernels->collective(query).sustained.base();
    query.op = Collective::kEngineAllReduce;
    EXPECT_LE(llama.kernels->collective(query).sustained.base(), nccl) << bytes;
  }
  query.bytes = Bytes(65536);
  EXPECT_NEAR(llama.kernels->collective(query).sustained.base(), 6.411e-6, 1e-12);
}

TEST(ServingSoftware, CapturesGraphsForTheSizesOfVllm) {
  const auto sizes = cuda_graph_sizes(256);
  EXPECT_EQ(sizes.size(), 3u + 32u + 16u);
  EXPECT_EQ(sizes.back(), 512);
  EXPECT_EQ(cuda_graph_sizes(8), (std::vector<std::int64_t>{1, 2, 4, 8, 16}));
}

TEST(ServingSoftware, DecidesHowManyBatchesAreInFlight) {
  Served llama("llama3_8b", "h100_sxm_80g", "nvlink4");
  const auto in_flight = [&](const char* software, int stages) {
    llama.options.software = software;
    llama.spread(1, stages);
    return serving_resources(llama.view()).in_flight_batches;
  };
  EXPECT_EQ(in_flight("vllm_v1_sync", 1), 1);
  EXPECT_EQ(in_flight("vllm_v1_async", 1), 2);
  EXPECT_EQ(in_flight("vllm_v1_sync", 4), 4);
  EXPECT_EQ(in_flight("vllm_v1_async", 4), 5);
  EXPECT_THROW(in_flight("vllm_v9", 1), InputError);
}

}  // namespace
}  // namespace plumbline
