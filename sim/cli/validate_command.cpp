// plumbline validate: predicted beside measured, over every scenario that was measured.
#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "sim/cli/command.h"
#include "sim/cli/in_order.h"
#include "sim/cli/measured_rows.h"
#include "sim/cli/output_file.h"
#include "sim/cli/progress.h"
#include "sim/cli/scenario_option.h"
#include "sim/cli/serving_rows.h"
#include "sim/run/run.h"
#include "sim/yaml/yaml_node.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> paths;
  Settings settings;
  Outputs outputs;
  int jobs = 0;
};

constexpr const char* kFooter =
    R"(A folder is walked for *.yaml; files without a measured: block are passed over.  Errors are
relative and signed, the bias is their median; runs with gate: false stay out of the summary.
Rates (tokens/s, TFLOP/s) are turned into iteration_time_s.  Of a model that serves, latencies are
set beside each other by mean and percentile, measured.requests also sets every request of the trace
beside its measurement (request_ttft_s, ...), and measured.cases names a table of closed loops.
A scenario that cannot be simulated is listed and reported on stderr; the exit code is 2 when none
could.

Examples:
  plumbline validate scenarios
  plumbline validate a.yaml b.yaml --json - | jq .summary)";

/// Every file named, and every *.yaml under every folder named, sorted within it.
std::vector<std::string> files_of(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  std::vector<Diagnostic> problems;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      if (fs::exists(path, error)) {
        files.push_back(path);
      } else {
        problems.push_back(option_problem("validate", "no such file or folder: " + path));
      }
      continue;
    }
    std::vector<std::string> found;
    for (const auto& entry :
         fs::recursive_directory_iterator(path, fs::directory_options::skip_permission_denied)) {
      if (entry.path().extension() == ".yaml") found.push_back(entry.path().string());
    }
    std::ranges::sort(found);
    files.insert(files.end(), found.begin(), found.end());
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  return files;
}

struct Failure {
  std::string file;
  InputError error;
};

struct Validation {
  std::vector<ValidationRow> rows;
  std::vector<Failure> failures;
};

bool has_measurement(const std::string& file) {
  Diagnostics ignored;  // what is wrong with it is told when it is read as a scenario
  const YamlNode root = YamlNode::load(file, ignored);
  return !ignored.empty() || root.child("measured").present();
}

std::vector<ValidationRow> rows_of(const Scenario& scenario) {
  if (!scenario.serving) return measured_rows(scenario, simulate(scenario).result);
  if (!scenario.measured->cases.empty()) return case_rows(scenario);
  return serving_rows(scenario, serve(scenario));
}

Validation validate_all(const Options& options, const Console& console) {
  const std::vector<Override> overrides = options.settings.overrides();
  std::vector<std::string> files = files_of(options.paths);
  std::erase_if(files, [](const std::string& file) { return !has_measurement(file); });
  struct Outcome {
    std::vector<ValidationRow> rows;
    std::optional<InputError> error;
  };
  std::vector<Outcome> outcomes(files.size());
  Validation validation;
  Progress progress(console, "scenarios", files.size());
  in_order(
      files.size(), options.jobs > 0 ? options.jobs : processors(),
      [&](std::size_t i) {
        try {
          const Scenario scenario = read_scenario(files[i], overrides, console.folders);
          outcomes[i].rows = rows_of(scenario);
        } catch (const InputError& error) {
          outcomes[i].error = error;
        }
        progress.step();
      },
      [&](std::size_t i) {
        std::ranges::move(outcomes[i].rows, std::back_inserter(validation.rows));
        if (outcomes[i].error) validation.failures.push_back({files[i], *outcomes[i].error});
      });
  return validation;
}

/// Every problem once, with how many scenarios have it.
std::string problems_of(const std::vector<Failure>& failures) {
  std::vector<std::pair<std::string, std::vector<std::string>>> files_by_problem;
  for (const Failure& failure : failures) {
    const std::string problem = failure.error.what();
    auto same = std::ranges::find(files_by_problem, problem, [](const auto& p) { return p.first; });
    if (same == files_by_problem.end()) {
      same = files_by_problem.insert(same, {problem, {}});
    }
    same->second.push_back(failure.file);
  }
  std::string text;
  for (const auto& [problem, files] : files_by_problem) {
    text += problem + "\n";
    if (files.size() == 1) continue;
    text +=
        "  in " + std::to_string(files.size()) + " scenarios, " + files.front() + " the first\n";
  }
  return text;
}

/// The report's document, with the scenarios that could not be simulated under "errors".
std::string document(const Validation& validation) {
  const std::string text = validation_json(validation.rows);
  if (validation.failures.empty()) return text;
  auto json = nlohmann::ordered_json::parse(text);
  for (const Failure& failure : validation.failures) {
    json["errors"].push_back({{"file", failure.file}, {"problem", failure.error.what()}});
  }
  return json.dump(2) + "\n";
}

int validate(const Options& options, const Console& console) {
  options.outputs.check();
  const Validation validation = validate_all(options, console);
  const std::size_t failed = validation.failures.size();
  if (validation.rows.empty() && failed == 0) {
    throw InputError({option_problem("validate", "no scenario there has a measured: block")});
  }
  options.outputs.write("--json", console, [&](std::ostream& out) { out << document(validation); });
  if (!options.outputs.stdout_is_taken()) {
    console.out << validation_table(validation.rows, console.style);
    if (!validation.rows.empty()) {
      for (const Failure& failure : validation.failures) {
        console.out << "  " << failure.file << ": not simulated, see below\n";
      }
    }
  }
  console.err << problems_of(validation.failures);
  if (failed > 0) {
    console.err << failed << (failed == 1 ? " scenario" : " scenarios") << " not simulated.\n";
  }
  return validation.rows.empty() ? kWrongInput : kDone;
}

}  // namespace

Command validate_command(CLI::App& parent) {
  const auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand("validate", "Set predictions beside measurements");
  app->add_option("PATH", options->paths, "Scenarios, or folders of them")->required();
  options->settings.add_to(*app);
  options->outputs.add_option(*app, "--json", "Runs and summary as JSON");
  app->add_option("--jobs", options->jobs, "Threads (all processors)")
      ->type_name("N")
      ->check(CLI::Range(1, 4096));
  app->footer(kFooter);
  return {app, [options](const Console& console) { return validate(*options, console); }};
}

}  // namespace plumbline
