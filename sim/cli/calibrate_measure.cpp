// plumbline calibrate measure: runs plumbline-measure.
#include <ostream>

#include "sim/cli/calibrate_parts.h"
#include "sim/cli/measure_program.h"

namespace plumbline {
namespace {

constexpr const char* kFooter =
    R"(Everything behind `measure` goes to the separate program plumbline-measure, found beside plumbline
or named by $PLUMBLINE_MEASURE; `plumbline calibrate measure --help` prints its options. It times kernels
on a GPU and writes samples that `calibrate fit` and `calibrate check` read. Exit code 77: there is no GPU.

  plumbline calibrate measure --out h100 --name h100
  plumbline calibrate measure --quick --only gemm --out quick
  plumbline calibrate measure --synthetic 1 --quick --out try     no GPU: a made-up device)";

}  // namespace

Command calibrate_measure_command(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("measure", "Time kernels on a GPU (plumbline-measure)");
  app->prefix_command();
  app->set_help_flag();  // its options are the other program's, --help included
  app->footer(kFooter);
  return {app, [app](const Console& console) {
            console.out.flush();
            return run_measure_program(find_measure_program(), app->remaining());
          }};
}

}  // namespace plumbline
