// plumbline calibrate: how well a profile predicts kernels, seen or not.
#include <memory>
#include <ostream>

#include "calibration/check.h"
#include "sim/cli/command.h"
#include "sim/cli/output_file.h"
#include "sim/cli/scenario_option.h"

namespace plumbline {
namespace {

struct Check {
  CLI::App* app = nullptr;
  std::string gpu;
  std::vector<std::string> samples;
  Outputs outputs;
};

struct Options {
  Check check;
};

constexpr const char* kFooter = R"(Examples:
  plumbline calibrate check h100_sxm_80g hardware_profiles/samples/h100_gemm_bf16.csv
  plumbline calibrate check my_gpu.yaml gemm_bf16.csv --json -

  measure, fit, import and box are not in this version.)";

int check(const Check& options, const Console& console) {
  options.outputs.check();
  const CalibrateCheckReport report =
      calibrate_check(options.gpu, console.folders.hardware_profiles, options.samples);
  options.outputs.write("--json", console, [&](std::ostream& out) { out << to_json(report); });
  if (!options.outputs.stdout_is_taken()) console.out << to_text(report);
  return kDone;
}

}  // namespace

Command calibrate_command(CLI::App& parent) {
  const auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand("calibrate", "Set measured kernels beside their prices");
  app->require_subcommand(1);
  Check& check_options = options->check;
  check_options.app = app->add_subcommand("check", "Predicted beside measured for every sample");
  check_options.app->add_option("GPU", check_options.gpu, "A GPU's name, or a profile")
      ->type_name("GPU|PROFILE.yaml")
      ->required();
  check_options.app->add_option("SAMPLES", check_options.samples, "CSVs of measured kernels")
      ->type_name("SAMPLES.csv")
      ->required();
  check_options.outputs.add_option(*check_options.app, "--json", "The errors as JSON");
  std::vector<CLI::App*> missing;
  for (const char* name : {"measure", "fit", "import", "box"}) {
    missing.push_back(app->add_subcommand(name, "(not in this version)"));
    missing.back()->allow_extras();
  }
  app->footer(kFooter);
  return {app, [options, missing](const Console& console) {
            for (const CLI::App* command : missing) {
              if (!command->parsed()) continue;
              throw InputError({option_problem("calibrate " + command->get_name(),
                                               "is not in this version", "calibrate check is")});
            }
            return check(options->check, console);
          }};
}

}  // namespace plumbline
