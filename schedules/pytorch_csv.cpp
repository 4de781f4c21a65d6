#include "schedules/pytorch_csv.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "schedules/build.h"
#include "schedules/check.h"
#include "schedules/pytorch_csv_tokens.h"
#include "sim/core/diagnostic.h"

namespace plumbline {
namespace {

constexpr std::size_t kMostProblems = 20;

// What stands at one (stage, micro-batch), by letter: the first token that said so.
using Cell = std::array<const CsvToken*, 5>;

class Importer {
 public:
  Importer(std::string_view text, const std::string& file)
      : file_(file), tokens_(tokenize_pytorch_csv(text, file)) {}

  PyTorchCsv import() && {
    throw_if_any(tokens_.problems);
    measure();
    index();
    throw_if_any(problems_);
    PyTorchCsv result;
    result.had_communication = tokens_.had_communication;
    result.old_notation = uses_old_notation();
    throw_if_any(problems_);
    build(result);
    std::vector<Diagnostic> broken = schedule_problems(result.schedule);
    for (Diagnostic& each : broken) each.at.file = file_;
    throw_if_any(broken);
    return result;
  }

 private:
  static void throw_if_any(const std::vector<Diagnostic>& problems) {
    if (!problems.empty()) throw InputError(problems);
  }
  void whole_file_problem(const std::string& text, const std::string& hint = {}) {
    Diagnostic diagnostic;
    diagnostic.at.file = file_;
    diagnostic.problem = text;
    diagnostic.hint = hint;
    throw InputError({diagnostic});
  }
  void token_problem(const CsvToken& token, const std::string& text, const std::string& hint = {}) {
    if (problems_.size() < kMostProblems) {
      problems_.push_back(csv_problem(file_, token, to_string(token) + " " + text, hint));
    }
  }

  // P, the number of stages and M.  Every stage and micro-batch needs a forward, so indices beyond
  // what the file can hold are a slip, caught before anything is allocated for them.
  void measure() {
    std::size_t operations = 0;
    for (std::size_t row = 0; row < tokens_.rows.size(); ++row) {
      if (tokens_.rows[row].empty()) {
        whole_file_problem("row " + std::to_string(row + 1) + " has no operations",
                           "every row is a rank");
      }
      operations += tokens_.rows[row].size();
      for (const CsvToken& token : tokens_.rows[row]) {
        stages_ = std::max(stages_, token.stage + 1);
        microbatches_ = std::max(microbatches_, token.microbatch + 1);
      }
    }
    if (operations == 0) whole_file_problem("has no operations");
    const std::size_t needed = static_cast<std::size_t>(stages_) * microbatches_;
    if (needed > operations) {
      whole_file_problem("names stages up to " + std::to_string(stages_ - 1) +
                         " and micro-batches up to " + std::to_string(microbatches_ - 1) +
                         ", which takes " + std::to_string(needed) + " forwards, but has " +
                         std::to_string(operations) + " operations");
    }
  }

  Cell& cell(int stage, int microbatch) {
    return cells_[static_cast<std::size_t>(stage) * microbatches_ + microbatch];
  }

  void index() {
    cells_.resize(static_cast<std::size_t>(stages_) * microbatches_);
    for (const auto& row : tokens_.rows) {
      for (const CsvToken& token : row) {
        Cell& here = cell(token.stage, token.microbatch);
        const CsvToken*& seen = here[static_cast<int>(token.op)];
        if (seen != nullptr) {
          token_problem(token, "stands twice",
                        "also in row " + std::to_string(seen->row + 1) + ", cell " +
                            std::to_string(seen->cell + 1));
          continue;
        }
        for (const CsvToken* other : here) {
          if (other == nullptr || other->row == token.row) continue;
          token_problem(token, "is on another rank than " + to_string(*other),
                        "that is in row " + std::to_string(other->row + 1) + ", cell " +
                            std::to_string(other->cell + 1));
          break;
        }
        seen = &token;
      }
    }
  }

  bool uses_old_notation() {
    const CsvToken* old = nullptr;
    const CsvToken* modern = nullptr;
    for (const Cell& here : cells_) {
      const auto at = [&](CsvOp op) { return here[static_cast<int>(op)]; };
      if (at(CsvOp::kBW) != nullptr) old = at(CsvOp::kBW);
      if (at(CsvOp::kB) != nullptr && at(CsvOp::kW) != nullptr) old = at(CsvOp::kB);
      if (at(CsvOp::kI) != nullptr) modern = at(CsvOp::kI);
    }
    if (old != nullptr && modern != nullptr) {
      token_problem(*old, "is PyTorch's older notation, " + to_string(*modern) + " its newer one",
                    "B is the input gradient and BW the full backward in the older; I and B in "
                    "the newer; a file keeps to one");
    }
    return old != nullptr;
  }

