#include "sim/cli/sweep_rows.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "sim/cli/result_row.h"
#include "sim/cli/scenario_option.h"
#include "sim/report/report.h"

namespace plumbline {
namespace {

using Json = nlohmann::ordered_json;

void append(std::string& line, std::string_view cell) {
  if (!line.empty()) line += ',';
  line += cell;
}

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"') {
      if (quoted && i + 1 < line.size() && line[i + 1] == '"') {
        cells.back() += line[++i];
      } else {
        quoted = !quoted;
      }
    } else if (c == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += c;
    }
  }
  return cells;
}

std::string json_line(const std::vector<Override>& point, Json result, const std::string& error) {
  Json line;
  line["set"] = Json::object();
  for (const auto& [path, value] : point) line["set"][path] = value;
  line["result"] = std::move(result);
  line["error"] = error;
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string sweep_header(const std::vector<SweepAxis>& axes) {
  std::string line;
  for (const SweepAxis& axis : axes) append(line, csv_cell(axis.path));
  for (const std::string& key : result_keys()) append(line, key);
  return line + ",fits,error";
}

std::string first_cells(const std::vector<Override>& point) {
  std::string line;
  for (const Override& value : point) append(line, csv_cell(value.second));
  return line;
}

std::string sweep_row(const std::vector<Override>& point, const Result& result) {
  std::string line = first_cells(point);
  for (const std::string& value : result_values(result)) line += (line.empty() ? "" : ",") + value;
  return line + (result.fits ? ",true," : ",false,");
}

std::string sweep_row(const std::vector<Override>& point, const InputError& error) {
  static const std::size_t columns = result_keys().size();
  return first_cells(point) + std::string(columns + 2 - (point.empty() ? 1 : 0), ',') +
         csv_cell(one_line(error));
}

std::string sweep_json(const std::vector<Override>& point, const Result& result) {
  Json json = Json::parse(to_json(result));
  json["engine"].erase("wall_s");  // the one figure that is not repeatable
  return json_line(point, std::move(json), {});
}

std::string sweep_json(const std::vector<Override>& point, const InputError& error) {
  return json_line(point, nullptr, one_line(error));
}

std::string one_line(const InputError& error) {
  std::string text;
  for (const Diagnostic& problem : error.diagnostics()) {
    text += (text.empty() ? "" : "; ") + to_string(problem);
  }
  std::ranges::replace(text, '\n', ' ');
  return text;
}

RowReader::RowReader(const std::string& header) : names_(cells_of(header)) {}

std::size_t RowReader::column(std::string_view name) const {
  // The swept paths stand first; a result's key is never one of them.
  return static_cast<std::size_t>(std::ranges::find(names_, name) - names_.begin());
}

std::optional<SweepFigures> RowReader::figures(const std::string& row, std::size_t index,
                                               std::size_t num_axes) const {
  const std::vector<std::string> cells = cells_of(row);
  const auto text = [&](std::string_view name) {
    const std::size_t at = column(name);
    return at < cells.size() ? cells[at] : std::string();
  };
  const auto number = [&](std::string_view name) {
    return std::strtod(text(name).c_str(), nullptr);
  };
  if (text("training.iteration_time_s").empty()) return std::nullopt;
  SweepFigures figures;
  figures.index = index;
  figures.values.assign(cells.begin(), cells.begin() + static_cast<std::ptrdiff_t>(num_axes));
  figures.iteration_time_s = number("training.iteration_time_s");
  figures.tokens_per_s = number("training.tokens_per_s");
  figures.tokens_per_s_per_gpu = number("training.tokens_per_s_per_gpu");
  figures.mfu = number("training.mfu");
  figures.bubble_fraction = number("training.bubble_fraction");
  figures.peak_memory_bytes = number("training.peak_memory_bytes");
  figures.usable_memory_bytes = number("training.usable_memory_bytes");
  figures.priced = !text("cost.usd_per_million_tokens").empty();
  figures.cost =
      number(figures.priced ? "cost.usd_per_million_tokens" : "cost.gpu_hours_per_million_tokens");
  figures.fits = text("fits") == "true";
  return figures;
}

std::string RowReader::error(const std::string& row) const { return cells_of(row).back(); }

FinishedRows read_rows(const std::string& option, const std::string& file,
                       const SweepProduct& product, std::size_t first, std::size_t step,
                       const std::function<void(std::size_t, const std::string&)>& take) {
  const auto refuse = [&](const std::string& why) {
    throw InputError({option_problem(option, file + " is of another sweep", why)});
  };
  const auto is_of = [&](const std::string& row, std::size_t index) {
    const std::string cells = first_cells(product.point(index));
    return cells.empty() || row.starts_with(cells + ",");
  };
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw InputError({option_problem(option, file + " cannot be read")});
  FinishedRows rows;
  std::string line;
  if (!std::getline(stream, line) || stream.eof()) return rows;
  if (line != sweep_header(product.axes())) refuse("its columns differ");
  rows.bytes = line.size() + 1;
  std::size_t index = first;
  for (std::size_t row = 2; std::getline(stream, line) && !stream.eof(); ++row) {
    // Points without a row were left out by `where`.
    while (index < product.size() && !is_of(line, index)) index += step;
    if (index >= product.size()) refuse("row " + std::to_string(row));
    take(index, line);
    rows.bytes += line.size() + 1;
    index += step;
    rows.points = (index - first) / step;
  }
  return rows;
}

}  // namespace plumbline
