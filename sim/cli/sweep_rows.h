// The texts of a sweep: its CSV's header and rows, its JSON lines, and rows read back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/cli/sweep_axes.h"
#include "sim/cli/sweep_front.h"
#include "sim/measure/result.h"
#include "sim/run/run_serving.h"

namespace plumbline {

/// What all points of a sweep have in common: they train, or they serve.
struct SweepKind {
  bool serves = false;
  bool max_rate = false;  ///< each at the highest rate within its objectives
};

/// A scenario serves where its file, a setting or an axis says so.
/// @param find  of --find: "" or "max_rate"
/// @throws InputError at --find for anything else, or where the scenario trains
SweepKind sweep_kind(const std::string& scenario, const std::vector<Override>& settings,
                     const std::vector<SweepAxis>& axes, const std::string& find);

/// The swept paths, the keys of a result, `fits` and `error`.
std::string sweep_header(const std::vector<SweepAxis>& axes, SweepKind kind = {});

/// "8,1f1b": how the row of a point begins.
std::string first_cells(const std::vector<Override>& point);

std::string sweep_row(const std::vector<Override>& point, const Result& result);
std::string sweep_row(const std::vector<Override>& point, const ServedRun& run, SweepKind kind);
std::string sweep_row(const std::vector<Override>& point, const InputError& error,
                      SweepKind kind = {});

/// {"set": {...}, "result": {...} or null, "error": ""} on one line, without the wall time.
std::string sweep_json(const std::vector<Override>& point, const Result& result);
std::string sweep_json(const std::vector<Override>& point, const ServedRun& run);
std::string sweep_json(const std::vector<Override>& point, const InputError& error);

/// Every problem of an error on one line.
std::string one_line(const InputError& error);

/// What the columns of a row say; nullopt for an invalid point.
class RowReader {
 public:
  explicit RowReader(const std::string& header);
  std::optional<SweepFigures> figures(const std::string& row, std::size_t index,
                                      std::size_t num_axes) const;
  /// "" for a valid point.
  std::string error(const std::string& row) const;

 private:
  class Cells;
  std::vector<std::string> names_;
  bool serves_ = false, searched_ = false;
};

/// What an interrupted or finished sweep left in a CSV.
struct FinishedRows {
  std::uint64_t bytes = 0;  ///< of the header and the whole rows
  std::size_t points = 0;   ///< how many of the points first, first + step, ... are dealt with
};

/// Walks the whole rows of `file`, telling each with the place of its point in the product; a piece
/// of a row at the end is left out.
/// @param first, step  the points that the file may hold: first, first + step, ...
/// @throws InputError at `option` when the file is of another sweep
FinishedRows read_rows(const std::string& option, const std::string& file,
                       const SweepProduct& product, SweepKind kind, std::size_t first,
                       std::size_t step,
                       const std::function<void(std::size_t, const std::string&)>& take);

}  // namespace plumbline
