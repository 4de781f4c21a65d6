#include "sim/cli/in_order.h"

#include <gtest/gtest.h>

#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

namespace plumbline {
namespace {

TEST(InOrder, TellsResultsInOrderWhateverTheThreads) {
  for (const int threads : {1, 2, 7, 64}) {
    std::vector<int> squares(40, -1);
    std::vector<std::size_t> told;
    in_order(
        40, threads,
        [&](std::size_t i) {
          // The first ones take longest, so that later ones overtake them.
          std::this_thread::sleep_for(std::chrono::microseconds(i < 4 ? 2000 : 10));
          squares[i] = static_cast<int>(i * i);
        },
        [&](std::size_t i) {
          EXPECT_EQ(squares[i], static_cast<int>(i * i));
          told.push_back(i);
        });
    std::vector<std::size_t> ascending(40);
    std::iota(ascending.begin(), ascending.end(), 0);
    EXPECT_EQ(told, ascending) << threads << " threads";
  }
}

TEST(InOrder, RethrowsAndTellsNothingAfterTheFailure) {
  for (const int threads : {1, 4}) {
    std::vector<std::size_t> told;
    const auto work = [](std::size_t i) {
      if (i == 5) throw std::runtime_error("five");
    };
    EXPECT_THROW(in_order(100, threads, work, [&](std::size_t i) { told.push_back(i); }),
                 std::runtime_error);
    for (const std::size_t i : told) EXPECT_LT(i, 5u);
  }
}

TEST(InOrder, DoesNothingForNothing) {
  in_order(
      0, 4, [](std::size_t) { FAIL(); }, [](std::size_t) { FAIL(); });
}

}  // namespace
}  // namespace plumbline
