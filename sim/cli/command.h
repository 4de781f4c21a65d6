// What a subcommand is, and the console it writes to.
//
// A command declares its options on a CLI::App and returns what runs once they are parsed; it
// returns an exit code and reports wrong input by throwing InputError.  Only main.cpp talks to
// the process.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "sim/report/report.h"
#include "sim/scenario/scenario.h"

namespace plumbline {

inline constexpr int kDone = 0;
inline constexpr int kInternalFailure = 1;
inline constexpr int kWrongInput = 2;
inline constexpr int kDoesNotFit = 3;

/// Where a command reads its data and writes its answer.
struct Console {
  std::ostream& out;
  std::ostream& err;
  DataFolders folders;
  TextStyle style;               ///< of tables on `out`
  bool err_is_terminal = false;  ///< progress is shown only there
};

struct Command {
  CLI::App* app = nullptr;
  std::function<int(const Console&)> run;
  bool needs_data = true;  ///< reads models/ or hardware_profiles/
};

Command run_command(CLI::App& parent);
Command sweep_command(CLI::App& parent);
Command plan_command(CLI::App& parent);
Command compare_command(CLI::App& parent);
Command validate_command(CLI::App& parent);
Command calibrate_command(CLI::App& parent);
Command check_command(CLI::App& parent);
Command list_command(CLI::App& parent);
Command schema_command(CLI::App& parent);
Command completion_command(CLI::App& parent);
Command man_command(CLI::App& parent);

}  // namespace plumbline
