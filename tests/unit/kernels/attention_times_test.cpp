#include "sim/kernels/attention_times.h"

#include <gtest/gtest.h>

#include "sim/kernels/forms.h"
#include "tests/unit/kernels/test_device.h"

namespace plumbline {
namespace {

AttentionQuery attention(double heads, double length) {
  AttentionQuery query;
  query.dtype = "bf16";
  query.heads = heads;
  query.kv_heads = heads;
  query.query_tokens = query.kv_tokens = length;
  return query;
}

DeviceSpec with_rates(const SampleFolder& folder) {
  DeviceSpec device = simple_device();
  device.samples = {folder.write("attention_training", "bf16",
                                 "head_dim_qk,head_dim_vo,causal,seqlen,fwd_tflops,bwd_tflops\n"
                                 "128,128,1,2048,40,20\n128,128,1,8192,80,60\n"
                                 "128,128,0,2048,50,25\n128,128,0,8192,90,70\n")};
  return device;
}

TEST(AttentionWork, CountsHalfOfTheSquareUnderACausalMask) {
  const auto full = attention_work(1, 8, 8, 128, 128, 1000, 1000, false, 2);
  const auto causal = attention_work(1, 8, 8, 128, 128, 1000, 1000, true, 2);
  EXPECT_DOUBLE_EQ(full.flops.base(), 4.0 * 8 * 128 * 1000 * 1000);
  EXPECT_DOUBLE_EQ(causal.flops / full.flops, 0.5);
}

TEST(AttentionWork, AlignsTheMaskAtTheEndForAChunkOfQueries) {
  // The last 100 of 1000 tokens see 900 tokens each and a triangle of 100.
  const auto chunk = attention_work(1, 1, 1, 128, 128, 100, 1000, true, 2);
  EXPECT_DOUBLE_EQ(chunk.flops.base(), 512.0 * (100 * 900 + 100 * 100 / 2));
}

TEST(AttentionTimes, RunsAtThePublishedRateOfItsLength) {
  const SampleFolder folder("attention_rate");
  const AttentionTimes times(with_rates(folder));
  AttentionQuery query = attention(64, 2048);
  const double flops = 4.0 * 64 * 128 * 2048 * 2048 / 2;
  EXPECT_NEAR(times.prefill(query).burst.base(), flops / 40e12, 1e-12);
  query.backward = true;
  EXPECT_NEAR(times.prefill(query).burst.base(), 2.5 * flops / 20e12, 1e-12);
  query.causal = false;
  query.backward = false;
  EXPECT_NEAR(times.prefill(query).burst.base(), 2 * flops / 50e12, 1e-12);
}

TEST(AttentionTimes, InterpolatesRatesGeometrically) {
  const SampleFolder folder("attention_between");
  const AttentionTimes times(with_rates(folder));
  const double flops = 4.0 * 64 * 128 * 4096 * 4096 / 2;
  // 4096 is the geometric middle of 2048 and 8192: sqrt(40 * 80).
  EXPECT_NEAR(times.prefill(attention(64, 4096)).burst.base(), flops / 56.5685e12, 1e-8);
}

TEST(AttentionTimes, FlagsLengthsAndHeadSizesNobodyMeasured) {
  const SampleFolder folder("attention_flags");
  const AttentionTimes times(with_rates(folder));
  EXPECT_FALSE(times.prefill(attention(64, 4096)).extrapolated);
  EXPECT_TRUE(times.prefill(attention(64, 1024)).extrapolated);
  AttentionQuery query = attention(64, 4096);
  query.head_dim = query.v_head_dim = 64;
  EXPECT_TRUE(times.prefill(query).extrapolated);
}

TEST(AttentionTimes, NeverBeatsTheLongestTileOfRowsOnOneProcessor) {
  const SampleFolder folder("attention_tile");
  const AttentionTimes times(with_rates(folder));
  // One head of 2048: 16 tiles on 100 processors; the last covers all keys.
  const double tile = 4.0 * 128 * 128 * 2048;
  EXPECT_NEAR(times.prefill(attention(1, 2048)).burst.base(), 2e-6 + tile / (80e12 / 100), 1e-12);
}

TEST(AttentionTimes, IsSlowerAtTheSustainedClock) {
  const SampleFolder folder("attention_clock");
  const KernelPrice price = AttentionTimes(with_rates(folder)).prefill(attention(64, 4096));
  EXPECT_NEAR(price.sustained / price.burst, 2.0, 1e-12);
}

TEST(AttentionTimes, TakesTheBackwardFromTheForwardWhereOnlyThatWasMeasured) {
  const SampleFolder folder("attention_backward");
  DeviceSpec device = simple_device();
  device.prefill = AttentionFit{FlopsPerSecond(50e12), BytesPerSecond(1e12), Seconds(0), {}, {}};
  device.attention_backward_rate.value = 0.8;
  device.samples = {folder.write("attention_prefill", "bf16",
                                 "batch_size,isl,num_heads,num_kv_heads,latency_us\n"
                                 "1,2048,16,16,500\n1,4096,16,16,1500\n")};
  const AttentionTimes times(device);
  AttentionQuery query = attention(16, 2048);
  EXPECT_NEAR(times.prefill(query).burst.base(), 500e-6, 1e-12);
  query.backward = true;
  EXPECT_NEAR(times.prefill(query).burst.base(), 2.5 / 0.8 * 500e-6, 1e-12);
}

TEST(AttentionTimes, DecodesAMeasuredBatchVerbatimAndLongerCachesByTheirBytes) {
  const SampleFolder folder("attention_decode");
  DeviceSpec device = simple_device();
  device.decode = AttentionFit{{}, BytesPerSecond(1e12), Seconds(1e-6), Seconds(0), {}};
  device.samples = {folder.write("attention_decode", "bf16",
                                 "batch_size,kv_len,num_heads,num_kv_heads,latency_us\n"
                                 "8,4096,32,8,200\n")};
  const AttentionTimes times(device);
  DecodeQuery query;
  query.batch = 8;
  query.heads = 32;
  query.kv_heads = 8;
  query.kv_tokens = 4096;
  EXPECT_NEAR(times.decode(query).burst.base(), 200e-6, 1e-12);
  const double bytes = 4.0 * 8 * 4096 * 8 * 128;
  query.kv_tokens = 8192;
  // Twice the cache at the same efficiency.
  EXPECT_NEAR(times.decode(query).burst.base(),
              200e-6 * (1e-6 + 2 * bytes / 1e12) / (1e-6 + bytes / 1e12), 1e-12);
  EXPECT_TRUE(times.decode(query).extrapolated);
}

}  // namespace
}  // namespace plumbline
