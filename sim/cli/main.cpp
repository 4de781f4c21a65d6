// The only code that talks to the process: arguments in, exit code out.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <iostream>
#include <string>
#include <vector>

#include "sim/cli/command.h"
#include "sim/cli/command_line.h"
#include "sim/cli/data_folders.h"
#include "sim/cli/problems.h"
#include "sim/cli/schedule_command.h"
#include "sim/cli/terminal.h"

namespace plumbline {
namespace {

constexpr const char* kFooter = R"(Start here:
  plumbline list models                           what there is to simulate
  plumbline run scenarios/01_first_run.yaml       one training step
  plumbline COMMAND --help                        options and examples

Exit codes: 0 done, 1 internal failure, 2 the input is wrong, 3 with --require-fit: does not fit.)";

// Memory that one simulation frees is kept for the next of a sweep: giving pages back and faulting
// them in again takes a quarter of a large point's time.
void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kOneGibibyte = 1 << 30;
  mallopt(M_MMAP_THRESHOLD, kOneGibibyte);
  mallopt(M_TRIM_THRESHOLD, kOneGibibyte);
#endif
}

int run(const std::vector<std::string>& words) {
  keep_freed_memory();
  CLI::App app{
      "Plumbline simulates pipeline-parallel training and serving of large language models.",
      "plumbline"};
  app.set_version_flag("--version", std::string("plumbline ") + PLUMBLINE_VERSION);
  app.footer(kFooter);
  app.require_subcommand(1);
  const std::vector<Command> commands{
      run_command(app),     sweep_command(app),    plan_command(app),       schedule_command(app),
      compare_command(app), validate_command(app), calibrate_command(app),  check_command(app),
      list_command(app),    schema_command(app),   completion_command(app), man_command(app)};
  try {
    parse_command_line(app, words);
    for (const Command& command : commands) {
      if (!command.app->parsed()) continue;
      const std::string data = command.needs_data ? data_folder() : std::string();
      const Console console{.out = std::cout,
                            .err = std::cerr,
                            .folders = {data + "/models", data + "/hardware_profiles"},
                            .style = text_style(),
                            .err_is_terminal = stderr_is_terminal()};
      return command.run(console);
    }
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked, std::cout, std::cerr);
  } catch (const InputError& error) {
    std::cerr << problems_text(error);
    return kWrongInput;
  }
  return kInternalFailure;  // not reached: one command is required
}

}  // namespace
}  // namespace plumbline

int main(int argc, char** argv) {
  try {
    int code = plumbline::run({argv + 1, argv + argc});
    if (!std::cout.flush()) {
      std::cerr << "standard output cannot be written\n";
      code = plumbline::kInternalFailure;
    }
    return code;
  } catch (const std::exception& error) {
    std::cerr << "internal failure: " << error.what() << "\n";
  }
  return plumbline::kInternalFailure;
}
