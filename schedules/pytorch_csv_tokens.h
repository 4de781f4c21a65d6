// The cells of a PyTorch schedule CSV, one by one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/core/diagnostic.h"

namespace plumbline {

enum class CsvOp : std::uint8_t {
  kF,
  kB,  ///< full backward, or input gradient in the old notation
  kI,
  kW,
  kBW,  ///< old notation: full backward
};

/// One operation of a cell; a pair gives two, the first with `overlaps_next`.
struct CsvToken {
  CsvOp op;
  int stage;
  int microbatch;
  bool overlaps_next;
  int row;     ///< from 0: the rank
  int cell;    ///< from 0, idle cells counted
  int column;  ///< from 1: where the cell starts in its line
};

struct CsvTokens {
  std::vector<std::vector<CsvToken>> rows;
  bool had_communication = false;
  std::vector<Diagnostic> problems;
};

CsvTokens tokenize_pytorch_csv(std::string_view text, const std::string& file);

/// "row 2, cell 5" with the place in the file, to begin a problem of that token.
Diagnostic csv_problem(const std::string& file, const CsvToken& token, const std::string& problem,
                       const std::string& hint = {});

/// "3F12"
std::string to_string(const CsvToken& token);

}  // namespace plumbline
