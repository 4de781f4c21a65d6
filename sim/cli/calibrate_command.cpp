// plumbline calibrate: a profile's constants from samples, and how well it predicts others.
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "calibration/check.h"
#include "calibration/fit_profile.h"
#include "sim/cli/calibrate_parts.h"
#include "sim/cli/command.h"
#include "sim/cli/output_file.h"
#include "sim/cli/scenario_option.h"
#include "sim/report/text.h"

namespace plumbline {
namespace {

struct Check {
  CLI::App* app = nullptr;
  std::string gpu;
  std::vector<std::string> samples;
  Outputs outputs;
};

struct Fit {
  CLI::App* app = nullptr;
  FitProfileOptions profile;
  Outputs outputs;
};

struct Options {
  Check check;
  Fit fit;
};

constexpr const char* kCheckFooter = R"(Examples:
  plumbline calibrate check h100_sxm_80g hardware_profiles/samples/h100_gemm_bf16.csv
  plumbline calibrate check my_gpu.yaml gemm_bf16.csv --json -)";

constexpr const char* kFitFooter = R"(Examples:
  plumbline calibrate fit my_gpu.yaml samples/my_gpu_gemm_bf16.csv --out my_gpu.yaml
  plumbline calibrate fit my_pcie.yaml samples/my_gpu_host.csv --out my_pcie.yaml)";

constexpr const char* kFooter = R"(Examples:
  plumbline calibrate check h100_sxm_80g hardware_profiles/samples/h100_gemm_bf16.csv
  plumbline calibrate check my_gpu.yaml gemm_bf16.csv --json -
  plumbline calibrate fit my_gpu.yaml samples/my_gpu_gemm_bf16.csv --out my_gpu.yaml
  plumbline calibrate fit my_pcie.yaml samples/my_gpu_host.csv --out my_pcie.yaml

  plumbline calibrate measure --out h100 --name h100
  plumbline calibrate box 1f1b --dry-run
  plumbline calibrate import all_reduce.txt)";

int check(const Check& options, const Console& console) {
  options.outputs.check();
  const CalibrateCheckReport report =
      calibrate_check(options.gpu, console.folders.hardware_profiles, options.samples);
  options.outputs.write("--json", console, [&](std::ostream& out) { out << to_json(report); });
  if (!options.outputs.stdout_is_taken()) console.out << to_text(report);
  return kDone;
}

std::string json_of(const FitProfileResult& result) {
  nlohmann::ordered_json json{{"rows", nlohmann::ordered_json::array()}, {"notes", result.notes}};
  for (const FittedRow& row : result.rows) {
    json["rows"].push_back({{"operation", row.form},
                            {"n", row.samples},
                            {"median", row.median},
                            {"p90", row.p90},
                            {"held_out_median", row.cross_validated_median},
                            {"held_out_p90", row.cross_validated_p90}});
  }
  return json.dump(2) + "\n";
}

int fit(const Fit& options, const Console& console) {
  options.outputs.check();
  const FitProfileResult result = fit_profile(options.profile);
  options.outputs.write("--out", console, [&](std::ostream& out) { out << result.text; });
  options.outputs.write("--json", console, [&](std::ostream& out) { out << json_of(result); });
  if (options.outputs.stdout_is_taken()) return kDone;
  Columns table({false, true, true, true, true, true});
  table.add({"form", "samples", "median", "p90", "median, left out", "p90, left out"});
  for (const FittedRow& row : result.rows) {
    const bool form = row.p90 > 0;  // rows that pool others have no form of their own
    table.add({row.form, std::to_string(row.samples), form ? percent(row.median) : "",
               form ? percent(row.p90) : "", percent(row.cross_validated_median),
               percent(row.cross_validated_p90)});
  }
  if (!result.rows.empty()) console.out << table.text(console.style);
  for (const std::string& note : result.notes) console.out << "note: " << note << "\n";
  if (!options.outputs.asked("--out")) console.out << "Nothing was written; --out FILE does.\n";
  return kDone;
}

void add_check(CLI::App& parent, Check& options) {
  options.app = parent.add_subcommand("check", "Predicted beside measured for every sample");
  options.app->add_option("GPU", options.gpu, "A GPU's name, or a profile")
      ->type_name("GPU|PROFILE.yaml")
      ->required();
  options.app->add_option("SAMPLES", options.samples, "CSVs of measured kernels")
      ->type_name("SAMPLES.csv")
      ->required();
  options.outputs.add_option(*options.app, "--json", "The errors as JSON");
  options.app->footer(kCheckFooter);
}

void add_fit(CLI::App& parent, Fit& options) {
  options.app = parent.add_subcommand("fit", "A profile's constants from its samples");
  options.app
      ->add_option("PROFILE", options.profile.profile_path,
                   "The hardware profile, of a GPU or of a link")
      ->type_name("PROFILE.yaml")
      ->required();
  options.app
      ->add_option("SAMPLES", options.profile.csv_paths, "CSVs to add, below the profile's folder")
      ->type_name("SAMPLES.csv");
  options.outputs.add_option(*options.app, "--out", "The profile with its constants");
  options.outputs.add_option(*options.app, "--json", "The errors as JSON");
  options.app->footer(kFitFooter);
}

}  // namespace

Command calibrate_command(CLI::App& parent) {
  const auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand("calibrate", "Set measured kernels beside their prices");
  app->footer(kFooter);  // before its commands, which inherit it
  app->require_subcommand(1);
  add_check(*app, options->check);
  add_fit(*app, options->fit);
  const std::vector<Command> parts{calibrate_measure_command(*app), calibrate_box_command(*app),
                                   calibrate_import_command(*app)};
  return {app, [options, parts](const Console& console) {
            for (const Command& part : parts) {
              if (part.app->parsed()) return part.run(console);
            }
            return options->fit.app->parsed() ? fit(options->fit, console)
                                              : check(options->check, console);
          }};
}

}  // namespace plumbline
