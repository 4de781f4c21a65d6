#include "calibration/measure/box_plan.h"

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "sim/kernels/csv_table.h"
#include "sim/kernels/problem.h"

namespace plumbline::measure {
namespace {

constexpr const char* kFirstLine = "plumbline.box_plan/1";
constexpr std::string_view kSections[] = {"solo", "same", "cross", "reference", "replay"};

void write_program(std::ostringstream& out, const char* role, const BoxProgram& program) {
  out << "program " << role << " " << program.name << "\n";
  for (const BoxOp& op : program.ops) {
    out << "op " << op.rank << " " << op.kind << " " << op.stage << " " << op.microbatch;
    for (const int before : op.after) out << " " << before;
    out << "\n";
  }
}

class PlanReader {
 public:
  PlanReader(const std::string& text, const std::string& path) : in_(text), path_(path) {}

  BoxPlan read() {
    std::string line;
    std::getline(in_, line);
    if (line != kFirstLine)
      fail("is no plan of a box", std::string("its first line is ") + kFirstLine);
    while (std::getline(in_, line)) {
      ++line_;
      if (!line.empty()) read_line(line);
    }
    if (plan_.replay.ops.empty()) fail("has no program called replay");
    return plan_;
  }

 private:
  [[noreturn]] void fail(const std::string& problem, const std::string& hint = {}) const {
    throw problem_at(path_, line_, problem, hint);
  }

  void read_line(const std::string& line) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word == "mode") {
      words >> plan_.mode;
      if (plan_.mode != "spin" && plan_.mode != "tensor" && plan_.mode != "gemm") {
        fail("no mode is called '" + plan_.mode + "'", "spin, tensor or gemm");
      }
    } else if (word == "ranks") {
      whole(words, plan_.ranks, 1, 64);
    } else if (word == "iterations") {
      whole(words, plan_.iterations, 1, 10000);
    } else if (word == "transfer_bytes") {
      whole(words, plan_.transfer_bytes, 0LL, 1LL << 32);
    } else if (word == "op_us") {
      char kind = ' ';
      double us = 0;
      if (!(words >> kind >> us) || !(us > 0) || !plan_.op_us.count(kind)) {
        fail("op_us wants F, I or W and microseconds above 0");
      }
      plan_.op_us[kind] = us;
    } else if (word == "gemm") {
      for (long long& dimension : plan_.gemm) whole(words, dimension, 16LL, 1LL << 20);
    } else if (word == "program") {
      std::string role;
      words >> role;
      if (role != "replay" && role != "reference") fail("programs are replay and reference");
      program_ = role == "replay" ? &plan_.replay : &plan_.reference;
      if (!(words >> program_->name)) fail("the program has no name");
    } else if (word == "op") {
      read_op(words);
    } else {
      fail("no line begins with '" + word + "'");
    }
  }

  template <typename Number>
  void whole(std::istringstream& words, Number& value, Number low, Number high) {
    if (!(words >> value) || value < low || value > high) {
      fail("wants a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    }
  }

  void read_op(std::istringstream& words) {
    if (!program_) fail("an operation stands before the first program");
    BoxOp op;
    whole(words, op.rank, 0, plan_.ranks - 1);
    if (!(words >> op.kind) || std::string_view("FBIW").find(op.kind) == std::string_view::npos) {
      fail("an operation is F, B, I or W");
    }
    whole(words, op.stage, 0, 1 << 20);
    whole(words, op.microbatch, 0, 1 << 20);
    int before = 0;
    while (words >> before) {
      if (before < 0 || before >= static_cast<int>(program_->ops.size())) {
        fail("needs operation " + std::to_string(before) + ", which does not stand before it");
      }
      op.after.push_back(before);
    }
    if (!words.eof()) fail("the numbers of operations that must end before are whole numbers");
    program_->ops.push_back(std::move(op));
  }

  std::istringstream in_;
  const std::string& path_;
  int line_ = 1;
  BoxPlan plan_;
  BoxProgram* program_ = nullptr;
};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

}  // namespace

std::string to_string(const BoxOp& op) {
  std::string text = std::to_string(op.stage);
  text += op.kind;
  text += std::to_string(op.microbatch);
  return text;
}

std::string to_text(const BoxPlan& plan) {
  std::ostringstream out;
  out << kFirstLine << "\nmode " << plan.mode << "\nranks " << plan.ranks << "\niterations "
      << plan.iterations << "\ntransfer_bytes " << plan.transfer_bytes << "\n";
  for (const auto& [kind, us] : plan.op_us) out << "op_us " << kind << " " << us << "\n";
  out << "gemm " << plan.gemm[0] << " " << plan.gemm[1] << " " << plan.gemm[2] << "\n";
  write_program(out, "reference", plan.reference);
  write_program(out, "replay", plan.replay);
  return out.str();
}

BoxPlan read_box_plan(const std::string& text, const std::string& path) {
  return PlanReader(text, path).read();
}

std::string to_csv(const std::vector<BoxRow>& timeline) {
  std::string text = "section,iteration,rank,op,start_us,end_us\n";
  for (const BoxRow& row : timeline) {
    text += row.section + "," + std::to_string(row.iteration) + "," + std::to_string(row.rank) +
            "," + row.op + "," + number(row.start_us) + "," + number(row.end_us) + "\n";
  }
  return text;
}

std::vector<BoxRow> read_box_timeline(const std::string& text, const std::string& path) {
  const CsvTable csv = CsvTable::parse(text, path);
  const auto iteration = csv.numbers("iteration"), rank = csv.numbers("rank"),
             start = csv.numbers("start_us"), end = csv.numbers("end_us");
  const std::size_t section = csv.column("section"), op = csv.column("op");
  std::vector<BoxRow> rows;
  for (std::size_t i = 0; i < csv.rows(); ++i) {
    BoxRow row;
    row.section = csv.text(i, section);
    row.op = csv.text(i, op);
    const int line = static_cast<int>(i) + 2;
    if (std::find(std::begin(kSections), std::end(kSections), row.section) == std::end(kSections)) {
      throw problem_at(path, line, "no section is called '" + row.section + "'",
                       "solo, same, cross, reference or replay");
    }
    if (!(iteration[i] >= 0 && iteration[i] < 1e6) || !(rank[i] >= 0 && rank[i] < 1e6)) {
      throw problem_at(path, line, "iteration and rank are whole numbers from 0");
    }
    // Gaps may come out a little below zero: events have a resolution of half a microsecond.
    const bool gap = row.section == "same" || row.section == "cross";
    if (end[i] < start[i] && !gap) throw problem_at(path, line, "ends before it starts");
    row.iteration = static_cast<int>(iteration[i]);
    row.rank = static_cast<int>(rank[i]);
    row.start_us = start[i];
    row.end_us = end[i];
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace plumbline::measure
