// nccl-tests: size (bytes), count (elements), type, redop, root, then time (us), algbw, busbw and
// errors out of place and again in place.  Out of place is what frameworks do and what is kept.
//
// The file says things twice: algbw = size / time fixes the units of both, busbw / algbw the ring
// share of the collective, 2(n-1)/n or (n-1)/n, and so the number of ranks.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "calibration/import_formats.h"

namespace plumbline::importing {
namespace {

struct Line {
  double size = 0, count = 0, time = 0, algbw = 0, busbw = 0;
  std::string type, redop;
};

struct Test {
  std::string program, device;
  int ranks = 0;  ///< as devices are listed; 0: not
  std::vector<Line> lines;
};

std::string operation_in(const std::string& program) {
  for (const char* name : {"all_reduce", "all_gather", "reduce_scatter", "alltoall", "sendrecv"}) {
    if (program.find(name) != std::string::npos) return name;
  }
  return "";
}

// Without a name: sums share 2(n-1)/n or (n-1)/n; gathers and exchanges look the same.
std::string operation_of(const ImportOptions& options, const Test& test) {
  if (!options.operation.empty()) return options.operation;
  const std::string named = operation_in(test.program);
  if (!named.empty()) return named;
  const Line& last = test.lines.back();
  const double ratio = last.algbw > 0 ? last.busbw / last.algbw : 0;
  if (last.redop != "none" && test.ranks > 2) return ratio > 1 ? "all_reduce" : "reduce_scatter";
  refuse(options, "does not say which collective it measured",
         "give --operation all_reduce, all_gather, reduce_scatter or alltoall");
}

ImportResult finish(const ImportOptions& options, const Test& test) {
  if (test.lines.empty()) refuse(options, "has no line of results", "");
  ImportResult result;
  result.hardware = test.device;
  const std::string operation = operation_of(options, test);
  if (operation == "sendrecv") {
    refuse(options, "sendrecv moves both ways at once: no link profile is fitted to it",
           "import all_reduce, all_gather, reduce_scatter or alltoall");
  }
  const Line& last = test.lines.back();
  const double share = last.algbw > 0 ? last.busbw / last.algbw : 0;
  const double full = operation == "all_reduce" ? 2 : 1;
  const int implied =
      share > 0 && share < full ? static_cast<int>(std::lround(full / (full - share))) : 0;
  if (test.ranks > 0 && implied > 0 && std::abs(implied - test.ranks) > 0.1 * test.ranks) {
    refuse(options,
           "lists " + std::to_string(test.ranks) + " devices, but busbw over algbw is that of " +
               operation + " on " + std::to_string(implied),
           "is --operation right, and no bandwidth column swapped?");
  }
  const int ranks = test.ranks > 0 ? test.ranks : implied;
  if (ranks < 2) refuse(options, "does not say how many ranks took part", "");

  double unit = options.time_unit.empty() ? 1 : microseconds_per(options, "us");
  if (options.time_unit.empty() && last.algbw > 0) {
    // GB/s = bytes / us / 1e3; small sizes round algbw to two digits, the last line does not.
    const double implied_us = last.size / last.algbw / 1e3;
    const double factor = implied_us / last.time;
    if (std::abs(factor - 1) > 0.05) {
      if (std::abs(factor / 1e3 - 1) > 0.05) {
        refuse(options, "its times, sizes and algbw contradict each other",
               "sizes must be bytes and algbw GB/s; give --time-unit if times are no microseconds");
      }
      unit = 1e3;
      result.notes.push_back("times are milliseconds by size and algbw: turned into microseconds");
    }
  }
  Rows rows("op_name,nccl_dtype,num_gpus,bytes,latency_us");
  int empty = 0, elements = 0;
  for (const Line& line : test.lines) {
    if (!(line.time > 0) || !(line.size > 0)) {
      ++empty;
      continue;
    }
    const std::string dtype = dtype_of(line.type);
    const double bytes = line.count * bytes_of(dtype);
    // The full vector, or one rank's part of it.
    const bool whole = std::abs(bytes / line.size - 1) < 0.01;
    const bool part = std::abs(bytes * ranks / line.size - 1) < 0.01;
    if (line.count > 0 && !whole && !part) ++elements;
    // Tables keep one type of 16 bits: what moves is bytes.
    rows.add(operation + ",half," + std::to_string(ranks) + "," + cell(line.size),
             unit * line.time);
  }
  if (elements > 0) {
    refuse(options, std::to_string(elements) + " sizes are not the bytes of their count and type",
           "is the size column in elements? multiply it by the type's bytes");
  }
  if (empty > 0)
    result.notes.push_back(std::to_string(empty) + " rows without bytes or time left out");
  if (last.type != "half") {
    result.notes.push_back("measured on " + last.type +
                           ", written as half: collectives move bytes");
  }
  result.notes.push_back("out-of-place times; sizes in bytes, of the full vector");
  result.tables.push_back(rows.table("nccl"));
  return result;
}

std::optional<double> to_number(const std::string& word) {
  try {
    std::size_t used = 0;
    const double value = std::stod(word, &used);
    if (used == word.size() && std::isfinite(value)) return value;
  } catch (const std::exception&) {
  }
  return std::nullopt;
}

}  // namespace

ImportResult read_nccl_text(const ImportOptions& options, const std::string& text) {
  Test test;
  std::istringstream in(text);
  bool milliseconds = false, cpu = false;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::vector<std::string> word;
    for (std::string w; words >> w;) word.push_back(w);
    if (word.empty()) continue;
    if (word[0] == "#") {
      if (const auto at = line.find("test starting:"); at != std::string::npos) {
        test.program = line.substr(at);
      }
      if (word.size() > 2 && word[1] == "Rank") {
        ++test.ranks;
        if (const auto at = line.find(']'); at != std::string::npos) {
          test.device = line.substr(std::min(line.size(), at + 2));
        }
      }
      milliseconds = milliseconds || line.find("(ms)") != std::string::npos;
      cpu = cpu || line.find("cputime") != std::string::npos;
      continue;
    }
    if (test.program.empty() && line.find("_perf") != std::string::npos) test.program = line;
    // size count type redop root time algbw busbw
    if (word.size() < 8 || !to_number(word[0]) || !to_number(word[1]) || to_number(word[2]))
      continue;
    const auto time = to_number(word[5]), alg = to_number(word[6]), bus = to_number(word[7]);
    if (!time || !alg || !bus) {
      refuse(options, "cannot read this line of results: " + line,
             "size, count, type, redop, root, time, algbw and busbw stand in it");
    }
    test.lines.push_back(
        {*to_number(word[0]), *to_number(word[1]), *time, *alg, *bus, word[2], word[3]});
  }
  if (cpu) refuse(options, "holds cputime (-C), which is the host's", "measure without -C");
  ImportOptions with_unit = options;
  if (milliseconds && with_unit.time_unit.empty()) with_unit.time_unit = "ms";
  ImportResult result = finish(with_unit, test);
  if (milliseconds) result.notes.emplace_back("times in milliseconds: turned into microseconds");
  return result;
}

