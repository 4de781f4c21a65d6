// Broken scenarios by the thousand: reading one may end in an InputError with a place, and in
// nothing else.
//
// corpus/ holds the seeds and every input that once misbehaved; a new one is added by putting its
// file there.  The mutations follow from the seed number alone, so a failure repeats.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "sim/scenario/scenario.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

const std::string kRoot = PLUMBLINE_SOURCE_DIR;

std::vector<fs::path> corpus() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(kRoot + "/tests/fuzz/corpus")) {
    files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class ScenarioFuzz : public testing::Test {
 protected:
  ScenarioFuzz()
      : folder_(fs::temp_directory_path() / ("plumbline_fuzz_" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~ScenarioFuzz() override { fs::remove_all(folder_); }

  /// True when it was read; an InputError must say something about some file.
  bool survives(const std::string& text) {
    const std::string path = (folder_ / "fuzzed.yaml").string();
    std::ofstream(path, std::ios::binary) << text;
    try {
      read_scenario(path, {}, {kRoot + "/models", kRoot + "/hardware_profiles"});
      return true;
    } catch (const InputError& error) {
      EXPECT_FALSE(error.diagnostics().empty());
      for (const Diagnostic& problem : error.diagnostics()) {
        EXPECT_FALSE(problem.problem.empty());
        EXPECT_FALSE(problem.at.file.empty()) << to_string(problem);
      }
      return false;
    }
  }

  fs::path folder_;
};

/// One to four small damages, of the kinds that people and broken tools do.
std::string mutated(const std::string& text, std::mt19937& random) {
  static const std::vector<std::string> kPieces{":",        " ",        "\n",
                                                "\t",       "{",        "}",
                                                "[",        "]",        ",",
                                                "'",        "\"",       "#",
                                                "&a ",      "*a",       "? ",
                                                "- ",       "|",        ">",
                                                "!!str ",   "%",        "~",
                                                "null",     "-1",       "1e400",
                                                "nan",      "0",        "99999999999999999999",
                                                "\xff",     "\xc3\xa9", std::string(1, '\0'),
                                                "<<: *a\n", "---\n",    "...\n",
                                                "true",     "{hf: x}",  "[[]]"};
  std::string out = text;
  const auto below = [&](std::size_t bound) { return random() % std::max<std::size_t>(bound, 1); };
  for (std::size_t i = 0, count = 1 + below(4); i < count; ++i) {
    const std::size_t at = below(out.size() + 1);
    switch (below(5)) {
      case 0:
        out.insert(at, kPieces[below(kPieces.size())]);
        break;
      case 1:
        out.erase(at, 1 + below(12));
        break;
      case 2:
        if (at < out.size()) out[at] = static_cast<char>(random());
        break;
      case 3:  // a line twice, or moved
        out.insert(at, out.substr(below(out.size() + 1), below(60)));
        break;
      default: {  // another value in place of a word
        const std::size_t start = std::min(out.find(' ', at), out.size());
        out.replace(start, std::min(out.find_first_of(",}\n", start), out.size()) - start,
                    " " + kPieces[below(kPieces.size())]);
      }
    }
  }
  return out;
}

TEST_F(ScenarioFuzz, EveryKeptInputEndsInAScenarioOrInProblems) {
  for (const fs::path& file : corpus()) {
    EXPECT_NO_THROW(survives(content(file))) << file;
  }
}

TEST_F(ScenarioFuzz, TheSeedsAreReadable) {
  int seeds = 0;
  for (const fs::path& file : corpus()) {
    if (!file.filename().string().starts_with("seed_")) continue;
    EXPECT_TRUE(survives(content(file))) << file;
    ++seeds;
  }
  EXPECT_GE(seeds, 3);
}

TEST_F(ScenarioFuzz, DamagedScenariosEndInAScenarioOrInProblems) {
  constexpr unsigned kRounds = 150;
  int read = 0, refused = 0;
  for (const fs::path& file : corpus()) {
    const std::string seed = content(file);
    if (seed.size() > 20000) continue;
    for (unsigned round = 0; round < kRounds; ++round) {
      std::mt19937 random(round);
      const std::string text = mutated(seed, random);
      try {
        ++(survives(text) ? read : refused);
      } catch (const std::exception& error) {
        FAIL() << file << " round " << round << ": " << error.what() << "\n" << text;
      }
    }
  }
  // Both happen, or the mutations are too tame or too wild to find anything.
  EXPECT_GT(read, 0);
  EXPECT_GT(refused, read);
}

}  // namespace
}  // namespace plumbline
