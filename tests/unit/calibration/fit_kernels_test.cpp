// A synthetic device with known constants: the fit must find them, and price what it did not see.
#include "calibration/fit_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "sim/core/diagnostic.h"
#include "sim/kernels/forms.h"

namespace plumbline {
namespace {

constexpr double kNoise = 0.01;
constexpr double kOutliers = 0.02;

/// 1 % noise and 2 % of outliers, a fifth slower. Normal deviates by Box and Muller, because
/// std::normal_distribution differs between libraries.
class Noise {
 public:
  explicit Noise(unsigned seed) : engine_(seed) {}
  double factor() {
    const double size = std::sqrt(-2 * std::log(uniform())) * std::cos(2 * M_PI * uniform());
    return std::exp(kNoise * size) * (uniform() < kOutliers ? 1.2 : 1.0);
  }

 private:
  double uniform() { return (static_cast<double>(engine_()) + 0.5) / 4294967296.0; }
  std::mt19937 engine_;
};

GemmFit truth() {
  GemmFit fit;
  fit.flops = FlopsPerSecond(800e12);
  fit.bytes = BytesPerSecond(3e12);
  fit.t0 = Seconds(4e-6);
  fit.p = 2.5;
  return fit;
}

std::vector<GemmSample> gemm_samples(Noise* noise) {
  std::vector<GemmSample> samples;
  for (const double m : {1., 16., 128., 512., 1024., 2048., 4096., 8192., 16384.}) {
    for (const double n : {256., 1024., 4096., 8192., 28672.}) {
      for (const double k : {256., 1024., 4096., 8192., 28672.}) {
        const Seconds time = gemm_form(truth(), gemm_work("bf16", m, n, k));
        samples.push_back({m, n, k, (noise ? noise->factor() : 1.0) * time});
      }
    }
  }
  return samples;
}

TEST(FitGemm, RecoversTheConstantsOfExactSamples) {
  const GemmFitResult result = fit_gemm("bf16", gemm_samples(nullptr), 8);
  EXPECT_NEAR(result.fit.flops / truth().flops, 1, 1e-6);
  EXPECT_NEAR(result.fit.bytes / truth().bytes, 1, 1e-6);
  EXPECT_NEAR(result.fit.t0 / truth().t0, 1, 1e-6);
  EXPECT_NEAR(result.fit.p, 2.5, 1e-5);
  EXPECT_LT(result.cross_validated.p90_abs, 1e-6);
}

TEST(FitGemm, RecoversThemFromNoiseAndOutliersWithinItsStatedError) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    Noise noise(seed);
    const GemmFitResult result = fit_gemm("bf16", gemm_samples(&noise), 8);
    EXPECT_NEAR(result.fit.flops / truth().flops, 1, 0.02) << seed;
    EXPECT_NEAR(result.fit.bytes / truth().bytes, 1, 0.02) << seed;
    const double se = result.relative_standard_error[0];
    EXPECT_GT(se, 1e-4) << seed;
    EXPECT_LT(se, 0.01) << seed;
    // The gate is on prediction: sites left out err by little more than the noise.
    EXPECT_LT(result.cross_validated.median_abs, 0.015) << seed;
    EXPECT_LT(result.cross_validated.p90_abs, 0.05) << seed;
  }
}

TEST(FitGemm, DoubledTimesHalveTheRates) {
  Noise noise(7);
  std::vector<GemmSample> samples = gemm_samples(&noise);
  const GemmFitResult once = fit_gemm("bf16", samples, 8);
  for (GemmSample& s : samples) s.time = 2.0 * s.time;
  const GemmFitResult twice = fit_gemm("bf16", samples, 8);
  EXPECT_NEAR(once.fit.flops / twice.fit.flops, 2, 1e-4);
  EXPECT_NEAR(once.fit.bytes / twice.fit.bytes, 2, 1e-4);
  EXPECT_NEAR(twice.fit.t0 / once.fit.t0, 2, 1e-4);
  EXPECT_NEAR(once.fit.p, twice.fit.p, 1e-3);
}

TEST(FitGemm, DoesNotCareInWhichOrderSamplesStand) {
  Noise noise(7);
  std::vector<GemmSample> samples = gemm_samples(&noise);
  const GemmFitResult once = fit_gemm("bf16", samples, 8);
  std::reverse(samples.begin(), samples.end());
  const GemmFitResult again = fit_gemm("bf16", samples, 8);
  EXPECT_NEAR(once.fit.flops / again.fit.flops, 1, 1e-8);
  EXPECT_NEAR(once.cross_validated.median_abs, again.cross_validated.median_abs, 1e-8);
}

