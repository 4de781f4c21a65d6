// plumbline plan: announced, not there yet; it says so instead of guessing.
#include <memory>

#include "sim/cli/command.h"
#include "sim/cli/scenario_option.h"

namespace plumbline {

Command plan_command(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("plan", "Search for the best plan (not in this version)");
  app->allow_extras();
  app->footer("Until it is there: plumbline sweep SCENARIO --over parallelism.pipeline=2,4,8 ...");
  return {app, [](const Console&) -> int {
            throw InputError({option_problem(
                "plan", "the search for a plan is not in this version",
                "plumbline sweep SCENARIO --over parallelism.tensor=2,4,8 --over ... tries all")});
          }};
}

}  // namespace plumbline
