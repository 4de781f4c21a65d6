// The committed profiles, priced, against published figures.
#include "sim/kernels/kernel_times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/cluster/read_profile.h"
#include "tests/unit/kernels/test_device.h"

namespace plumbline {
namespace {

const std::string kFolder = std::string(PLUMBLINE_SOURCE_DIR) + "/hardware_profiles/";

KernelTimes kernels(const DeviceSpec& device, const HardwareScale& scale = {}) {
  return KernelTimes(device, read_link(kFolder + device.intra_link + ".yaml"),
                     read_link(kFolder + device.inter_link + ".yaml"), scale);
}

DeviceSpec device(const std::string& name) { return read_device(kFolder + name + ".yaml"); }

GemmQuery large_gemm(const char* dtype) {
  GemmQuery query;
  query.dtype = dtype;
  query.m = 8000;
  query.n = query.k = 8192;
  return query;
}

class EveryProfile : public testing::TestWithParam<std::string> {};

// Between a third and all of the dense peak, for every dtype the profile lists.
TEST_P(EveryProfile, PricesProductsAttentionAndCollectives) {
  const DeviceSpec spec = device(GetParam());
  const KernelTimes times = kernels(spec);
  for (const auto& [dtype, peak] : spec.peak_flops) {
    const GemmQuery query = large_gemm(dtype.c_str());
    const KernelPrice price = times.gemm(query);
    const double share = Flops(2 * query.m * query.n * query.k) / price.burst / peak;
    EXPECT_GT(share, 0.3) << dtype;
    EXPECT_LT(share, 1.0) << dtype;
    EXPECT_GE(price.sustained, price.burst) << dtype;
  }
  AttentionQuery attention;
  attention.dtype = "bf16";
  attention.heads = attention.kv_heads = 32;
  attention.query_tokens = attention.kv_tokens = 4096;
  const KernelPrice forward = times.attention(attention);
  attention.backward = true;
  const KernelPrice backward = times.attention(attention);
  EXPECT_GT(backward.burst / forward.burst, 2.0);
  EXPECT_LT(backward.burst / forward.burst, 4.5);
  EXPECT_GT(times.collective({Collective::kAllReduce, Bytes(1e9), 8, 8, 0}).burst, Seconds(1e-4));
  EXPECT_GT(times.attention_decode({"bf16", 8, 32, 8, 128, 4096}).burst, Seconds(1e-6));
}

TEST_P(EveryProfile, AdmitsItWhenKernelsAreARelatives) {
  const DeviceSpec spec = device(GetParam());
  const KernelTimes times = kernels(spec);
  if (!spec.nearest_relative.empty()) {
    EXPECT_THAT(times.notes(), testing::Contains(testing::HasSubstr(spec.nearest_relative)));
    EXPECT_TRUE(times.attention_decode({"bf16", 8, 32, 8, 128, 4096}).extrapolated);
  } else {
    EXPECT_FALSE(times.gemm(large_gemm("bf16")).extrapolated);
  }
}

INSTANTIATE_TEST_SUITE_P(Folder, EveryProfile, testing::ValuesIn(list_devices(kFolder)),
                         [](const auto& info) { return info.param; });

// NCCL on 8 GPUs at 512 MB, bus bandwidth in GB/s (AIConfigurator, links of one domain). The
// tables that were fitted end at 256 MB.
TEST(KernelTimes, MeetsMeasuredBusBandwidthBeyondItsTables) {
  struct Case {
    const char* gpu;
    double all_reduce, all_gather;
  };
  for (const Case& c : {Case{"a100_sxm_80g", 222.3, 205.3}, Case{"h100_sxm_80g", 445.0, 335.2},
                        Case{"h200_sxm_141g", 460.5, 336.8}, Case{"b200_sxm_180g", 704.0, 617.0}}) {
    const KernelTimes times = kernels(device(c.gpu));
    const auto bus = [&](Collective op, double share) {
      const Bytes bytes(536870912);
      return share * (bytes / times.collective({op, bytes, 8, 8, 0}).burst).base() / 1e9;
    };
    EXPECT_NEAR(bus(Collective::kAllReduce, 1.75) / c.all_reduce, 1, 0.03) << c.gpu;
    EXPECT_NEAR(bus(Collective::kAllGather, 0.875) / c.all_gather, 1, 0.03) << c.gpu;
  }
}

// vTrain's all-reduce at 1 GiB on groups nobody tabulated here, bus bandwidth in GB/s.
TEST(KernelTimes, MeetsMeasuredBusBandwidthOfOddGroupsOnA100) {
  const KernelTimes times = kernels(device("a100_sxm_80g"));
  for (const auto& [ranks, bandwidth] : {std::pair{3, 211.9}, {5, 224.5}, {6, 227.0}, {7, 226.9}}) {
    const Bytes bytes(1073741824);
    const double share = 2.0 * (ranks - 1) / ranks;
    const KernelPrice price = times.collective({Collective::kAllReduce, bytes, ranks, ranks, 0});
    EXPECT_NEAR(share * (bytes / price.burst).base() / 1e9 / bandwidth, 1, 0.05) << ranks;
  }
}

TEST(KernelTimes, KeepsPublishedAttentionRates) {
  // cudnn-frontend, H200, Llama 3.1 heads, 8k causal: 644 and 541 TFLOP/s.
  const KernelTimes times = kernels(device("h200_sxm_141g"));
  AttentionQuery query;
  query.dtype = "bf16";
  query.heads = 64;
  query.kv_heads = 8;
  query.query_tokens = query.kv_tokens = 8192;
  EXPECT_NEAR(times.attention(query).burst.base(), 1.708e-3, 0.01e-3);
  query.backward = true;
  EXPECT_NEAR(times.attention(query).burst.base(), 5.083e-3, 0.03e-3);
}

TEST(KernelTimes, RunsFp8OnHopperAtTheRateOfItsTrainingLibrary) {
  const KernelTimes times = kernels(device("h100_sxm_80g"));
  const GemmQuery query = large_gemm("fp8");
  const double rate = (Flops(2 * query.m * query.n * query.k) / times.gemm(query).burst).base();
  EXPECT_NEAR(rate / 1340e12, 1, 0.06);
  // vLLM's CUTLASS kernels are their own dtype: their tiles at m = 4096 lose a fifth.
  GemmQuery training = query, serving = large_gemm("fp8_cutlass");
  training.m = serving.m = 4096;
  EXPECT_GT(times.gemm(serving).burst, times.gemm(training).burst);
}

TEST(KernelTimes, RunsFp8OnBlackwellAtTwiceBf16AndNvfp4AtFourTimes) {
  const KernelTimes times = kernels(device("b200_sxm_180g"));
  const Seconds bf16 = times.gemm(large_gemm("bf16")).sustained;
  EXPECT_NEAR(bf16 / times.gemm(large_gemm("fp8")).sustained, 2, 0.05);
  EXPECT_NEAR(bf16 / times.gemm(large_gemm("mxfp8")).sustained, 2, 0.05);
  EXPECT_NEAR(bf16 / times.gemm(large_gemm("nvfp4")).sustained, 4, 0.2);
}

TEST(KernelTimes, ElementwiseIsLatencyPerKernelAndBytesOverBandwidth) {
  const KernelTimes times(simple_device(), simple_link("a", 1, 1), simple_link("b", 1, 1));
  EXPECT_NEAR(times.elementwise(Bytes(1e6), 3).burst.base(), 3 * 2e-6 + 1e-6, 1e-15);
}

TEST(KernelTimes, AppliesThePowerLimitOfACluster) {
  Cluster cluster;
  cluster.device = device("h100_sxm_80g");
  cluster.intra_node = read_link(kFolder + "nvlink4.yaml");
  cluster.inter_node = read_link(kFolder + "ib_ndr400.yaml");
  const KernelPrice full = KernelTimes(cluster).gemm(large_gemm("bf16"));
  cluster.power_limit_w = 500;
  const KernelPrice limited = KernelTimes(cluster).gemm(large_gemm("bf16"));
  EXPECT_EQ(limited.burst, full.burst);
  EXPECT_NEAR(limited.sustained / full.sustained, std::pow(700.0 / 500.0, 0.667), 0.02);
}

TEST(KernelTimes, AtAnotherPowerLimitAreThoseReadAtThatLimit) {
  Cluster cluster;
  cluster.device = device("h100_sxm_80g");
  cluster.intra_node = read_link(kFolder + "nvlink4.yaml");
  cluster.inter_node = read_link(kFolder + "ib_ndr400.yaml");
  const KernelTimes full(cluster);
  cluster.power_limit_w = 500;
  const KernelTimes read(cluster), shared = full.at_power_limit_of(cluster);
  EXPECT_FALSE(shared.same_as(full));
  for (const char* dtype : {"bf16", "fp16", "fp8"}) {
    EXPECT_EQ(shared.gemm(large_gemm(dtype)).burst, read.gemm(large_gemm(dtype)).burst);
    EXPECT_EQ(shared.gemm(large_gemm(dtype)).sustained, read.gemm(large_gemm(dtype)).sustained);
    EXPECT_EQ(shared.notes(dtype), read.notes(dtype));
  }
  AttentionQuery attention{.dtype = "bf16", .heads = 32, .kv_heads = 8};
  attention.query_tokens = attention.kv_tokens = 4096;
  EXPECT_EQ(shared.attention(attention).sustained, read.attention(attention).sustained);
  EXPECT_LT(full.attention(attention).sustained, read.attention(attention).sustained);
  const CollectiveQuery inside{Collective::kAllReduce, Bytes(1e9), 8, 8, 0};
  EXPECT_EQ(shared.collective(inside).sustained, read.collective(inside).sustained);
  EXPECT_EQ(shared.notes(), read.notes());
}

TEST(HardwareScale, DividesTheTimesOfItsOwnPartOnly) {
  const DeviceSpec spec = device("h100_sxm_80g");
  const KernelTimes plain = kernels(spec), gemm = kernels(spec, {.gemm = 1.1}),
                    memory = kernels(spec, {.memory = 1.1}),
                    intra = kernels(spec, {.intra_node = 1.1}),
                    inter = kernels(spec, {.inter_node = 1.1});
  const GemmQuery query = large_gemm("bf16");
  EXPECT_NEAR(plain.gemm(query).burst / gemm.gemm(query).burst, 1.1, 1e-12);
  EXPECT_EQ(plain.gemm(query).burst, memory.gemm(query).burst);
  const CollectiveQuery inside{Collective::kAllReduce, Bytes(1e9), 8, 8, 0};
  EXPECT_NEAR(plain.collective(inside).burst / intra.collective(inside).burst, 1.1, 1e-12);
  EXPECT_EQ(plain.collective(inside).burst, inter.collective(inside).burst);
  const CollectiveQuery across{Collective::kAllReduce, Bytes(1e9), 16, 8, 2};
  EXPECT_NEAR(plain.collective(across).burst / inter.collective(across).burst, 1.1, 1e-12);
  EXPECT_NEAR(plain.send_recv(Bytes(1e6), true).burst / intra.send_recv(Bytes(1e6), true).burst,
              1.1, 1e-12);
  EXPECT_LT(memory.elementwise(Bytes(1e9)).burst, plain.elementwise(Bytes(1e9)).burst);
}

}  // namespace
}  // namespace plumbline
