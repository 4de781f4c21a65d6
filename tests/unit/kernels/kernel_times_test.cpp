#include "sim/kernels/kernel_times.h"

#include <gtest/gtest.h>

#include <chrono>

#include "sim/cluster/read_profile.h"

namespace plumbline {
namespace {

const std::string kFolder = std::string(PLUMBLINE_SOURCE_DIR) + "/hardware_profiles/";

KernelTimes kernels(const std::string& gpu, const std::string& intra, const std::string& inter) {
  return KernelTimes(read_device(kFolder + gpu + ".yaml"), read_link(kFolder + intra + ".yaml"),
                     read_link(kFolder + inter + ".yaml"));
}

TEST(KernelTimes, PricesALargeProductNearItsPublishedRate) {
  struct Case {
    const char *gpu, *intra, *inter;
    double low, high;
  };
  for (const Case& c : {Case{"a100_sxm_80g", "nvlink3", "ib_hdr200", 200, 290},
                        Case{"h100_sxm_80g", "nvlink4", "ib_ndr400", 650, 850},
                        Case{"b200_sxm_180g", "nvlink5", "ib_ndr400", 1300, 1800},
                        Case{"gb200_186g", "nvlink5", "ib_ndr400", 1300, 1800}}) {
    const auto begin = std::chrono::steady_clock::now();
    const KernelTimes times = kernels(c.gpu, c.intra, c.inter);
    const auto built = std::chrono::steady_clock::now();
    const KernelPrice price = times.gemm({.dtype = "bf16", .m = 8000, .n = 8192, .k = 8192});
    const auto priced = std::chrono::steady_clock::now();
    const double rate = 2.0 * 8000 * 8192 * 8192 / price.burst.base() / 1e12;
    EXPECT_GT(rate, c.low) << c.gpu;
    EXPECT_LT(rate, c.high) << c.gpu;
    std::printf("%s %.0f TFLOP/s; read %.2f ms, price %.2f us; 2 GB all-reduce %.3f ms; sustained/burst %.3f\n", c.gpu, rate,
                std::chrono::duration<double>(built - begin).count() * 1e3,
                std::chrono::duration<double>(priced - built).count() * 1e6,
                times.collective({Collective::kAllReduce, Bytes(2e9), 8, 8, 0}).burst.base() * 1e3, price.sustained/price.burst);
  }
}

}  // namespace
}  // namespace plumbline
