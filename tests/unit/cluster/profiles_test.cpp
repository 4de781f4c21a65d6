// Every committed profile, against what the vendors and the published runs say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "sim/cluster/read_profile.h"

namespace plumbline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kFolder = std::string(PLUMBLINE_SOURCE_DIR) + "/hardware_profiles";

std::string file(const std::string& name) { return kFolder + "/" + name + ".yaml"; }

TEST(Profiles, HoldEveryGpuByTheNamesUsersKnow) {
  EXPECT_THAT(list_devices(kFolder),
              ElementsAre("a100_sxm_40g", "a100_sxm_80g", "b200_sxm_180g", "b300_sxm_288g",
                          "gb200_186g", "gb300_288g", "h100_sxm_80g", "h200_sxm_141g",
                          "h20_sxm_96g", "h800_sxm_80g", "l40s_48g", "mi300x_192g", "mi355x_288g",
                          "rtx_4090_24g", "rtx_pro_6000_96g", "v100_sxm_32g"));
}

TEST(Profiles, HoldEveryLinkAndCluster) {
  EXPECT_THAT(list_links(kFolder),
              ElementsAre("ethernet_100", "ib_edr100", "ib_hdr200", "ib_ndr400", "ib_xdr800",
                          "nvlink2", "nvlink3", "nvlink4", "nvlink5", "pcie4_x16", "pcie5_x16",
                          "roce_100", "roce_200", "roce_400"));
  EXPECT_THAT(list_clusters(kFolder),
              ElementsAre("dgx_a100", "dgx_b200", "dgx_h100", "eos", "gb200_nvl72", "selene"));
}

TEST(Profiles, CountMfuAgainstThePeaksThatPublishedRunsUse) {
  const std::map<std::string, double> teraflops{{"a100_sxm_80g", 312},
                                                {"h100_sxm_80g", 989.4},
                                                {"b200_sxm_180g", 2250},
                                                {"gb200_186g", 2450}};
  for (const auto& [name, peak] : teraflops) {
    EXPECT_DOUBLE_EQ(read_device(file(name)).peak_flops.at("bf16").base(), peak * 1e12) << name;
  }
}

class EveryDevice : public testing::TestWithParam<std::string> {};

TEST_P(EveryDevice, IsCalledAsItsFileAndStatesSaneNumbers) {
  const DeviceSpec d = read_device(file(GetParam()));
  EXPECT_EQ(d.name, GetParam());
  EXPECT_FALSE(d.summary.empty());
  EXPECT_GT(d.usable_memory, 0.9 * d.memory);
  EXPECT_LE(d.usable_memory, d.memory);
  EXPECT_GT(d.multiprocessors, 50);
  EXPECT_GT(d.power_limit_w, 200);
  EXPECT_GT(d.kernel_latency, Seconds(0));
  EXPECT_LT(d.memory_bandwidth_streaming.value, d.memory_bandwidth_peak);
  EXPECT_FALSE(d.memory_bandwidth_streaming.source.empty());
}

// A burst above the dense peak, or far below it, would be a slip of a unit.
TEST_P(EveryDevice, HasProductRatesBelowItsDensePeaks) {
  const DeviceSpec d = read_device(file(GetParam()));
  ASSERT_FALSE(d.gemm.empty());
  for (const auto& [dtype, fit] : d.gemm) {
    // An asymptote of cards whose boost clock exceeds the datasheet's (RTX 4090) may lie just
    // above.
    EXPECT_LT(fit.flops, 1.03 * d.peak_flops.at(dtype)) << dtype;
    EXPECT_GT(fit.flops, 0.35 * d.peak_flops.at(dtype)) << dtype;
    EXPECT_GT(fit.p, 0.5) << dtype;
  }
  for (const auto& [dtype, factor] : d.sustained) {
    EXPECT_LE(factor.value, 1.0) << dtype;
    EXPECT_FALSE(factor.source.empty()) << dtype;
  }
}

TEST_P(EveryDevice, SaysWhoseKernelsPriceItWhenTheyAreNotItsOwn) {
  const DeviceSpec d = read_device(file(GetParam()));
  if (d.nearest_relative.empty()) {
    EXPECT_TRUE(d.calibrated);
  } else {
    EXPECT_FALSE(d.calibrated);
    EXPECT_THAT(d.notes, testing::Contains(HasSubstr(d.nearest_relative)));
  }
}

INSTANTIATE_TEST_SUITE_P(Folder, EveryDevice, testing::ValuesIn(list_devices(kFolder)),
                         [](const auto& info) { return info.param; });

class EveryLink : public testing::TestWithParam<std::string> {};

TEST_P(EveryLink, IsCalledAsItsFileAndKeepsBelowItsLine) {
  const LinkSpec link = read_link(file(GetParam()));
  EXPECT_EQ(link.name, GetParam());
  EXPECT_FALSE(link.summary.empty());
  EXPECT_LE(link.p2p_bandwidth.value, link.peak);
  EXPECT_LE(link.collective_bandwidth.value, link.peak);
  EXPECT_GT(link.p2p_latency.value, Seconds(1e-6));
  EXPECT_LT(link.p2p_latency.value, Seconds(1e-4));
  EXPECT_FALSE(link.p2p_bandwidth.source.empty());
  EXPECT_GE(link.bidirectional_slowdown, 1.0);
}

INSTANTIATE_TEST_SUITE_P(Folder, EveryLink, testing::ValuesIn(list_links(kFolder)),
                         [](const auto& info) { return info.param; });

TEST(Profiles, ARelativeIsScaledByTheRatioOfThePeaks) {
  const DeviceSpec v100 = read_device(file("v100_sxm_32g"));
  const DeviceSpec a100 = read_device(file("a100_sxm_80g"));
  ASSERT_TRUE(v100.gemm.count("fp16"));  // Volta has no bf16: the bf16 form stands in
  EXPECT_FALSE(v100.gemm.count("bf16"));
  EXPECT_NEAR(v100.gemm.at("fp16").flops / a100.gemm.at("bf16").flops, 125.0 / 312.0, 1e-9);
  EXPECT_NEAR(v100.gemm.at("fp16").bytes / a100.gemm.at("bf16").bytes, 900.0 / 2039.0, 1e-9);
}

}  // namespace
}  // namespace plumbline
