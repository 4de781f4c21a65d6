#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>

#include "sim/report/report.h"
#include "tests/unit/report/example_step.h"

namespace plumbline {
namespace {

std::string csv(const ExampleShape& shape) {
  std::ostringstream out;
  write_csv(example_step(shape).input(), out);
  return out.str();
}

/// Two ranks, one micro-batch, F = 1 s, B = 2 s, half a second on the wire:
///   rank 0:  F 0..1                       B 5..7
///   rank 1:         F 1.5..2.5 B 2.5..4.5
const ExampleShape kTwoRanks = {
    .ranks = 2, .microbatches = 1, .forward_s = 1.0, .hop_s = 0.5, .data_parallel = false};

constexpr char kTwoRanksCsv[] =
    "rank,stage,chunk,microbatch,op,start_s,end_s,waited_for\n"
    "0,0,0,0,F,0.000000000000,1.000000000000,\n"
    "0,0,0,0,B,5.000000000000,7.000000000000,1B0\n"
    "1,1,0,0,F,1.500000000000,2.500000000000,0F0\n"
    "1,1,0,0,B,2.500000000000,4.500000000000,\n";

TEST(Csv, ListsEachOperationWithItsTimesAndWhatItWaitedFor) {
  EXPECT_EQ(csv(kTwoRanks), kTwoRanksCsv);
}

TEST(Csv, SaysTheSameWhetherTransfersAreTasksOrDelays) {
  ExampleShape folded = kTwoRanks;
  folded.fold_transfers = true;
  EXPECT_EQ(csv(folded), kTwoRanksCsv);
}

TEST(Csv, NumbersTheChunksOfARankInStageOrder) {
  // V placement of four stages on two ranks: rank 0 has stages 0 and 3, rank 1 has 1 and 2.
  const std::string text =
      csv({.schedule = "zb_v", .ranks = 2, .chunks = 2, .microbatches = 4, .data_parallel = false});
  EXPECT_NE(text.find("\n0,0,0,0,F,"), std::string::npos);
  EXPECT_NE(text.find("\n0,3,1,0,F,"), std::string::npos);
  EXPECT_NE(text.find("\n1,1,0,0,F,"), std::string::npos);
  EXPECT_NE(text.find("\n1,2,1,0,F,"), std::string::npos);
  EXPECT_NE(text.find(",W,"), std::string::npos);
}

TEST(Csv, HasARowPerOperation) {
  const std::string text = csv({.ranks = 64, .microbatches = 64});
  EXPECT_EQ(std::ranges::count(text, '\n'), 1 + 64 * 64 * 2);
}

TEST(Csv, NamesTheSendThatHoldsTheSenderUpWhenHopsBlock) {
  // A blocking hop keeps its sender: rank 0 starts its second forward only after the send of the
  // first, half a second late.
  const std::string text = csv({.ranks = 2,
                                .microbatches = 2,
                                .forward_s = 1.0,
                                .hop_s = 0.5,
                                .blocking_hops = true,
                                .data_parallel = false});
  EXPECT_NE(text.find("0,0,0,1,F,1.500000000000,2.500000000000,send 0F0\n"), std::string::npos)
      << text;
}

}  // namespace
}  // namespace plumbline
