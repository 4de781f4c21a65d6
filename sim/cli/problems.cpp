#include "sim/cli/problems.h"

#include <algorithm>
#include <fstream>
#include <string_view>

namespace plumbline {
namespace {

constexpr std::size_t kWidest = 160;

std::string line_of(const SourceLocation& at) {
  std::ifstream file(at.file);
  std::string line;
  for (int number = 1; number <= at.line; ++number) {
    if (!std::getline(file, line)) return {};
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

/// The line and a mark under the word that starts at the column.
std::string excerpt(const SourceLocation& at) {
  if (at.line <= 0) return {};
  const std::string line = line_of(at);
  const std::size_t start = static_cast<std::size_t>(std::max(at.column, 1)) - 1;
  if (start >= line.size() || line.size() > kWidest) return {};
  const std::size_t end = std::min(line.find_first_of(" ,}]:#", start), line.size());
  std::string number = std::to_string(at.line);
  number.insert(0, number.size() < 5 ? 5 - number.size() : 0, ' ');
  std::string mark = line.substr(0, start);
  // A tab stays a tab, so that the mark stands under its word.
  std::ranges::replace_if(
      mark, [](char c) { return c != '\t'; }, ' ');
  mark += '^';
  if (end > start + 1) mark += std::string(end - start - 1, '~');
  return number + " | " + line + "\n" + std::string(number.size(), ' ') + " | " + mark + "\n";
}

}  // namespace

std::string problems_text(const InputError& error) {
  std::string text;
  for (const Diagnostic& problem : error.diagnostics()) {
    text += to_string(problem) + "\n" + excerpt(problem.at);
  }
  const std::size_t count = error.diagnostics().size();
  text += count == 1 ? "1 problem" : std::to_string(count) + " problems";
  return text + "; nothing was simulated.\n";
}

}  // namespace plumbline
