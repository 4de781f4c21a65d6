#include "sim/core/units.h"

#include <gtest/gtest.h>

#include <functional>
#include <type_traits>

namespace plumbline {
namespace {

TEST(Units, DivideAndMultiplyIntoTheRightDimension) {
  static_assert(std::is_same_v<decltype(Bytes(1) / BytesPerSecond(1)), Seconds>);
  static_assert(std::is_same_v<decltype(Flops(1) / FlopsPerSecond(1)), Seconds>);
  static_assert(std::is_same_v<decltype(FlopsPerSecond(1) * Seconds(1)), Flops>);
  static_assert(std::is_same_v<decltype(Seconds(1) / Seconds(1)), double>);
  EXPECT_EQ((Bytes(10) / BytesPerSecond(4)).base(), 2.5);
  EXPECT_EQ(Seconds(3) / Seconds(2), 1.5);
}

TEST(Units, DoNotAddWhatDoesNotBelongTogether) {
  static_assert(!std::is_invocable_v<std::plus<>, Bytes, Seconds>);
  static_assert(!std::is_convertible_v<double, Seconds>);
}

TEST(Units, KeepBaseUnitsBehindTheLiterals) {
  EXPECT_EQ((1.5_us).base(), 1.5e-6);
  EXPECT_EQ((2_GiB).base(), 2147483648.0);
  EXPECT_EQ((600.0_GBps).base(), 6e11);
  EXPECT_EQ((989.0_TFLOPS).base(), 989e12);
}

TEST(Units, CompareAndAccumulate) {
  Seconds total;
  total += 2.0_s;
  total -= 0.5_s;
  EXPECT_EQ(total, 1.5_s);
  EXPECT_EQ(max(1.0_s, 2.0_s), 2.0_s);
  EXPECT_EQ(min(1.0_s, 2.0_s), 1.0_s);
  EXPECT_TRUE(1.0_s < 2.0_s && 2.0_s >= 2.0_s);
}

}  // namespace
}  // namespace plumbline
