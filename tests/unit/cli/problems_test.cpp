#include "sim/cli/problems.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace plumbline {
namespace {

TEST(ProblemsText, ShowsTheLineAndMarksTheWord) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("plumbline_problems_" + std::to_string(getpid()) + ".yaml");
  std::ofstream(path) << "name: x\n  schedule: 1f1v\n";
  Diagnostic problem;
  problem.at = {path.string(), 2, 13};
  problem.path = "schedule";
  problem.problem = "no schedule is called '1f1v'";
  problem.hint = "did you mean '1f1b'?";

  EXPECT_EQ(problems_text(InputError({problem})),
            path.string() +
                ":2:13: schedule: no schedule is called '1f1v' (did you mean '1f1b'?)\n"
                "    2 |   schedule: 1f1v\n"
                "      |             ^~~~\n"
                "1 problem; nothing was simulated.\n");
  std::filesystem::remove(path);
}

TEST(ProblemsText, CountsThemAndDoesWithoutAFile) {
  Diagnostic one, two;
  one.problem = "is wrong";
  two.at = {"no_such_file.yaml", 3, 1};
  two.problem = "is wrong too";
  EXPECT_EQ(problems_text(InputError({one, two})),
            "is wrong\nno_such_file.yaml:3:1: is wrong too\n2 problems; nothing was simulated.\n");
}

}  // namespace
}  // namespace plumbline
