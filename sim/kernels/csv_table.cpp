#include "sim/kernels/csv_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <utility>

#include "sim/kernels/problem.h"

namespace plumbline {
namespace {

// As few digits as tell the number: 0.001, 1e+06.
std::string shortest(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

}  // namespace

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw problem_at(path, 0, "cannot be read");
  in.seekg(0, std::ios::end);
  std::string text(static_cast<std::size_t>(std::max<std::streamoff>(0, in.tellg())), '\0');
  in.seekg(0);
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) throw problem_at(path, 0, "cannot be read");
  return text;
}

CsvTable CsvTable::parse(std::string text, std::string file) {
  CsvTable table;
  table.file_ = std::move(file);
  table.text_ = std::move(text);
  const std::string& bytes = table.text_;
  table.cells_.reserve(bytes.size() / 5);
  std::size_t at = 0;
  for (int line = 1; at < bytes.size(); ++line) {
    const std::size_t newline = std::min(bytes.find('\n', at), bytes.size());
    std::size_t end = newline;
    if (end > at && bytes[end - 1] == '\r') --end;
    if (end > at) {
      std::size_t width = 0;
      for (std::size_t begin = at; begin <= end; ++width) {
        const auto* comma = static_cast<const char*>(
            std::char_traits<char>::find(bytes.data() + begin, end - begin, ','));
        const std::size_t stop = comma ? static_cast<std::size_t>(comma - bytes.data()) : end;
        if (line == 1) {
          table.columns_.push_back(bytes.substr(begin, stop - begin));
        } else {
          table.cells_.push_back({begin, stop - begin});
        }
        begin = stop + 1;
      }
      if (line > 1 && width != table.columns_.size()) {
        throw problem_at(table.file_, line,
                         "has " + std::to_string(width) + " cells; the header has " +
                             std::to_string(table.columns_.size()));
      }
    }
    at = newline + 1;
  }
  if (table.columns_.empty()) {
    throw problem_at(table.file_, 1, "is empty", "a header line names the columns");
  }
  return table;
}

void CsvTable::fail(std::size_t row, std::string problem, std::string hint) const {
  // Empty lines are no rows: the line is counted where the row stands.
  const std::size_t at = row < rows() ? cells_[row * columns_.size()].begin : text_.size();
  const auto line =
      1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  throw problem_at(file_, static_cast<int>(line), std::move(problem), std::move(hint));
}

bool CsvTable::has(std::string_view column) const {
  return std::find(columns_.begin(), columns_.end(), column) != columns_.end();
}

std::size_t CsvTable::column(std::string_view name) const {
  const auto it = std::find(columns_.begin(), columns_.end(), name);
  if (it != columns_.end()) return static_cast<std::size_t>(it - columns_.begin());
  std::string known;
  for (const std::string& column : columns_) known += (known.empty() ? "" : ", ") + column;
  throw problem_at(file_, 1, "has no column '" + std::string(name) + "'",
                   "its columns are " + known);
}

double CsvTable::number(std::size_t row, std::size_t column) const {
  const std::string_view cell = text(row, column);
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc() || end != cell.data() + cell.size() || !std::isfinite(value)) {
    fail(row, columns_[column] + " is '" + std::string(cell) + "', not a number");
  }
  return value;
}

double CsvTable::number_in(std::size_t row, std::size_t column, double low, double high) const {
  const double value = number(row, column);
  if (!(value >= low && value <= high)) {
    fail(row, columns_[column] + " is " + std::string(text(row, column)),
         "it must lie between " + shortest(low) + " and " + shortest(high));
  }
  return value;
}

std::vector<double> CsvTable::numbers_in(std::string_view name, double low, double high) const {
  const std::size_t index = column(name);
  std::vector<double> values(rows());
  for (std::size_t row = 0; row < values.size(); ++row) {
    values[row] = number_in(row, index, low, high);
  }
  return values;
}

std::vector<double> CsvTable::numbers(std::string_view name) const {
  const std::size_t index = column(name);
  std::vector<double> values(rows());
  for (std::size_t row = 0; row < values.size(); ++row) values[row] = number(row, index);
  return values;
}

}  // namespace plumbline
