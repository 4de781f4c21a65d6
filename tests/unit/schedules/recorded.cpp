#include "recorded.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace plumbline::testing {
namespace {

UnitCosts read_costs(std::istream& in) {
  UnitCosts costs;
  in >> costs.forward >> costs.input_grad >> costs.weight_grad >> costs.comm;
  return costs;
}

template <typename Number>
std::vector<Number> read_list(std::istream& in, int count) {
  std::vector<Number> list(count);
  for (Number& each : list) in >> each;
  return list;
}

Recorded read_head(std::istream& in) {
  Recorded entry;
  std::string key;
  in >> entry.schedule;
  while (in >> key) {
    if (key == "recorded") in >> entry.reference;
    if (key == "stages") in >> entry.shape.stages_per_chunk;
    if (key == "chunks") in >> entry.shape.chunks;
    if (key == "microbatches") in >> entry.shape.microbatches;
    if (key == "group") in >> entry.group.emplace();
    if (key == "made_for") entry.made_for = read_costs(in);
  }
  return entry;
}

void read_file(const std::filesystem::path& path, std::vector<Recorded>& entries) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream in(line);
    std::string key;
    in >> key;
    if (key == "schedule") {
      entries.push_back(read_head(in));
      continue;
    }
    Recorded& entry = entries.back();
    const int ranks = entry.shape.ranks();
    if (key == "peak_live") {
      entry.peak_live = read_list<int>(in, ranks);
    } else if (key == "costs") {
      RecordedTimes times;
      times.costs = read_costs(in);
      in >> key >> times.makespan >> key;
      times.idle = read_list<double>(in, ranks);
      in >> key;
      times.span_idle = read_list<double>(in, ranks);
      entry.times.push_back(times);
    } else {
      entry.csv += line + "\n";
    }
  }
}

}  // namespace

std::string Recorded::label() const {
  std::string text = schedule + "_" + reference + "_P" + std::to_string(shape.stages_per_chunk) +
                     "_V" + std::to_string(shape.chunks) + "_M" +
                     std::to_string(shape.microbatches);
  if (group) text += "_N" + std::to_string(*group);
  if (made_for) {
    text += "_F" + std::to_string(static_cast<int>(made_for->forward)) + "_comm" +
            std::to_string(static_cast<int>(made_for->comm * 1000));
  }
  return text;
}

std::vector<Recorded> recorded_orders() {
  const std::filesystem::path folder =
      std::filesystem::path(PLUMBLINE_SOURCE_DIR) / "tests/data/schedules";
  std::vector<std::filesystem::path> files;
  for (const auto& each : std::filesystem::directory_iterator(folder)) {
    if (each.path().extension() == ".txt") files.push_back(each.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Recorded> entries;
  for (const auto& file : files) read_file(file, entries);
  if (entries.empty()) throw std::runtime_error("no recorded orders in " + folder.string());
  return entries;
}

}  // namespace plumbline::testing
