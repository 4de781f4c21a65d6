// A scenario written to a temporary file and read with the project's own models and profiles.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "sim/scenario/scenario.h"

namespace plumbline::testing_support {

inline DataFolders project_folders() {
  const std::string root = PLUMBLINE_SOURCE_DIR;
  return {root + "/models", root + "/hardware_profiles"};
}

/// A folder of this process that goes when the test ends.
class ScenarioFile {
 public:
  explicit ScenarioFile(const std::string& text)
      : folder_(std::filesystem::temp_directory_path() /
                ("plumbline_scenario_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
    std::ofstream(path()) << text;
  }
  ~ScenarioFile() { std::filesystem::remove_all(folder_); }
  ScenarioFile(const ScenarioFile&) = delete;
  ScenarioFile& operator=(const ScenarioFile&) = delete;

  std::string path() const { return (folder_ / "a.yaml").string(); }
  std::string folder() const { return folder_.string(); }
  Scenario read(const std::vector<Override>& overrides = {}) const {
    return read_scenario(path(), overrides, project_folders());
  }
  /// The problems, a line each, the file called "a.yaml"; empty where there are none.
  std::vector<std::string> problems(const std::vector<Override>& overrides = {}) const {
    try {
      read(overrides);
    } catch (const InputError& error) {
      std::vector<std::string> lines;
      for (Diagnostic d : error.diagnostics()) {
        if (d.at.file == path()) d.at.file = "a.yaml";
        lines.push_back(to_string(d));
      }
      return lines;
    }
    return {};
  }

 private:
  std::filesystem::path folder_;
};

/// 64 A100s, tensor 8 x pipeline 8; eleven lines that the tests change.
inline const std::string kGood = R"(name: good
model: gpt3_175b
cluster: {gpu: a100_sxm_80g, nodes: 8, intra_node: nvlink3, inter_node: ib_hdr200}
parallelism: {tensor: 8, pipeline: 8, sequence_parallel: true}
schedule: 1f1b
training:
  sequence_length: 2048
  micro_batch_size: 1
  global_batch_size: 64
  precision: bf16
  recompute: selective
)";

inline std::string with(std::string text, const std::string& what, const std::string& instead) {
  const std::size_t at = text.find(what);
  return at == std::string::npos ? "no such text: " + what : text.replace(at, what.size(), instead);
}

}  // namespace plumbline::testing_support
