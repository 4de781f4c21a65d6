// plumbline calibrate measure: runs plumbline-measure. Everything behind `measure` is the other
// program's, --help included, and so is the exit code (77: there is no GPU).
#include <ostream>

#include "sim/cli/calibrate_parts.h"
#include "sim/cli/measure_program.h"

namespace plumbline {

Command calibrate_measure_command(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("measure", "Time kernels on a GPU (plumbline-measure)");
  app->prefix_command();
  app->set_help_flag();  // its options are the other program's, --help included
  return {app, [app](const Console& console) {
            console.out.flush();
            return run_measure_program(find_measure_program(), app->remaining());
          }};
}

}  // namespace plumbline
