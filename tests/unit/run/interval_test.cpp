// The interval of a prediction: closed forms, and draws along the critical path against full runs.
#include "sim/run/interval.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sim/core/rng.h"
#include "sim/run/run.h"

namespace plumbline {
namespace {

const std::string kRoot = PLUMBLINE_SOURCE_DIR;

Scenario scenario(const std::string& file, const std::vector<Override>& overrides = {}) {
  return read_scenario(kRoot + "/scenarios/" + file, overrides,
                       {kRoot + "/models", kRoot + "/hardware_profiles"});
}

double half_width_in_log(const std::array<double, 2>& interval) {
  return std::log(interval[1] / interval[0]) / 2;
}

IntervalInput only_products(double common, double kernel, KernelMix mix) {
  IntervalInput input;
  input.path.products = 10;
  input.errors.products = {common, kernel};
  input.products = mix;
  return input;
}

// T e^x with x normal: the ends are T e^(+-1.645 sigma). The 95th percentile of 200 antithetic
// draws has a standard deviation of 13 % of its distance from the middle: sqrt(p (1 - p) / 100)
// over the density there; two of them are allowed.
TEST(Interval, OfOneLogNormalPriceHasItsPercentilesAsEnds) {
  const double sigma = std::hypot(0.10, model_form_error({}));
  const auto interval = iteration_time_interval(only_products(0.10, 0, {}));
  EXPECT_NEAR(half_width_in_log(interval) / (1.645 * sigma), 1, 0.26);
  EXPECT_NEAR(std::sqrt(interval[0] * interval[1]), 10, 0.05);  // antithetic: even on both sides
}

TEST(Interval, ErrorsOfManyKernelsAverageOut) {
  KernelMix one = KernelMix::of(Seconds(1)), many;
  for (int i = 0; i < 16; ++i) many += KernelMix::of(Seconds(1));
  EXPECT_DOUBLE_EQ(one.effective(), 1);
  EXPECT_DOUBLE_EQ(many.effective(), 16);
  EXPECT_DOUBLE_EQ(many.repeated(12).effective(), 16);  // the same kernels in every layer
  const double narrow = half_width_in_log(iteration_time_interval(only_products(0, 0.2, many)));
  const double expected = std::hypot(0.2 / 4, model_form_error({}));
  EXPECT_NEAR(narrow / (1.645 * expected), 1, 0.26);
  EXPECT_GT(half_width_in_log(iteration_time_interval(only_products(0, 0.2, one))), 2 * narrow);
}

TEST(Interval, WidensWithWhatTheModelCannotKnow) {
  EXPECT_GT(model_form_error({.mixture_of_experts = true}), 3 * model_form_error({}));
  EXPECT_GT(model_form_error({.share_outside_calibration = 0.9}),
            1.5 * model_form_error({.share_outside_calibration = 0.1}));
}

TEST(Interval, IsTheSeedsToTheBitAndHardlyMovesWithIt) {
  const auto of_seed = [](const char* seed) {
    return *simulate(scenario("01_first_run.yaml", {{"seed", seed}}))
                .result.training.iteration_time_interval_s;
  };
  EXPECT_EQ(of_seed("1"), of_seed("1"));
  EXPECT_NE(of_seed("1"), of_seed("2"));
  EXPECT_NEAR(half_width_in_log(of_seed("1")) / half_width_in_log(of_seed("2")), 1, 0.25);
}

double sum(const PathComposition& p) {
  return p.products + p.attention + p.memory + p.intra_node + p.inter_node + p.host;
}

// What a draw says along the path against the whole step run again at the drawn prices.
TEST(Interval, DrawsAlongTheCriticalPathAreFullRerunsToAFewTenthsOfAPercent) {
  struct Case {
    const char* file;
    std::vector<Override> overrides;
  };
  const Case cases[] = {
      {"01_first_run.yaml", {}},
      {"01_first_run.yaml", {{"schedule", "zb_h1"}}},
      {"01_first_run.yaml",
       {{"schedule", "interleaved_1f1b"}, {"parallelism.virtual_stages", "2"}}},
      {"12_llama3_70b_fp8.yaml", {}},
  };
  const RandomStream stream(7, "test");
  std::vector<double> differences;
  for (const Case& c : cases) {
    const Scenario base = scenario(c.file, c.overrides);
    const TrainingResult at_base = simulate(base).result.training;
    const PathComposition& path = at_base.path;
    EXPECT_NEAR(sum(path) / at_base.iteration_time_s, 1, 1e-6) << c.file;
    for (std::uint64_t draw = 0; draw < 8; ++draw) {
      const auto factor = [&](std::uint64_t i, double s) {
        return std::exp(s * stream.normal(8 * draw + i));
      };
      RunOptions options;
      options.scale = {factor(0, 0.05), factor(1, 0.1), factor(2, 0.08), factor(3, 0.08)};
      const double full = simulate(base, options).result.training.iteration_time_s;
      const double along = (path.products + path.attention) / options.scale.gemm +
                           path.memory / options.scale.memory +
                           path.intra_node / options.scale.intra_node +
                           path.inter_node / options.scale.inter_node + path.host;
      differences.push_back(std::abs(along / full - 1));
    }
  }
  std::sort(differences.begin(), differences.end());
  EXPECT_LT(differences[differences.size() / 2], 0.003);
  EXPECT_LT(differences.back(), 0.01);
}

}  // namespace
}  // namespace plumbline
