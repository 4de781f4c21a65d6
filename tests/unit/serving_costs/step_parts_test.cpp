// What a step's time is spent on, what of it lies outside the calibration, and what a swap costs.
#include <gtest/gtest.h>

#include <vector>

#include "sim/core/diagnostic.h"
#include "sim/serving/serving_result.h"
#include "tests/unit/serving_costs/served.h"

namespace plumbline {
namespace {

using test::decodes;
using test::kGiB;
using test::kRoot;
using test::Served;

TEST(StepPrice, IsTheSumOfItsPartsOnEveryStage) {
  Served qwen("qwen3_30b_a3b", "h100_sxm_80g", "nvlink4", 2, 3);
  StepWork work = decodes(24, 900);
  work.add_chunk(300, 128);
  const auto prices = make_step_prices(qwen.view());
  std::vector<Seconds> times(3);
  std::vector<StepTimes> parts(3);
  prices->stage_times(work, times, parts);
  for (std::size_t s = 0; s < 3; ++s) {
    EXPECT_EQ(times[s], prices->stage_time(static_cast<int>(s), work)) << s;
    EXPECT_NEAR(parts[s].total() / times[s].base(), 1, 1e-12) << s;
    EXPECT_GT(parts[s].of(StepPart::kExperts), 0);
    EXPECT_GT(parts[s].of(StepPart::kCommunication), 0);
    EXPECT_EQ(parts[s].of(StepPart::kHead) > 0, s == 2);
    for (std::size_t p = 0; p < kStepParts; ++p) {
      EXPECT_LE(parts[s].outside[p], parts[s].seconds[p] * (1 + 1e-12)) << kStepPartNames[p];
    }
  }
}

TEST(StepPrice, SaysWhatLiesOutsideTheMeasuredRange) {
  Served llama("llama3_8b", "h100_sxm_80g", "nvlink4");
  llama.options.max_model_len = 1'000'000;
  const auto prices = make_step_prices(llama.view());
  const auto attention_outside = [&](std::int64_t context) {
    std::vector<Seconds> times(1);
    std::vector<StepTimes> parts(1);
    prices->stage_times(decodes(8, context), times, parts);
    return parts[0].outside_of(StepPart::kAttention) / parts[0].of(StepPart::kAttention);
  };
  EXPECT_EQ(attention_outside(2000), 0);
  EXPECT_NEAR(attention_outside(900'000), 1, 1e-9) << "nobody measured decodes over 900,000 tokens";
}

TEST(StepPrice, OfASwapIsTheBytesOverTheHostLink) {
  Served llama("llama3_70b", "h100_sxm_80g", "nvlink4", 4, 2);
  llama.cluster.host_link = read_link(kRoot + "/hardware_profiles/pcie5_x16.yaml");
  llama.options.preemption = Preemption::kSwap;
  StepWork work = decodes(1, 100);
  work.swap_out_tokens = 1600;
  const LinkSpec& link = *llama.cluster.host_link;
  // 40 layers of keys and values, 2 of the 8 heads a GPU, 128 numbers of 2 bytes.
  const double bytes = 1600.0 * 40 * 2 * 2 * 128 * 2;
  const Seconds expected = link.p2p_latency.value + Bytes(bytes) / link.p2p_bandwidth.value;
  const auto prices = make_step_prices(llama.view());
  EXPECT_NEAR(prices->swap_time(1, work) / expected, 1, 1e-12);
  work.swap_in_tokens = 1600;
  EXPECT_NEAR(prices->swap_time(1, work) / (2 * expected), 1, 1e-12);
  // 4 GiB of host memory a GPU hold as many blocks of 16 tokens.
  const KvCapacity kv = serving_resources(llama.view()).kv;
  EXPECT_EQ(kv.host_blocks, static_cast<std::int64_t>(4 * kGiB / (bytes / 100)));
}

TEST(KvCapacity, SwapsOnlyWhatIsModelled) {
  const auto problems = [](Served& served) {
    try {
      serving_resources(served.view());
    } catch (const InputError& error) {
      return error.diagnostics().size();
    }
    return std::size_t{0};
  };
  Served llama("llama3_70b", "h100_sxm_80g", "nvlink4", 4, 2);
  llama.options.preemption = Preemption::kSwap;
  EXPECT_EQ(problems(llama), 1u) << "no host link";
  llama.options.batching.policy = BatchingPolicy::kOrca;
  llama.options.disaggregated = Disaggregated{1, 1};
  EXPECT_EQ(problems(llama), 3u) << "and a policy that never preempts, and prefill apart";
}

}  // namespace
}  // namespace plumbline
