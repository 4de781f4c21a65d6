#include "sim/cli/sweep_rows.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "sim/cli/result_row.h"
#include "sim/cli/scenario_option.h"
#include "sim/report/report.h"
#include "sim/report/serving.h"
#include "sim/scenario/sweep_block.h"

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

std::vector<std::string> keys_of(SweepKind kind) {
  return kind.serves ? serving_keys(kind.max_rate) : result_keys();
}

std::string row_of(const std::vector<Override>& point, const std::vector<std::string>& values,
                   bool fits) {
  std::string line = first_cells(point);
  for (const std::string& value : values) line += (line.empty() ? "" : ",") + value;
  return line + (fits ? ",true," : ",false,");
}

Json repeatable(const std::string& text) {
  Json json = Json::parse(text);
  json["engine"].erase("wall_s");  // the one figure that is not
  return json;
}

}  // namespace

SweepKind sweep_kind(const std::string& scenario, const std::vector<Override>& settings,
                     const std::vector<SweepAxis>& axes, const std::string& find) {
  const auto about_serving = [](const std::string& path) {
    return path == "serving" || path.starts_with("serving.");
  };
  SweepKind kind;
  kind.serves = states_serving(scenario) ||
                std::ranges::any_of(settings, about_serving, &Override::first) ||
                std::ranges::any_of(axes, about_serving, &SweepAxis::path);
  kind.max_rate = !find.empty();
  if (kind.max_rate && find != "max_rate") {
    throw InputError(
        {option_problem("--find", "'" + find + "' cannot be searched for", "max_rate can")});
  }
  if (kind.max_rate && !kind.serves) {
    throw InputError({option_problem("--find", "this scenario trains", "it goes with serving")});
  }
  return kind;
}

std::string sweep_header(const std::vector<SweepAxis>& axes, SweepKind kind) {
  std::string line;
  for (const SweepAxis& axis : axes) append(line, csv_cell(axis.path));
  for (const std::string& key : keys_of(kind)) append(line, key);
  return line + ",fits,error";
}

std::string first_cells(const std::vector<Override>& point) {
  std::string line;
  for (const Override& value : point) append(line, csv_cell(value.second));
  return line;
}

std::string sweep_row(const std::vector<Override>& point, const Result& result) {
  return row_of(point, result_values(result), result.fits);
}

std::string sweep_row(const std::vector<Override>& point, const ServedRun& run, SweepKind kind) {
  return row_of(point, serving_values(run.result, run.serving, kind.max_rate), run.result.fits);
}

std::string sweep_row(const std::vector<Override>& point, const InputError& error, SweepKind kind) {
  static const std::array<std::size_t, 3> all{result_keys().size(), serving_keys(false).size(),
                                              serving_keys(true).size()};
  const std::size_t columns = all[kind.serves ? (kind.max_rate ? 2 : 1) : 0];
  return first_cells(point) + std::string(columns + 2 - (point.empty() ? 1 : 0), ',') +
         csv_cell(one_line(error));
}

std::string sweep_json(const std::vector<Override>& point, const Result& result) {
  return json_line(point, repeatable(to_json(result)), {});
}

std::string sweep_json(const std::vector<Override>& point, const ServedRun& run) {
  return json_line(point, repeatable(serving_json(run.result, run.serving)), {});
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

/// One row's cells by the names of their columns.
class RowReader::Cells {
 public:
  Cells(const std::vector<std::string>& names, const std::string& row)
      : names_(names), cells_(cells_of(row)) {}

  const std::string& text(std::string_view name) const {
    static const std::string none;
    // The swept paths stand first; a result's key is never one of them.
    const auto at = static_cast<std::size_t>(std::ranges::find(names_, name) - names_.begin());
    return at < cells_.size() ? cells_[at] : none;
  }
  double number(std::string_view name) const { return std::strtod(text(name).c_str(), nullptr); }
  std::vector<std::string> first(std::size_t count) const {
    return {cells_.begin(), cells_.begin() + static_cast<std::ptrdiff_t>(count)};
  }

 private:
  const std::vector<std::string>& names_;
  std::vector<std::string> cells_;
};

RowReader::RowReader(const std::string& header) : names_(cells_of(header)) {
  const auto has = [&](std::string_view name) {
    return std::ranges::find(names_, name) != names_.end();
  };
  serves_ = has("serving.requests");
  searched_ = has("serving.max_rate.requests_per_s");
}

std::optional<SweepFigures> RowReader::figures(const std::string& row, std::size_t index,
                                               std::size_t num_axes) const {
  const Cells cells(names_, row);
  if (cells.text("fits").empty()) return std::nullopt;
  SweepFigures figures;
  figures.index = index;
  figures.values = cells.first(num_axes);
  figures.fits = cells.text("fits") == "true";
  if (serves_) {
    figures.serves = true;
    figures.tokens_per_s = cells.number("serving.output_tokens_per_s");
    figures.tokens_per_s_per_gpu = cells.number("serving.output_tokens_per_s_per_gpu");
    figures.bubble_fraction = cells.number("serving.bubble_fraction");
    figures.ttft_p90_s = cells.number("serving.ttft_s.p90");
    figures.tpot_p90_s = cells.number("serving.tpot_s.p90");
    figures.slo_attainment = cells.number("serving.slo_attainment");
    const double capacity = cells.number("serving.kv_cache.capacity_tokens");
    if (capacity > 0) figures.cache_use = cells.number("serving.kv_cache.peak_tokens") / capacity;
    figures.searched = searched_;
    figures.max_rate_per_s = cells.number("serving.max_rate.requests_per_s");
    figures.priced = !cells.text("serving.per_million_output_tokens.usd").empty();
    figures.cost = figures.priced
                       ? cells.number("serving.per_million_output_tokens.usd")
                       : cells.number("serving.per_million_output_tokens.gpu_seconds") / 3600;
    return figures;
  }
  figures.iteration_time_s = cells.number("training.iteration_time_s");
  figures.tokens_per_s = cells.number("training.tokens_per_s");
  figures.tokens_per_s_per_gpu = cells.number("training.tokens_per_s_per_gpu");
  figures.mfu = cells.number("training.mfu");
  figures.bubble_fraction = cells.number("training.bubble_fraction");
  figures.peak_memory_bytes = cells.number("training.peak_memory_bytes");
  figures.usable_memory_bytes = cells.number("training.usable_memory_bytes");
  figures.priced = !cells.text("cost.usd_per_million_tokens").empty();
  figures.cost = cells.number(figures.priced ? "cost.usd_per_million_tokens"
                                             : "cost.gpu_hours_per_million_tokens");
  return figures;
}

std::string RowReader::error(const std::string& row) const { return cells_of(row).back(); }

FinishedRows read_rows(const std::string& option, const std::string& file,
                       const SweepProduct& product, SweepKind kind, std::size_t first,
                       std::size_t step,
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
  if (line != sweep_header(product.axes(), kind)) refuse("its columns differ");
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
