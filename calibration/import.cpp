// Which reader a file gets, and the pieces they share.
#include "calibration/import.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "calibration/import_formats.h"
#include "calibration/statistics.h"
#include "sim/kernels/problem.h"
#include "sim/kernels/sha256.h"

namespace plumbline {
namespace importing {

// A product that fills a GPU: no chip of this century runs slower, none of this decade faster.
constexpr double kSlowestGpu = 2e12, kFastestGpu = 5e16;

void refuse(const ImportOptions& options, const std::string& problem, const std::string& hint) {
  throw problem_at(options.path, 0, problem, hint);
}

void Rows::add(const std::string& key, double microseconds) {
  std::vector<double>& times = times_[key];
  if (times.empty()) order_.push_back(key);
  if (times.size() == 1) ++repeated_;
  times.push_back(microseconds);
}

ImportedTable Rows::table(std::string name) const {
  ImportedTable table{std::move(name), header_ + "\n", static_cast<int>(order_.size())};
  for (const std::string& key : order_) {
    table.csv += key + "," + cell(quantile(times_.at(key), 0.5)) + "\n";
  }
  return table;
}

std::string cell(double value) {
  return value == std::floor(value) && std::abs(value) < 1e15 ? fmt::format("{:.0f}", value)
                                                              : fmt::format("{:.6g}", value);
}

double microseconds_per(const ImportOptions& options, const char* otherwise) {
  const std::string unit = options.time_unit.empty() ? otherwise : options.time_unit;
  if (unit == "us") return 1;
  if (unit == "ms") return 1e3;
  if (unit == "s") return 1e6;
  refuse(options, "'" + unit + "' is no unit of time", "--time-unit takes us, ms or s");
}

void check_rate(const ImportOptions& options, double best) {
  if (best <= 0 || (best >= kSlowestGpu && best <= kFastestGpu)) return;
  refuse(
      options,
      fmt::format("its fastest product would run at {:.2g} TFLOP/s: the times are in another unit",
                  best * 1e-12),
      best > kFastestGpu ? "give --time-unit ms or s" : "give --time-unit us or ms");
}

std::string dtype_of(std::string_view word) {
  std::string lower;
  for (const char c : word) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  static constexpr std::pair<std::string_view, const char*> kWords[] = {
      {"bfloat16", "bf16"}, {"bf16", "bf16"},  {"mxfp8", "mxfp8"},  {"nvfp4", "nvfp4"},
      {"fp8", "fp8"},       {"float8", "fp8"}, {"e4m3", "fp8"},     {"e5m2", "fp8"},
      {"int8", "int8"},     {"uint8", "int8"}, {"tf32", "tf32"},    {"fp32", "fp32"},
      {"float32", "fp32"},  {"f32", "fp32"},   {"float16", "fp16"}, {"fp16", "fp16"},
      {"half", "fp16"},     {"f16", "fp16"},   {"float", "fp32"},   {"s8", "int8"}};
  for (const auto& [part, dtype] : kWords) {
    if (lower.find(part) != std::string::npos) return dtype;
  }
  return "";
}

double bytes_of(std::string_view dtype) {
  if (dtype == "fp32" || dtype == "tf32") return 4;
  if (dtype == "fp8" || dtype == "mxfp8" || dtype == "int8") return 1;
  return 2;
}

namespace {

bool starts_with_brace(const std::string& text) {
  const std::size_t at = text.find_first_not_of(" \t\r\n");
  return at != std::string::npos && text[at] == '{';
}

bool looks_like_nccl(const std::string& text) {
  return text.find("algbw") != std::string::npos && text.find("busbw") != std::string::npos;
}

std::string told_by(const std::string& text, const CsvTable* csv) {
  if (starts_with_brace(text)) {
    return text.find("\"traceEvents\"") != std::string::npos ? "kineto" : "nccl-tests";
  }
  if (looks_like_nccl(text)) return "nccl-tests";
  if (!csv) return "";
  if (csv->has("Runtime") && csv->has("m") && csv->has("Operation")) return "cutlass";
  if (csv->has("latency") && (csv->has("kernel_source") || csv->has("framework"))) {
    return "aiconfigurator";
  }
  for (const std::string& column : csv->columns()) {
    if (column.rfind("time_stats.", 0) == 0) return "vidur";
  }
  if (csv->has("m") && csv->has("n") && csv->has("k")) return "table";
  return "";
}

/// A table whose first line is already numbers has lost its header.
bool lacks_header(const std::string& text) {
  const std::string first = text.substr(0, text.find('\n'));
  return first.find(',') != std::string::npos &&
         first.find_first_not_of("0123456789.,+-eE \t\r") == std::string::npos;
}

}  // namespace
}  // namespace importing

ImportResult import_samples(const ImportOptions& options) {
  using namespace importing;
  std::string text = read_file(options.path);
  const std::string digest = sha256_hex(text);
  ImportResult result;
  std::string format = options.format;
  const bool json = starts_with_brace(text);
  if (json || looks_like_nccl(text)) {
    if (format.empty()) format = told_by(text, nullptr);
    if (format == "kineto") {
      result = read_kineto(options, text);
    } else if (format == "nccl-tests") {
      result = json ? read_nccl_json(options, text) : read_nccl_text(options, text);
    } else {
      refuse(options, "is no file of " + format, "leave --format out to have it told");
    }
  } else {
    const bool headless = lacks_header(text);
    if (headless && options.header.empty()) {
      refuse(options, "has no header line: which column is which would be a guess",
             "give --header m,k,n,latency_us (in the file's order)");
    }
    if (headless) text = options.header + "\n" + text;
    const CsvTable csv = CsvTable::parse(text, options.path);
    if (format.empty()) format = told_by(text, &csv);
    if (format == "cutlass") {
      result = read_cutlass(options, csv);
    } else if (format == "aiconfigurator") {
      result = read_aiconfigurator(options, csv);
    } else if (format == "vidur") {
      result = read_vidur(options, csv);
    } else if (format == "table") {
      result = read_plain(options, csv);
    } else {
      refuse(options, "is no output of a tool that is known here",
             "nccl-tests, cutlass, aiconfigurator, vidur, kineto and plain tables are");
    }
    if (headless) result.notes.push_back("the file has no header: read as " + options.header);
  }
  result.format = format;
  result.sha256 = digest;
  if (result.tables.empty()) refuse(options, "holds nothing that can be imported", "");
  return result;
}

std::string import_provenance(const ImportResult& result, const std::string& path,
                              const std::vector<std::string>& files) {
  const auto quoted = [](const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c == '\n' ? ' ' : c;
    }
    return out + "\"";
  };
  std::string yaml =
      "# Written by `plumbline calibrate import`; add licence and machine before publishing.\n";
  yaml += "source:\n  file: " + quoted(std::filesystem::path(path).filename().string()) + "\n";
  yaml += "  format: " + result.format + "\n  sha256: " + result.sha256 + "\n";
  if (!result.software.empty()) yaml += "  software: " + quoted(result.software) + "\n";
  if (!result.hardware.empty()) yaml += "  hardware: " + quoted(result.hardware) + "\n";
  yaml += result.notes.empty() ? "notes: []\n" : "notes:\n";
  for (const std::string& note : result.notes) yaml += "  - " + quoted(note) + "\n";
  yaml += "files:\n";
  for (std::size_t i = 0; i < result.tables.size(); ++i) {
    yaml += fmt::format("  {}: {{rows: {}, sha256: {}}}\n", files[i], result.tables[i].rows,
                        sha256_hex(result.tables[i].csv));
  }
  return yaml;
}

}  // namespace plumbline
