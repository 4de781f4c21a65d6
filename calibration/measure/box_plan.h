// What the box replays, and what it writes down: the two files between `plumbline calibrate box`,
// which knows schedules, and `plumbline-measure box`, which knows the GPU.
//
// The plan is text, a word and its values per line:
//   plumbline.box_plan/1
//   mode gemm                      spin, tensor or gemm
//   ranks 4
//   iterations 20
//   transfer_bytes 0               copied on the device for every hop between ranks; 0: none
//   op_us F 500                    about how long an operation shall take alone (F, I, W; B is I +
//   W) gemm 2048 4096 4096            m n k of the products that operations are made of (mode gemm)
//   program replay 1f1b            then its operations; the other program is `reference`
//   op 0 F 0 0                     rank, kind, stage, micro-batch, and the numbers of the
//   op 1 F 1 0 0                   operations (from 0, in this program) that must end before
// The timeline is CSV: section,iteration,rank,op,start_us,end_us. Sections: solo (operations of one
// rank, the others idle; op is "3F"), same (the gap between two operations of a rank), cross
// (between ranks, transfers included; both with start_us 0), reference and replay (op is "3F12").
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace plumbline::measure {

struct BoxOp {
  int rank = 0;
  char kind = 'F';  ///< F, B, I or W
  int stage = 0, microbatch = 0;
  std::vector<int> after;  ///< numbers of operations that must end before, the rank's own included
  friend bool operator==(const BoxOp&, const BoxOp&) = default;
};

/// "3F12"
std::string to_string(const BoxOp& op);

/// Operations in an order in which each stands behind those it needs; a rank runs its own in it.
struct BoxProgram {
  std::string name;
  std::vector<BoxOp> ops;
  friend bool operator==(const BoxProgram&, const BoxProgram&) = default;
};

struct BoxPlan {
  std::string mode = "gemm";
  int ranks = 1, iterations = 20;
  long long transfer_bytes = 0;
  std::map<char, double> op_us{{'F', 500}, {'I', 500}, {'W', 500}};
  long long gemm[3] = {2048, 4096, 4096};
  BoxProgram replay, reference;
};

std::string to_text(const BoxPlan& plan);

/// @throws InputError for a line that does not read, naming it, or an operation before its needs
BoxPlan read_box_plan(const std::string& text, const std::string& path);

struct BoxRow {
  std::string section;
  int iteration = 0, rank = 0;
  std::string op;
  double start_us = 0, end_us = 0;
  double duration_us() const { return end_us - start_us; }
};

std::string to_csv(const std::vector<BoxRow>& timeline);

/// @throws InputError for another layout, an unknown section or a time that runs backwards
std::vector<BoxRow> read_box_timeline(const std::string& text, const std::string& path);

}  // namespace plumbline::measure
