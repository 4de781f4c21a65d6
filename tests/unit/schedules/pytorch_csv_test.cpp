#include "schedules/pytorch_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "schedules/catalog.h"
#include "sim/core/diagnostic.h"

namespace plumbline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string recorded(const std::string& name) {
  std::ifstream file(PLUMBLINE_SOURCE_DIR "/tests/data/schedules/" + name, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  EXPECT_FALSE(text.empty()) << name;
  return text;
}

Schedule parse(const std::string& text) { return parse_pytorch_csv(text, "a.csv").schedule; }

std::vector<std::string> problems(const std::string& text) {
  try {
    parse(text);
  } catch (const InputError& error) {
    std::vector<std::string> texts;
    for (const Diagnostic& each : error.diagnostics()) texts.push_back(to_string(each));
    return texts;
  }
  ADD_FAILURE() << "accepted";
  return {};
}

TEST(PyTorchCsv, ReadsWhatPyTorchWritesWithCarriageReturns) {
  const std::string text = recorded("interleaved_p2_v2_m4.compute_only.csv");
  ASSERT_THAT(text, HasSubstr("\r\n"));
  const Schedule schedule = parse(text);
  const Schedule ours = generate_schedule("interleaved_1f1b",
                                          {.stages_per_chunk = 2, .chunks = 2, .microbatches = 4});
  EXPECT_EQ(schedule.ranks, ours.ranks);
  EXPECT_EQ(schedule.placement, Placement::kLoop);
}

TEST(PyTorchCsv, LeavesCommunicationOut) {
  const PyTorchCsv with =
      parse_pytorch_csv(recorded("interleaved_p2_v2_m4.compute_comms.csv"), "a.csv");
  EXPECT_TRUE(with.had_communication);
  EXPECT_EQ(with.schedule.ranks, parse(recorded("interleaved_p2_v2_m4.compute_only.csv")).ranks);
}

TEST(PyTorchCsv, ReadsOverlappedPairs) {
  const Schedule schedule = parse(recorded("dualpipe_v_p4_m10.compute_comms.csv"));
  const Schedule ours =
      generate_schedule("dualpipe_v", {.stages_per_chunk = 4, .chunks = 2, .microbatches = 10});
  EXPECT_EQ(schedule.ranks, ours.ranks);
  EXPECT_EQ(schedule.placement, Placement::kV);
}

TEST(PyTorchCsv, WritesWhatItReads) {
  const std::string rows =
      "0F0,3F0,3B0,(0F1;0B0)OVERLAP_F_B,3F1,3B1,0B1\n"
      "1F0,2F0,2B0,1B0,1F1,2F1,2B1,1B1\n";
  EXPECT_EQ(to_pytorch_csv(parse(rows)), rows);
}

TEST(PyTorchCsv, SkipsIdleCellsAndQuotedOnes) {
  EXPECT_EQ(to_string(parse("0F0,, 0F1 ,\"\",\"0B0\",0B1\n").ranks[0]), "0F0 0F1 0B0 0B1");
}

TEST(PyTorchCsv, InfersShapeAndPlacement) {
  const Schedule bidirectional = parse("0F0,1F1,1B1,0B0\n0F1,1F0,1B0,0B1\n");
  EXPECT_EQ(bidirectional.placement, Placement::kBidirectional);
  EXPECT_EQ(bidirectional.replicas, 2);
  EXPECT_EQ(bidirectional.num_stages(), 2);
  EXPECT_EQ(bidirectional.shape.chunks, 2);
  EXPECT_EQ(bidirectional.shape.microbatches, 2);

  const Schedule blocked = parse("0F0,1F0,1B0,0B0\n2F0,3F0,3B0,2B0\n");
  EXPECT_EQ(blocked.placement, Placement::kGiven);
  EXPECT_THAT(blocked.stage_rank, ElementsAre(ElementsAre(0, 0, 1, 1)));
}

TEST(PyTorchCsv, TellsTheOldNotationFromTheNew) {
  const PyTorchCsv old = parse_pytorch_csv("0F0,0F1,0B0,0W0,0BW1\n", "a.csv");
  EXPECT_TRUE(old.old_notation);
  EXPECT_EQ(to_string(old.schedule.ranks[0]), "0F0 0F1 0I0 0W0 0B1");
  const PyTorchCsv modern = parse_pytorch_csv("0F0,0F1,0I0,0W0,0B1\n", "a.csv");
  EXPECT_FALSE(modern.old_notation);
  EXPECT_EQ(modern.schedule.ranks, old.schedule.ranks);
}

TEST(PyTorchCsv, RefusesAMixtureOfBothNotations) {
  EXPECT_THAT(problems("0F0,0F1,0B0,0W0,0I1,0W1\n"), ElementsAre(HasSubstr("older notation")));
}

TEST(PyTorchCsv, NamesRowCellAndOperationOfWhatIsNone) {
  EXPECT_THAT(problems("0F0,0B0\n1F0,1Q0,1b0\n"),
              ElementsAre("a.csv:2:5: row 2, cell 2: '1Q0' is no operation (an operation is "
                          "{stage}{F|B|I|W}{microbatch}, such as 3F12)",
                          HasSubstr("a.csv:2:9: row 2, cell 3: '1b0'")));
  EXPECT_THAT(problems("0F0junk,0B0\n"), ElementsAre(HasSubstr("'0F0junk'")));
  EXPECT_THAT(problems("0F,0B0\n"), ElementsAre(HasSubstr("'0F' is no operation")));
  EXPECT_THAT(problems("(0F0;0B0,0B1\n"), ElementsAre(HasSubstr("(3F1;0B0)OVERLAP_F_B")));
}

TEST(PyTorchCsv, NamesWhatStandsTwiceAndWhatIsTorn) {
  EXPECT_THAT(problems("0F0,0F0,0B0\n"),
              ElementsAre(AllOf(HasSubstr("row 1, cell 2: 0F0 stands twice"),
                                HasSubstr("also in row 1, cell 1"))));
  EXPECT_THAT(problems("0F0\n0B0\n"),
              ElementsAre(HasSubstr("row 2, cell 1: 0B0 is on another rank than 0F0")));
}

TEST(PyTorchCsv, NamesWhatIsMissing) {
  EXPECT_THAT(problems("0F0,0B0,0F1\n"),
              ElementsAre(HasSubstr("the backward of stage 0, micro-batch 1 is missing")));
  EXPECT_THAT(problems("0F0,0B0\n2F0,2B0\n"),
              ElementsAre(HasSubstr("stage 1 never runs micro-batch 0")));
  EXPECT_THAT(problems("0F0,0B0\n\n1F0,1B0\n"), ElementsAre(HasSubstr("row 2 has no operations")));
  EXPECT_THAT(problems(""), ElementsAre(HasSubstr("has no operations")));
}

TEST(PyTorchCsv, RefusesIndicesThatTheFileCannotHold) {
  EXPECT_THAT(problems("0F0,0B0,99999999F99999999\n"),
              ElementsAre(HasSubstr("names stages up to 99999999")));
}

TEST(PyTorchCsv, NamesTheWaitingCycle) {
  EXPECT_THAT(problems("0F0,0B0,0F1,0B1\n1F1,1B1,1F0,1B0\n"),
              ElementsAre(AllOf(HasSubstr("rank 0 waits at 0B0 for 1B0 of rank 1"),
                                HasSubstr("rank 1 waits at 1F1 for 0F1 of rank 0"))));
}

TEST(PyTorchCsv, NamesAFileThatCannotBeRead) {
  EXPECT_THROW(load_pytorch_csv("/nowhere/order.csv"), InputError);
}

}  // namespace
}  // namespace plumbline