TEST(FitGemm, OneSiteLessMovesItByLessThanItsStatedError) {
  Noise noise(11);
  std::vector<GemmSample> samples = gemm_samples(&noise);
  const GemmFitResult all = fit_gemm("bf16", samples, 8);
  std::erase_if(samples, [](const GemmSample& s) { return s.n == 4096 && s.k == 4096; });
  const GemmFitResult less = fit_gemm("bf16", samples, 8);
  EXPECT_LT(std::abs(std::log(less.fit.flops / all.fit.flops)), 3 * all.relative_standard_error[0]);
  EXPECT_LT(std::abs(std::log(less.fit.bytes / all.fit.bytes)), 3 * all.relative_standard_error[1]);
  EXPECT_NEAR(less.cross_validated.median_abs, all.cross_validated.median_abs, 0.004);
}

// Kernels that compute whole tiles of rows, and samples just beyond one: the fit that pads as they
// do predicts sites left out, the one that does not is far off there.
TEST(FitGemm, SeesInWhichTilesRowsArePadded) {
  GemmFit padded = truth();
  padded.row_tile = 128;
  std::vector<GemmSample> samples;
  for (const double m : {1., 16., 129., 256., 257., 512., 513., 1024., 1025., 4096., 16384.}) {
    for (const double n : {1024., 4096., 8192., 28672.}) {
      for (const double k : {1024., 4096., 8192., 28672.}) {
        samples.push_back({m, n, k, gemm_form(padded, gemm_work(padded, "bf16", m, n, k))});
      }
    }
  }
  EXPECT_LT(fit_gemm("bf16", samples, 8, 128).cross_validated.mean_abs, 1e-6);
  EXPECT_GT(fit_gemm("bf16", samples, 8, 1).cross_validated.mean_abs, 0.02);
  EXPECT_EQ(padded_rows(129, 1), 129);
  EXPECT_EQ(padded_rows(16, 128), 16);
  EXPECT_EQ(padded_rows(17, 128), 32);
  EXPECT_EQ(padded_rows(129, 128), 192);
  EXPECT_EQ(padded_rows(257, 128), 384);
  EXPECT_EQ(padded_rows(257, 64), 320);
}

TEST(FitGemm, NeedsSamplesAndTimes) {
  EXPECT_THROW(fit_gemm("bf16", {}, 8), InputError);
  std::vector<GemmSample> samples = gemm_samples(nullptr);
  samples[3].time = Seconds(0);
  EXPECT_THROW(fit_gemm("bf16", samples, 8), InputError);
}

TEST(FitPrefill, RecoversTheConstantsOfExactSamples) {
  const AttentionFit truth{FlopsPerSecond(600e12), BytesPerSecond(1.2e12), Seconds(11e-6), {}, {}};
  std::vector<AttentionSample> samples;
  for (const double batch : {1., 8., 64.}) {
    for (const double length : {16., 256., 2048., 16384.}) {
      for (const double heads : {4., 32.}) {
        const auto work = attention_work(batch, heads, 4, 128, 128, length, length, true, 2);
        samples.push_back({batch, length, heads, 4, prefill_form(truth, work)});
      }
    }
  }
  const AttentionFitResult result = fit_prefill(samples);
  EXPECT_NEAR(result.fit.flops / truth.flops, 1, 1e-5);
  EXPECT_NEAR(result.fit.bytes / truth.bytes, 1, 1e-5);
  EXPECT_NEAR(result.fit.t0 / truth.t0, 1, 1e-5);
}

TEST(FitDecode, RecoversTheConstantsOfExactSamples) {
  const AttentionFit truth{{}, BytesPerSecond(3e12), Seconds(11e-6), Seconds(4e-6), {}};
  std::vector<AttentionSample> samples;
  for (const double batch : {1., 16., 256.}) {
    for (const double length : {16., 512., 4096., 65536.}) {
      for (const double kv : {1., 8.}) {
        samples.push_back(
            {batch, length, 32, kv, decode_form(truth, batch, kv, 128, length, 2, 132)});
      }
    }
  }
  const AttentionFitResult result = fit_decode(samples, 132);
  EXPECT_NEAR(result.fit.bytes / truth.bytes, 1, 1e-5);
  EXPECT_NEAR(result.fit.t0 / truth.t0, 1, 1e-5);
  EXPECT_NEAR(result.fit.per_sequence / truth.per_sequence, 1, 1e-5);
}

TEST(FitLink, RecoversLatencyAndBandwidth) {
  std::vector<Bytes> bytes;
  std::vector<Seconds> times;
  for (double size = 1e3; size < 1e9; size *= 8) {
    bytes.emplace_back(size);
    times.emplace_back(7.7e-6 + size / 347e9);
  }
  const LinkFit fit = fit_link(bytes, times);
  EXPECT_NEAR(fit.latency.base(), 7.7e-6, 1e-11);
  EXPECT_NEAR(fit.bandwidth.base(), 347e9, 1e5);
  EXPECT_THROW(fit_link({Bytes(1), Bytes(1), Bytes(1)}, {Seconds(1), Seconds(1), Seconds(1)}),
               InputError);
}

}  // namespace
}  // namespace plumbline