  static OpKind kind_of(CsvOp op, bool old_notation) {
    switch (op) {
      case CsvOp::kF:
        return OpKind::kForward;
      case CsvOp::kB:
        return old_notation ? OpKind::kInputGrad : OpKind::kBackward;
      case CsvOp::kI:
        return OpKind::kInputGrad;
      case CsvOp::kW:
        return OpKind::kWeightGrad;
      case CsvOp::kBW:
        break;
    }
    return OpKind::kBackward;
  }

  // The ranks that a micro-batch visits; where nothing of a stage stands, -1.
  std::vector<int> way_of(int microbatch) {
    std::vector<int> way(stages_, -1);
    for (int stage = 0; stage < stages_; ++stage) {
      for (const CsvToken* token : cell(stage, microbatch)) {
        if (token != nullptr) way[stage] = token->row;
      }
    }
    return way;
  }

  // Micro-batches that take the same way through the ranks share a copy of the weights.
  std::vector<int> replica_of_microbatches(Schedule& schedule) {
    std::map<std::vector<int>, int> replica_of_way;
    std::vector<int> replica(microbatches_);
    for (int mb = 0; mb < microbatches_; ++mb) {
      const std::vector<int> way = way_of(mb);
      if (const auto gap = std::ranges::find(way, -1); gap != way.end()) {
        whole_file_problem("stage " + std::to_string(gap - way.begin()) +
                           " never runs micro-batch " + std::to_string(mb));
      }
      const auto [entry, fresh] = replica_of_way.emplace(way, replica_of_way.size());
      if (fresh) schedule.stage_rank.push_back(way);
      if (schedule.stage_rank.size() > 2) {
        whole_file_problem(
            "micro-batch " + std::to_string(mb) + " takes a third way through the ranks",
            "a stage sits on one rank, or on two for two directions");
      }
      replica[mb] = entry->second;
    }
    return replica;
  }

  void build(PyTorchCsv& result) {
    Schedule& schedule = result.schedule;
    const std::vector<int> replica = replica_of_microbatches(schedule);
    const int ranks = static_cast<int>(tokens_.rows.size());
    schedule.name = "csv";
    schedule.replicas = static_cast<int>(schedule.stage_rank.size());
    schedule.shape = {ranks, (stages_ * schedule.replicas + ranks - 1) / ranks, microbatches_};
    schedule.placement = Placement::kGiven;
    for (const Placement known :
         {Placement::kLoop, Placement::kV, Placement::kWave, Placement::kBidirectional}) {
      if (known == Placement::kV && schedule.shape.chunks != 2) continue;
      if (stage_ranks(known, schedule.shape) != schedule.stage_rank) continue;
      schedule.placement = known;
      break;
    }
    schedule.ranks.resize(ranks);
    for (int rank = 0; rank < ranks; ++rank) {
      for (const CsvToken& token : tokens_.rows[rank]) {
        schedule.ranks[rank].push_back({kind_of(token.op, result.old_notation), token.overlaps_next,
                                        static_cast<std::uint8_t>(replica[token.microbatch]),
                                        token.stage, token.microbatch});
      }
    }
  }

  const std::string& file_;
  CsvTokens tokens_;
  int stages_ = 0;
  int microbatches_ = 0;
  std::vector<Cell> cells_;  // [stages][micro-batches]
  std::vector<Diagnostic> problems_;
};

}  // namespace

PyTorchCsv parse_pytorch_csv(std::string_view text, const std::string& file) {
  return Importer(text, file).import();
}

PyTorchCsv load_pytorch_csv(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::string text;
  if (stream) text.assign(std::istreambuf_iterator<char>(stream), {});
  if (!stream) {
    Diagnostic diagnostic;
    diagnostic.at.file = path;
    diagnostic.problem = "cannot be read";
    throw InputError({diagnostic});
  }
  return parse_pytorch_csv(text, path);
}

std::string to_pytorch_csv(const Schedule& schedule) {
  std::string text;
  for (const std::vector<Op>& ops : schedule.ranks) {
    bool inside_pair = false;
    for (std::size_t i = 0; i < ops.size(); ++i) {
      if (i > 0 && !inside_pair) text += ',';
      if (ops[i].overlaps_next && !inside_pair) text += '(';
      text += to_string(ops[i]);
      if (ops[i].overlaps_next) text += ';';
      if (inside_pair && !ops[i].overlaps_next) text += ")OVERLAP_F_B";
      inside_pair = ops[i].overlaps_next;
    }
    text += '\n';
  }
  return text;
}

}  // namespace plumbline
