// A CSV of samples: a header line, then rows of plain cells (no quotes), read in one pass.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plumbline {

class CsvTable {
 public:
  /// @param file only named in problems
  /// @throws InputError for an empty text or a row of another width, with its line
  static CsvTable parse(std::string text, std::string file);

  std::size_t rows() const { return columns_.empty() ? 0 : cells_.size() / columns_.size(); }
  const std::vector<std::string>& columns() const { return columns_; }
  bool has(std::string_view column) const;

  std::string_view text(std::size_t row, std::size_t column) const {
    const Cell& cell = cells_[row * columns_.size() + column];
    return std::string_view(text_).substr(cell.begin, cell.size);
  }
  /// @throws InputError when the cell is no finite number
  double number(std::size_t row, std::size_t column) const;

  /// The same, refusing what does not lie in [low, high].
  double number_in(std::size_t row, std::size_t column, double low, double high) const;

  /// Index of a column. @throws InputError naming the columns there are
  std::size_t column(std::string_view name) const;

  /// All numbers of a column, in the order of the rows.
  std::vector<double> numbers(std::string_view name) const;
  /// The same, refusing what does not lie in [low, high].
  std::vector<double> numbers_in(std::string_view name, double low, double high) const;

  /// Name of the file, for messages.
  const std::string& file() const { return file_; }
  /// Refuses a row, with its line. @throws InputError always
  [[noreturn]] void fail(std::size_t row, std::string problem, std::string hint = {}) const;

 private:
  struct Cell {
    std::size_t begin = 0, size = 0;
  };
  std::string file_;
  std::string text_;
  std::vector<std::string> columns_;
  std::vector<Cell> cells_;
};

/// The bytes of a file. @throws InputError when it cannot be read
std::string read_file(const std::string& path);

}  // namespace plumbline
