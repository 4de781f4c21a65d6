#include "sim/plan/software.h"

#include <gtest/gtest.h>

#include <set>

namespace plumbline {
namespace {

TEST(Software, EveryEraHasANameASummaryAndASource) {
  std::set<std::string> names;
  for (const SoftwareFacts& era : all_software()) {
    EXPECT_TRUE(names.insert(era.name).second) << era.name << " stands twice";
    EXPECT_FALSE(era.summary.empty()) << era.name;
    EXPECT_FALSE(era.source.empty()) << era.name;
    EXPECT_EQ(find_software(era.name), &era);
  }
}

TEST(Software, BackwardCollectivesMovedUnderTheWeightGradientsIn2022) {
  EXPECT_EQ(find_software("megatron_lm_2021")->tensor_overlap, TensorOverlap::kNone);
  EXPECT_EQ(find_software("megatron_lm_2022")->tensor_overlap, TensorOverlap::kAsyncBackward);
}

TEST(Software, TheDefaultFollowsTheGpuGeneration) {
  EXPECT_EQ(default_software("a100_sxm_80g").name, "megatron_lm_2022");
  EXPECT_EQ(default_software("h100_sxm_80g").name, "megatron_core_2025");
  EXPECT_EQ(find_software("no_such_era"), nullptr);
}

}  // namespace
}  // namespace plumbline
