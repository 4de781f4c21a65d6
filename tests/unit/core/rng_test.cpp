#include "sim/core/rng.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <set>
#include <vector>

namespace plumbline {
namespace {

constexpr std::uint64_t kDraws = 100'000;

struct Moments {
  double mean = 0.0;
  double variance = 0.0;
};

template <typename Draw>
Moments moments(Draw draw) {
  double sum = 0.0, squares = 0.0;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const double x = draw(i);
    sum += x;
    squares += x * x;
  }
  const double mean = sum / kDraws;
  return {mean, squares / kDraws - mean * mean};
}

TEST(RandomStream, DoesNotDependOnTheOrderOfDrawing) {
  const RandomStream stream(7, "jitter");
  std::vector<double> forwards, backwards;
  for (int i = 0; i < 10; ++i) forwards.push_back(stream.normal(i));
  for (int i = 9; i >= 0; --i) backwards.insert(backwards.begin(), stream.normal(i));
  EXPECT_EQ(forwards, backwards);
  EXPECT_EQ(RandomStream(7, "jitter").normal(3), forwards[3]);
}

TEST(RandomStream, DiffersBySeedByNameAndByIndex) {
  std::set<std::uint64_t> seen;
  for (const std::uint64_t seed : {0u, 1u, 2u}) {
    for (const char* what : {"", "jitter", "arrivals"}) {
      for (std::uint64_t i = 0; i < 1000; ++i) seen.insert(RandomStream(seed, what).bits(i));
    }
  }
  EXPECT_EQ(seen.size(), 9000u);
}

// A good hash changes half of the 64 bits whichever bit of the index is turned.
TEST(RandomStream, TurnsHalfOfTheBitsWithAnyBitOfTheIndex) {
  const RandomStream stream(1, "bits");
  for (int bit = 0; bit < 64; ++bit) {
    double turned = 0.0;
    for (std::uint64_t i = 0; i < 1000; ++i) {
      turned += std::popcount(stream.bits(i) ^ stream.bits(i ^ (std::uint64_t{1} << bit)));
    }
    EXPECT_NEAR(turned / 1000, 32.0, 1.0) << "bit " << bit;  // standard error 4 / sqrt(1000)
  }
}

// The bounds are five standard errors.
TEST(RandomStream, IsUniformOverTheUnitInterval) {
  const RandomStream stream(1, "uniform");
  const Moments m = moments([&](std::uint64_t i) { return stream.uniform(i); });
  EXPECT_NEAR(m.mean, 0.5, 5 * std::sqrt(1.0 / 12 / kDraws));
  EXPECT_NEAR(m.variance, 1.0 / 12, 0.002);
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    ASSERT_GE(stream.uniform(i), 0.0);
    ASSERT_LT(stream.uniform(i), 1.0);
  }
}

TEST(RandomStream, IsNormalWithMeanZeroAndVarianceOne) {
  const RandomStream stream(1, "normal");
  const Moments m = moments([&](std::uint64_t i) { return stream.normal(i); });
  EXPECT_NEAR(m.mean, 0.0, 5 / std::sqrt(double(kDraws)));
  EXPECT_NEAR(m.variance, 1.0, 5 * std::sqrt(2.0 / kDraws));
  double within_one = 0;
  for (std::uint64_t i = 0; i < kDraws; ++i) within_one += std::abs(stream.normal(i)) < 1.0;
  EXPECT_NEAR(within_one / kDraws, std::erf(std::sqrt(0.5)), 0.01);
}

TEST(RandomStream, IsExponentialWithMeanOne) {
  const RandomStream stream(1, "exponential");
  const Moments m = moments([&](std::uint64_t i) { return stream.exponential(i); });
  EXPECT_NEAR(m.mean, 1.0, 5 / std::sqrt(double(kDraws)));
  EXPECT_NEAR(m.variance, 1.0, 5 * std::sqrt(8.0 / kDraws));
}

}  // namespace
}  // namespace plumbline