ImportResult read_nccl_json(const ImportOptions& options, const std::string& text) {
  using Json = nlohmann::json;
  const Json root = Json::parse(text, nullptr, false);
  if (root.is_discarded() || !root.is_object() || !root.contains("results")) {
    refuse(options, "is no JSON of nccl-tests: results is missing", "write it with -J FILE");
  }
  Test test;
  try {
    if (root.contains("args") && !root["args"].empty()) test.program = root["args"].dump();
    const Json config = root.value("config", Json::object());
    const Json& devices =
        config.contains("devices") ? config["devices"] : root.value("devices", Json::array());
    test.ranks = static_cast<int>(devices.size());
    if (test.ranks > 0) test.device = devices[0].value("device_info", "");
    for (const Json& row : root["results"]) {
      const Json body = row.value("out_of_place", Json());
      if (!body.is_object()) continue;
      if (body.contains("cpu_time")) {
        refuse(options, "holds cpu_time (-C), which is the host's", "measure without -C");
      }
      test.lines.push_back({row.at("size"), row.at("count"), body.at("time"), body.at("alg_bw"),
                            body.at("bus_bw"), row.at("type"), row.at("redop")});
    }
  } catch (const Json::exception& error) {
    refuse(options, std::string("is no JSON of nccl-tests: ") + error.what(), "");
  }
  ImportResult result = finish(options, test);
  if (root.contains("nccl_version")) result.software = "NCCL " + root["nccl_version"].dump();
  return result;
}

}  // namespace plumbline::importing
