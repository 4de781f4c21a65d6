#include "sim/cli/result_row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace plumbline {
namespace {

using testing::Contains;
using testing::Not;

TEST(ResultRow, NamesNumbersByTheirPathInTheJson) {
  const auto keys = result_keys();
  EXPECT_THAT(keys, Contains("training.iteration_time_s"));
  EXPECT_THAT(keys, Contains("training.breakdown_s.bubble"));
  EXPECT_THAT(keys, Contains("engine.tasks"));
  EXPECT_THAT(keys, Not(Contains("engine.wall_s"))) << "it is not repeatable";
  EXPECT_THAT(keys, Not(Contains("training.ranks")));
}

TEST(ResultRow, GivesAValueForEveryKey) {
  Result result;
  result.training.iteration_time_s = 12.5;
  result.engine.wall_s = 3;
  const auto keys = result_keys();
  const auto values = result_values(result);
  ASSERT_EQ(values.size(), keys.size());
  const auto at = std::ranges::find(keys, "training.iteration_time_s") - keys.begin();
  EXPECT_EQ(values[static_cast<std::size_t>(at)], "12.5");
}

TEST(CsvCell, IsQuotedOnlyWhereItHasToBe) {
  EXPECT_EQ(csv_cell("1f1b"), "1f1b");
  EXPECT_EQ(csv_cell("{a: 1, b: 2}"), "\"{a: 1, b: 2}\"");
  EXPECT_EQ(csv_cell("say \"x\""), "\"say \"\"x\"\"\"");
  EXPECT_EQ(csv_cell(""), "");
}

}  // namespace
}  // namespace plumbline
