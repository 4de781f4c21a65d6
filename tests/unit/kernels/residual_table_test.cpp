#include "sim/kernels/residual_table.h"

#include <gtest/gtest.h>

namespace plumbline {
namespace {

ResidualTable table(std::initializer_list<std::pair<double, double>> samples) {
  ResidualTable t;
  for (const auto& [x, y] : samples) t.add({x, 0, 0, 0}, y);
  t.finish();
  return t;
}

TEST(ResidualTable, IsExactAtASample) {
  const auto estimate = table({{1, 0.1}, {2, 0.4}}).at({2, 0, 0, 0}, 8);
  EXPECT_TRUE(estimate.exact);
  EXPECT_EQ(estimate.log_residual, 0.4);
}

TEST(ResidualTable, WeighsBySquaredDistance) {
  // Distances 1 and 2: weights 1 and 1/4.
  const auto estimate = table({{0, 1.0}, {3, 0.0}}).at({1, 0, 0, 0}, 8);
  EXPECT_DOUBLE_EQ(estimate.log_residual, 1.0 / 1.25);
  EXPECT_FALSE(estimate.exact);
}

TEST(ResidualTable, HearsOnlyTheNearest) {
  EXPECT_DOUBLE_EQ(table({{0, 1.0}, {3, 0.0}, {9, 5.0}}).at({1, 0, 0, 0}, 1).log_residual, 1.0);
}

TEST(ResidualTable, KnowsWhenAPointLiesBeyondItsSamples) {
  const ResidualTable t = table({{0, 1.0}, {3, 0.0}});
  EXPECT_FALSE(t.at({2.9, 0, 0, 0}, 8).outside);
  EXPECT_TRUE(t.at({3.1, 0, 0, 0}, 8).outside);
  EXPECT_TRUE(ResidualTable().at({0, 0, 0, 0}, 8).outside);
}

TEST(ResidualTable, AveragesSamplesOfOnePoint) {
  EXPECT_DOUBLE_EQ(table({{1, 0.1}, {1, 0.3}}).at({1, 0, 0, 0}, 8).log_residual, 0.2);
}

TEST(ResidualTable, DoesNotDependOnTheOrderOfItsSamples) {
  const ResidualTable a = table({{0, 1.0}, {3, 0.5}, {4, 0.2}});
  const ResidualTable b = table({{4, 0.2}, {0, 1.0}, {3, 0.5}});
  EXPECT_EQ(a.at({1.7, 0, 0, 0}, 2).log_residual, b.at({1.7, 0, 0, 0}, 2).log_residual);
}

}  // namespace
}  // namespace plumbline
