#include "sim/kernels/csv_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/core/diagnostic.h"

namespace plumbline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string problem(const std::string& text, const std::string& column = "a") {
  try {
    CsvTable::parse(text, "f.csv").numbers(column);
    return "";
  } catch (const InputError& error) {
    return error.what();
  }
}

TEST(CsvTable, ReadsColumnsByNameWhateverTheirOrderAndLineEnds) {
  const CsvTable csv = CsvTable::parse("b,a\r\n1,2\r\n3,4e1\r\n\r\n", "f.csv");
  EXPECT_EQ(csv.rows(), 2u);
  EXPECT_THAT(csv.numbers("a"), ElementsAre(2, 40));
  EXPECT_EQ(csv.text(1, csv.column("b")), "3");
}

TEST(CsvTable, KeepsEmptyCellsAndALastLineWithoutItsEnd) {
  const CsvTable csv = CsvTable::parse("a,b\n1,\n2,x", "f.csv");
  EXPECT_THAT(csv.numbers("a"), ElementsAre(1, 2));
  EXPECT_EQ(csv.text(0, 1), "");
}

TEST(CsvTable, NamesTheLineOfWhatIsWrong) {
  EXPECT_THAT(problem("a,b\n1,2\n3\n"), HasSubstr("f.csv:3:1: has 1 cells; the header has 2"));
  EXPECT_THAT(problem("a\n1\nnan\n"), HasSubstr("f.csv:3:1: a is 'nan', not a number"));
  EXPECT_THAT(problem("a\n1x\n"), HasSubstr("'1x'"));
  EXPECT_THAT(problem("b,c\n1,2\n"), HasSubstr("no column 'a' (its columns are b, c)"));
  EXPECT_THAT(problem(""), HasSubstr("is empty"));
}

}  // namespace
}  // namespace plumbline
