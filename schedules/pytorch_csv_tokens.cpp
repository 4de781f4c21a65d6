#include "schedules/pytorch_csv_tokens.h"

#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <utility>

namespace plumbline {
namespace {

constexpr std::size_t kMostProblems = 20;
constexpr std::string_view kPair = "OVERLAP_F_B";

struct Word {
  std::string_view letters;
  CsvOp op;
};
constexpr std::array<Word, 5> kCompute{
    {{"F", CsvOp::kF}, {"B", CsvOp::kB}, {"I", CsvOp::kI}, {"W", CsvOp::kW}, {"BW", CsvOp::kBW}}};
constexpr std::array<std::string_view, 7> kCommunication{
    "SEND_F", "RECV_F", "SEND_B", "RECV_B", "UNSHARD", "RESHARD", "REDUCE_GRAD"};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes digits off the front; nullopt when there are none or they are no index.
std::optional<int> take_index(std::string_view& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value < 0 || value > 100'000'000) return std::nullopt;
  text.remove_prefix(end - text.data());
  return value;
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  CsvTokens read() && {
    int row = 0;
    std::size_t begin = 0;
    while (begin < text_.size()) {
      std::size_t end = text_.find('\n', begin);
      if (end == std::string_view::npos) end = text_.size();
      std::string_view line = text_.substr(begin, end - begin);
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      result_.rows.emplace_back();
      read_row(line, row++);
      begin = end + 1;
    }
    while (!result_.rows.empty() && result_.rows.back().empty()) result_.rows.pop_back();
    return std::move(result_);
  }

 private:
  void read_row(std::string_view line, int row) {
    std::size_t begin = 0;
    for (int cell = 0; begin <= line.size(); ++cell) {
      std::size_t end = line.find(',', begin);
      if (end == std::string_view::npos) end = line.size();
      std::string_view text = trimmed(line.substr(begin, end - begin));
      if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
        text = trimmed(text.substr(1, text.size() - 2));
      }
      CsvToken place{CsvOp::kF, 0, 0, false, row, cell, static_cast<int>(begin) + 1};
      if (!text.empty()) read_cell(text, place);
      begin = end + 1;
    }
  }

  void read_cell(std::string_view text, const CsvToken& place) {
    if (text.front() != '(') {
      read_operation(text, place, false);
      return;
    }
    const std::size_t close = text.find(')');
    if (close == std::string_view::npos || text.substr(close + 1) != kPair) {
      refuse(place, text, "an overlapped pair is (3F1;0B0)OVERLAP_F_B");
      return;
    }
    std::string_view inside = text.substr(1, close - 1);
    while (!inside.empty()) {
      const std::size_t end = std::min(inside.find(';'), inside.size());
      const std::string_view part = trimmed(inside.substr(0, end));
      inside.remove_prefix(std::min(end + 1, inside.size()));
      read_operation(part, place, !inside.empty());
    }
  }

  void read_operation(std::string_view text, CsvToken token, bool overlaps_next) {
    std::string_view rest = text;
    const auto stage = take_index(rest);
    std::size_t length = 0;
    while (length < rest.size() &&
           (std::isupper(static_cast<unsigned char>(rest[length])) || rest[length] == '_')) {
      ++length;
    }
    const std::string_view word = rest.substr(0, length);
    rest.remove_prefix(length);
    if (stage) {
      for (const std::string_view each : kCommunication) {
        if (word != each) continue;
        result_.had_communication = true;
        return;
      }
    }
    const auto microbatch = take_index(rest);
    for (const Word& each : kCompute) {
      if (word != each.letters || !stage || !microbatch || !rest.empty()) continue;
      token.op = each.op;
      token.stage = *stage;
      token.microbatch = *microbatch;
      token.overlaps_next = overlaps_next;
      result_.rows[token.row].push_back(token);
      return;
    }
    refuse(token, text, "an operation is {stage}{F|B|I|W}{microbatch}, such as 3F12");
  }

  void refuse(const CsvToken& place, std::string_view text, const std::string& hint) {
    if (result_.problems.size() >= kMostProblems) return;
    result_.problems.push_back(
        csv_problem(file_, place, std::string("'").append(text).append("' is no operation"), hint));
  }

  std::string_view text_;
  const std::string& file_;
  CsvTokens result_;
};

}  // namespace

CsvTokens tokenize_pytorch_csv(std::string_view text, const std::string& file) {
  return Reader(text, file).read();
}

Diagnostic csv_problem(const std::string& file, const CsvToken& token, const std::string& problem,
                       const std::string& hint) {
  Diagnostic diagnostic;
  diagnostic.at.file = file;
  diagnostic.at.line = token.row + 1;
  diagnostic.at.column = token.column;
  diagnostic.problem = "row " + std::to_string(token.row + 1) + ", cell " +
                       std::to_string(token.cell + 1) + ": " + problem;
  diagnostic.hint = hint;
  return diagnostic;
}

std::string to_string(const CsvToken& token) {
  for (const Word& each : kCompute) {
    if (each.op != token.op) continue;
    return std::to_string(token.stage) + std::string(each.letters) +
           std::to_string(token.microbatch);
  }
  return {};
}

}  // namespace plumbline
