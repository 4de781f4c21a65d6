#include "calibration/least_squares.h"

#include <gtest/gtest.h>

#include <cmath>

#include "calibration/statistics.h"

namespace plumbline {
namespace {

TEST(LeastSquares, FindsAnExponentialFromAFarStart) {
  const std::vector<double> x{0, 1, 2, 3, 4, 5};
  const auto fit = least_squares(
      [&](const std::vector<double>& p, double* r) {
        for (std::size_t i = 0; i < x.size(); ++i) {
          r[i] = p[0] * std::exp(-p[1] * x[i]) - 3 * std::exp(-0.5 * x[i]);
        }
      },
      {50, 5}, x.size(), 1e9);
  EXPECT_TRUE(fit.converged);
  EXPECT_NEAR(fit.parameters[0], 3, 1e-6);
  EXPECT_NEAR(fit.parameters[1], 0.5, 1e-6);
}

TEST(LeastSquares, AnOutlierPullsButDoesNotDecide) {
  // Nine ones and a hundred: the mean is 10.9, Huber's estimate stays near 1.
  std::vector<double> y(9, 1.0);
  y.push_back(100);
  const auto fit = least_squares(
      [&](const std::vector<double>& p, double* r) {
        for (std::size_t i = 0; i < y.size(); ++i) r[i] = p[0] - y[i];
      },
      {5}, y.size(), 0.1);
  EXPECT_NEAR(fit.parameters[0], 1.0 + 0.1 / 9, 1e-3);
}

TEST(LeastSquares, SaysWhichParameterTheDataDoNotTell) {
  const auto fit = least_squares(
      [&](const std::vector<double>& p, double* r) {
        for (int i = 0; i < 5; ++i) r[i] = p[0] - (2.0 + 0.01 * i);  // p[1] moves nothing
      },
      {1, 1}, 5, 1e9);
  EXPECT_LT(fit.relative_standard_error[0], 0.01);
  EXPECT_TRUE(std::isinf(fit.relative_standard_error[1]));
}

TEST(Quantile, InterpolatesLinearly) {
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile({1, 2, 3, 4, 5}, 0.9), 4.6);
  EXPECT_DOUBLE_EQ(quantile({7}, 0.9), 7);
  EXPECT_DOUBLE_EQ(quantile({}, 0.5), 0);
}

TEST(ErrorSummary, SplitsSizeFromDirection) {
  const ErrorSummary s = summarize({-0.2, -0.1, 0.1});
  EXPECT_EQ(s.n, 3);
  EXPECT_DOUBLE_EQ(s.median_abs, 0.1);
  EXPECT_DOUBLE_EQ(s.bias, -0.1);
}

}  // namespace
}  // namespace plumbline
