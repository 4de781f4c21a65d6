#include "sim/cli/sweep_fingerprint.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

#include "sim/cli/scenario_option.h"
#include "sim/kernels/sha256.h"
#include "sim/scenario/scenario_yaml.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

/// Between CPU models a price may differ by a picosecond; another scenario differs by more.
constexpr double kSameFigure = 1e-6;

std::string content(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

/// The words of a YAML text that may name a file.
std::set<std::string> words_of(const std::string& text) {
  std::set<std::string> words;
  std::string word;
  for (const char c : text + "\n") {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.' ||
        c == '/') {
      word += c;
    } else if (!word.empty()) {
      words.insert(std::exchange(word, {}));
    }
  }
  return words;
}

/// The files that are named by words of a text, found as the readers find them: by a path from
/// the text's folder, or by a name in the data folders.  Profiles name others in turn.
class NamedFiles {
 public:
  explicit NamedFiles(const DataFolders& folders) : folders_(folders) {}

  void add(const std::string& text, const fs::path& folder) {
    for (const std::string& word : words_of(text)) {
      if (word.find_first_of("./") != std::string::npos) take(folder / word, word);
      take(fs::path(folders_.models) / (word + ".yaml"), "models/" + word);
      take(fs::path(folders_.hardware_profiles) / (word + ".yaml"), "hardware_profiles/" + word);
    }
  }
  std::string lines() const {
    std::string text;
    for (const auto& [name, hash] : hashes_) text.append("file " + name + " " + hash + "\n");
    return text;
  }

 private:
  void take(const fs::path& file, const std::string& name) {
    std::error_code error;
    if (hashes_.contains(name) || !fs::is_regular_file(file, error)) return;
    const std::string text = content(file);
    hashes_[name] = sha256_hex(text);
    if (file.extension() == ".yaml") add(text, file.parent_path());
  }

  const DataFolders& folders_;
  std::map<std::string, std::string> hashes_;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// "'| seed: 1' there, '| seed: 2' here": the first line that only one of the texts has.
std::string difference(const std::string& there, const std::string& here) {
  const auto only = [](const std::string& in, const std::string& other) -> std::string {
    const std::vector<std::string> others = lines_of(other);
    const std::set<std::string> known(others.begin(), others.end());
    for (const std::string& line : lines_of(in)) {
      if (known.contains(line)) continue;
      std::string shown = line.starts_with("| ") ? line.substr(2) : line;
      shown.erase(0, shown.find_first_not_of(' '));
      if (shown.starts_with("file ")) shown.resize(shown.rfind(' ') + 9);  // eight digits do
      return "'" + shown + "'";
    }
    return "nothing";
  };
  return only(there, here) + " there, " + only(here, there) + " here";
}

bool same_row(const std::string& one, const std::string& other) {
  if (one == other) return true;
  std::istringstream a(one), b(other);
  std::string x, y;
  while (true) {
    const bool more_a = static_cast<bool>(std::getline(a, x, ','));
    const bool more_b = static_cast<bool>(std::getline(b, y, ','));
    if (more_a != more_b) return false;
    if (!more_a) return true;
    if (x == y) continue;
    char *end_x = nullptr, *end_y = nullptr;
    const double u = std::strtod(x.c_str(), &end_x), v = std::strtod(y.c_str(), &end_y);
    if (x.empty() || y.empty() || *end_x != '\0' || *end_y != '\0') return false;
    if (!(std::abs(u - v) <= kSameFigure * std::max(std::abs(u), std::abs(v)))) return false;
  }
}

}  // namespace

std::string sweep_fingerprint(const SweepTask& task) {
  const fs::path folder = fs::absolute(task.scenario).parent_path();
  const std::string scenario = scenario_yaml(task.scenario, task.settings, folder.string());
  std::string text = "plumbline.sweep_fingerprint/1\n";
  NamedFiles files(task.folders);
  files.add(scenario, folder);
  for (const SweepAxis& axis : task.product.axes()) {
    std::string values;
    for (const std::string& value : axis.values) values += (values.empty() ? "" : ",") + value;
    text.append("over " + axis.path + "=" + values + "\n");
    files.add(values, fs::current_path());
  }
  if (task.kind.max_rate) text += "find max_rate\n";
  for (const Condition& condition : task.where) text += "where " + condition.text() + "\n";
  text += files.lines();
  for (const std::string& line : lines_of(scenario)) text.append("| " + line + "\n");
  return text;
}

std::string fingerprint_file(const std::string& csv) { return csv + ".sweep"; }

void write_fingerprint(const std::string& option, const std::string& csv,
                       const std::string& fingerprint) {
  const std::string file = fingerprint_file(csv), partial = file + ".partial";
  std::error_code error;
  if (fs::is_regular_file(file, error) && content(file) == fingerprint) return;
  {
    std::ofstream stream(partial, std::ios::binary | std::ios::trunc);
    stream << fingerprint;
    stream.close();
    if (stream) {
      fs::rename(partial, file, error);
      if (!error) return;
    }
  }
  fs::remove(partial, error);
  throw InputError({option_problem(option, file + " cannot be written",
                                   "with room for it, --resume " + csv + " goes on")});
}

void remove_fingerprint(const std::string& csv) {
  std::error_code error;
  fs::remove(fingerprint_file(csv), error);
}

void check_same_sweep(const std::string& option, const std::string& csv, const SweepTask& task,
                      const std::string& fingerprint, const KnownRow& first, const KnownRow& last) {
  const auto refuse = [&](const std::string& why) {
    throw InputError({option_problem(option, csv + " holds rows of another scenario: " + why,
                                     "another --csv, or removing what is there, starts anew")});
  };
  std::error_code error;
  const std::string file = fingerprint_file(csv);
  if (fs::is_regular_file(file, error)) {
    const std::string there = content(file);
    if (there != fingerprint) refuse(difference(there, fingerprint));
    return;
  }
  SweepWorker worker(task);
  for (const KnownRow* known : {&first, &last}) {
    if (known->row.empty() || (known == &last && last.index == first.index)) continue;
    const PointOutcome again = worker.run(known->index);
    if (again.left_out) refuse("--where leaves out the point of its row " + known->row);
    if (!same_row(known->row, again.csv)) {
      refuse("simulated again, point " + std::to_string(known->index + 1) + " gives other figures");
    }
  }
}

}  // namespace plumbline
