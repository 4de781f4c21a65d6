#include "sim/kernels/gemm_times.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/core/diagnostic.h"
#include "sim/kernels/forms.h"
#include "tests/unit/kernels/test_device.h"

namespace plumbline {
namespace {

GemmQuery gemm(double m, double n, double k) {
  GemmQuery query;
  query.dtype = "bf16";
  query.m = m;
  query.n = n;
  query.k = k;
  return query;
}

TEST(GemmForm, IsARooflineWhereTheRidgeIsSharp) {
  GemmFit fit = simple_device().gemm.at("bf16");
  fit.t0 = Seconds(5e-6);
  // 2 * 4096^3 / 100 TFLOP/s = 1374.4 us, bytes 100 us: compute decides.
  EXPECT_NEAR(gemm_form(fit, gemm_work("bf16", 4096, 4096, 4096)).base(), 1379.4e-6, 0.1e-6);
  // One row: 2 * 4096 * 4096 bytes and little else at 1 TB/s = 33.6 us.
  EXPECT_NEAR(gemm_form(fit, gemm_work("bf16", 1, 4096, 4096)).base(), 38.6e-6, 0.1e-6);
}

TEST(GemmForm, IsRoundedAtTheRidgeByP) {
  GemmFit fit = simple_device().gemm.at("bf16");
  fit.p = 2;
  const GemmWork work{Flops(300e12 * 1e-6), Bytes(4e12 * 1e-6)};  // 3 us and 4 us
  EXPECT_NEAR(gemm_form(fit, work).base(), 5e-6, 1e-12);
}

TEST(GemmWork, CountsOperandsOnceInTheirOwnWidth) {
  EXPECT_EQ(gemm_work("bf16", 10, 20, 30).bytes.base(), 2 * (10 * 30 + 30 * 20 + 10 * 20));
  EXPECT_EQ(gemm_work("fp8", 10, 20, 30).bytes.base(), 10 * 30 + 30 * 20 + 2 * 10 * 20);
  EXPECT_EQ(gemm_work("bf16", 10, 20, 30, 7).flops.base(), 7 * 2 * 10 * 20 * 30);
}

TEST(GemmTimes, SlowsOnlyTheComputeTermWhenSustained) {
  const GemmTimes times(simple_device());
  const KernelPrice compute = times.price(gemm(8192, 8192, 8192));
  EXPECT_NEAR(compute.sustained / compute.burst, 2.0, 1e-6);  // half the clock
  const KernelPrice memory = times.price(gemm(1, 8192, 8192));
  EXPECT_NEAR(memory.sustained / memory.burst, 1.0, 1e-6);
}

TEST(GemmTimes, AnswersAMeasuredShapeVerbatim) {
  const SampleFolder folder("gemm_verbatim");
  DeviceSpec device = simple_device();
  device.samples = {folder.write("gemm", "bf16", "m,n,k,latency_us\n512,1024,2048,77.7\n")};
  const KernelPrice price = GemmTimes(device).price(gemm(512, 1024, 2048));
  EXPECT_NEAR(price.burst.base(), 77.7e-6, 1e-18);
  EXPECT_FALSE(price.extrapolated);
}

TEST(GemmTimes, CarriesEfficiencyNotTimeToOtherShapes) {
  const SampleFolder folder("gemm_transfer");
  DeviceSpec device = simple_device();
  // Every sample runs at half of what the form says.
  const auto half = [&](double n) {
    return 2e6 * gemm_form(device.gemm.at("bf16"), gemm_work("bf16", n, n, n)).base();
  };
  std::string text = "m,n,k,latency_us\n";
  for (const double n : {512.0, 1024.0, 4096.0}) {
    const std::string side = std::to_string(static_cast<int>(n));
    text += side + "," + side + "," + side + "," + std::to_string(half(n)) + "\n";
  }
  device.samples = {folder.write("gemm", "bf16", text)};
  const KernelPrice between = GemmTimes(device).price(gemm(2048, 2048, 2048));
  EXPECT_NEAR(between.burst.base() * 1e6, half(2048), 1e-4 * half(2048));
  EXPECT_FALSE(between.extrapolated);
  const KernelPrice beyond = GemmTimes(device).price(gemm(2048, 8192, 2048));
  EXPECT_TRUE(beyond.extrapolated);
}

TEST(GemmTimes, ChargesTheFp32AccumulatorByItsTraffic) {
  DeviceSpec device = simple_device();
  device.accumulate_bytes.value = 4;
  const GemmTimes times(device);
  GemmQuery query = gemm(4096, 4096, 4096);
  query.layout = GemmLayout::kNt;
  const Seconds plain = times.price(query).burst;
  query.accumulate_fp32 = true;
  // 4 bytes * 4096^2 at 1 TB/s
  EXPECT_NEAR((times.price(query).burst - plain).base(), 67.1e-6, 0.1e-6);
}

TEST(GemmTimes, AppliesTheFactorOfTheLayout) {
  DeviceSpec device = simple_device();
  device.layout_factor["nn"].value = 1.25;
  const GemmTimes times(device);
  GemmQuery query = gemm(4096, 4096, 4096);
  const Seconds tn = times.price(query).burst;
  query.layout = GemmLayout::kNn;
  EXPECT_NEAR(times.price(query).burst / tn, 1.25, 1e-12);
}

TEST(GemmTimes, PricesAnUnmeasuredDtypeByTheRatioOfThePeaksAndSaysSo) {
  const GemmTimes times(simple_device());
  GemmQuery query = gemm(8192, 8192, 8192);
  const Seconds bf16 = times.price(query).burst;
  query.dtype = "fp8";
  const KernelPrice fp8 = times.price(query);
  EXPECT_NEAR(bf16 / fp8.burst, 2.0, 1e-6);
  EXPECT_TRUE(fp8.extrapolated);
  EXPECT_FALSE(times.notes("fp8").empty());
}

TEST(GemmTimes, RefusesADtypeTheDeviceHasNoUnitsFor) {
  const GemmTimes times(simple_device());
  GemmQuery query = gemm(1, 1, 1);
  query.dtype = "nvfp4";
  try {
    times.price(query);
    FAIL() << "nvfp4 was priced";
  } catch (const InputError& error) {
    EXPECT_EQ(error.diagnostics().front().path, "training.precision");
    EXPECT_EQ(error.diagnostics().front().hint, "it has bf16, fp8");
  }
}

TEST(GemmTimes, TakesARelativesEfficiencyAtItsOwnSpeed) {
  const SampleFolder folder("gemm_relative");
  const DeviceSpec relative = simple_device();
  DeviceSpec device = simple_device();
  device.gemm["bf16"].flops = FlopsPerSecond(50e12);  // half as fast
  device.origin = SampleOrigin{relative.gemm, {}, {}, 100, {}};
  SampleFile file = folder.write("gemm", "bf16", "m,n,k,latency_us\n4096,4096,4096,2000\n");
  file.inherited = true;
  device.samples = {file};
  const KernelPrice price = GemmTimes(device).price(gemm(4096, 4096, 4096));
  EXPECT_NEAR(price.burst.base(), 4000e-6, 1e-6);
  EXPECT_TRUE(price.extrapolated);
}

}  // namespace
}  // namespace plumbline
