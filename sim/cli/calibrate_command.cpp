#include "sim/cli/command.h"
#include "sim/cli/scenario_option.h"

namespace plumbline {

Command calibrate_command(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("calibrate", "Fit and check kernel times");
  app->allow_extras();
  return {app, [](const Console&) -> int {
            throw InputError({option_problem("calibrate", "is not in this version")});
          }};
}

}  // namespace plumbline
