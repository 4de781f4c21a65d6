// What prices rest on: units, tables, power limit, groups; what stands in is said, what lacks
// refused.
#include "sim/serving/price_basis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/core/diagnostic.h"
#include "tests/unit/serving_costs/served.h"

namespace plumbline {
namespace {

using test::decodes;
using test::kRoot;
using test::Served;

// One GPU of every node in each group: everything crosses, and the slower network is the slower
// one.
TEST(StepPrice, OfGroupsAcrossNodesIsThatOfTheNetwork) {
  Served mixtral("mixtral_8x7b", "h100_sxm_80g", "nvlink4", 8);
  mixtral.cluster.nodes = mixtral.plan.data = 8;
  mixtral.plan.expert = 64;
  mixtral.plan.data_group = {8, 1};
  mixtral.options.data_parallel_lock_step = true;
  const StepWork busy = decodes(64, 500);
  const std::vector<const StepWork*> ranks(8, &busy);
  const auto shared = [&] { return make_step_prices(mixtral.view())->lock_step_time(0, ranks); };
  const auto alone = [&] { return make_step_prices(mixtral.view())->stage_time(0, busy); };
  const Seconds fast = shared(), inside = alone();
  mixtral.cluster.inter_node = read_link(kRoot + "/hardware_profiles/ethernet_100.yaml");
  mixtral.kernels = std::make_shared<KernelTimes>(mixtral.cluster);
  EXPECT_GT(shared(), 1.2 * fast);
  EXPECT_EQ(alone(), inside);
  mixtral.plan.tensor_group = {8, 1};  // a placement with the tensor ranks apart
  EXPECT_GT(alone(), 2.0 * inside);
}

bool says(const std::vector<std::string>& notes, const char* what) {
  return std::ranges::any_of(
      notes, [&](const std::string& note) { return note.find(what) != std::string::npos; });
}

TEST(StepPrice, UnderAnotherPowerLimitOrCacheIsNotTheMeasuredOne) {
  Served llama("llama3_8b", "rtx_pro_6000_96g", "pcie5_x16");
  StepWork chunk;
  chunk.add_chunk(4096, 0);
  const StepWork decode = decodes(64, 8000);
  const auto time = [&](const StepWork& work) {
    return make_step_prices(llama.view())->stage_time(0, work);
  };
  const Seconds before = time(decode);
  EXPECT_TRUE(measured_layers(llama.view()));
  llama.options.kv_cache_precision = KvPrecision::kFp8;
  EXPECT_LT(time(decode), before);  // half of the bytes
  EXPECT_TRUE(says(price_basis(llama.view()).notes, "16-bit cache"));
  llama.options.kv_cache_precision = KvPrecision::kBf16;
  for (const WeightPrecision precision : {WeightPrecision::kBf16, WeightPrecision::kInt4}) {
    llama.options.precision = precision;
    Seconds last(0);
    for (const double share : {0.8, 0.5}) {
      llama.cluster.power_limit_w = share * llama.cluster.device.power_limit_w;
      llama.kernels = std::make_shared<KernelTimes>(llama.cluster);
      EXPECT_FALSE(measured_layers(llama.view()));
      EXPECT_TRUE(says(price_basis(llama.view()).notes, "priced one by one"));
      EXPECT_GT(time(chunk), last);
      last = time(chunk);
    }
    EXPECT_NEAR(power_limit_clock(llama.view()),
                std::pow(0.5, llama.cluster.device.power_exponent.value), 1e-12);
  }
}

TEST(PriceBasis, StatesWhatStandsInAndRefusesWhatTheDeviceLacks) {
  Served llama("llama3_8b", "h100_sxm_80g", "nvlink4");
  const auto basis = [&](const char* gpu, WeightPrecision precision) {
    llama.cluster.device = read_device(kRoot + "/hardware_profiles/" + gpu + ".yaml");
    llama.kernels = std::make_shared<KernelTimes>(llama.cluster);
    llama.options.precision = precision;
    make_step_prices(llama.view());
    return price_basis(llama.view());
  };
  EXPECT_EQ(basis("h100_sxm_80g", WeightPrecision::kInt8).linear, "fp8");
  EXPECT_TRUE(says(serving_resources(llama.view()).assumptions, "int8 products are priced as fp8"));
  EXPECT_EQ(basis("a100_sxm_80g", WeightPrecision::kInt8).linear, "int8");
  EXPECT_TRUE(
      says(serving_resources(llama.view()).assumptions, "int8 products are priced as bf16"));
  EXPECT_TRUE(basis("h100_sxm_80g", WeightPrecision::kNvfp4).weight_only);
  EXPECT_TRUE(says(serving_resources(llama.view()).assumptions, "nvfp4 weights are unpacked"));
  EXPECT_EQ(basis("v100_sxm_32g", WeightPrecision::kFp16).linear, "fp16");
  for (const auto& [gpu, precision] : {std::pair{"v100_sxm_32g", WeightPrecision::kBf16},
                                       std::pair{"a100_sxm_80g", WeightPrecision::kFp8}}) {
    try {
      basis(gpu, precision);
      FAIL() << gpu;
    } catch (const InputError& error) {
      EXPECT_EQ(error.diagnostics()[0].path, "serving.precision");
    }
  }
}

TEST(PriceBasis, TabulatesTheLargestStepOfThePolicy) {
  Served llama("llama3_8b", "h100_sxm_80g", "nvlink4");
  llama.options.max_model_len = 5000;
  llama.options.batching.max_num_seqs = 20;
  llama.options.batching.max_num_batched_tokens = 4096;
  EXPECT_EQ(largest_step(llama.view()), 4096);
  EXPECT_EQ(longest_chunk(llama.view()), 4096);
  llama.options.batching.policy = BatchingPolicy::kOrca;
  EXPECT_EQ(largest_step(llama.view()), 20 * 5000);
  EXPECT_EQ(longest_chunk(llama.view()), 5000);
}

TEST(PriceBasis, WhatIfsOnKernelsAreRefusedWherePricesDoNotRestOnThem) {
  const auto refuses = [](Served& served, const HardwareScale& scale) {
    served.kernels = std::make_shared<KernelTimes>(served.cluster, scale);
    try {
      price_basis(served.view());
    } catch (const InputError& error) {
      return error.diagnostics().front().path == "--what-if";
    }
    return false;
  };
  Served measured("llama3_8b", "rtx_pro_6000_96g", "pcie5_x16", 1);
  ASSERT_TRUE(measured_layers(measured.view()));
  EXPECT_TRUE(refuses(measured, {2.0, 1.0, 1.0, 1.0}));
  EXPECT_TRUE(refuses(measured, {1.0, 2.0, 1.0, 1.0}));
  EXPECT_FALSE(refuses(measured, {1.0, 1.0, 2.0, 2.0}));
  Served packed("llama3_8b", "h100_sxm_80g", "nvlink4", 1);
  EXPECT_FALSE(refuses(packed, {2.0, 2.0, 1.0, 1.0}));
  packed.options.precision = WeightPrecision::kInt4;
  EXPECT_TRUE(refuses(packed, {2.0, 1.0, 1.0, 1.0}));
}

}  // namespace
}  // namespace plumbline
