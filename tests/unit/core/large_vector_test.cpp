#include "sim/core/large_vector.h"

#include <gtest/gtest.h>

#include <numeric>

namespace plumbline {
namespace {

TEST(LargeVector, IsAnOrdinaryVectorOfAnySize) {
  for (const std::size_t size : {0, 1, 1000, 10'000'000}) {
    std::vector<int> vector;
    reserve_large(vector, size);
    EXPECT_GE(vector.capacity(), size);
    vector.resize(size);
    std::iota(vector.begin(), vector.end(), 0);
    EXPECT_TRUE(vector.empty() || vector.back() == static_cast<int>(size) - 1);
  }
}

TEST(LargeVector, KeepsItsContentsWhenItGrows) {
  std::vector<int> vector = {1, 2, 3};
  reserve_large(vector, 5'000'000);
  EXPECT_EQ(vector, (std::vector<int>{1, 2, 3}));
}

}  // namespace
}  // namespace plumbline
