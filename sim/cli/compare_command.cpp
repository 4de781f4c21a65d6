// plumbline compare: scenarios side by side, the difference told by where the time went.
#include <memory>
#include <ostream>
#include <set>

#include "sim/cli/command.h"
#include "sim/cli/output_file.h"
#include "sim/cli/scenario_option.h"
#include "sim/cli/what_if_option.h"
#include "sim/run/run.h"
#include "sim/search/what_if.h"

namespace plumbline {
namespace {

struct Options {
  std::vector<std::string> files;
  Settings settings;
  std::vector<std::string> what_ifs;
  Outputs outputs;
};

constexpr const char* kFooter = R"(Differences are against the first scenario.

Examples:
  plumbline compare 1f1b.yaml zb_h1.yaml
  plumbline compare a.yaml b.yaml --set training.recompute=full --json -
  plumbline compare a.yaml --what-if 'nvlink*2' --what-if 'ib*0.5, fail 1 node' --what-if gpu=b200)";

int compare(const Options& options, const Console& console) {
  options.outputs.check();
  const std::vector<Override> overrides = options.settings.overrides();
  std::vector<Scenario> scenarios;
  std::vector<Diagnostic> problems;
  for (const std::string& file : options.files) {
    try {
      scenarios.push_back(read_scenario(file, overrides, console.folders));
    } catch (const InputError& error) {
      problems.insert(problems.end(), error.diagnostics().begin(), error.diagnostics().end());
    }
  }
  if (options.files.size() + options.what_ifs.size() < 2) {
    problems.push_back(
        option_problem("compare", "needs two scenarios or more", "or one and --what-if 'ib*0.5'"));
  }
  std::vector<WhatIf> others;
  for (const std::string& text : options.what_ifs) {
    if (scenarios.empty()) break;
    try {
      others.push_back(what_if(scenarios.front(), text, console.folders));
    } catch (const InputError& error) {
      problems.insert(problems.end(), error.diagnostics().begin(), error.diagnostics().end());
    }
  }
  if (!problems.empty()) throw InputError(std::move(problems));

  std::vector<Run> runs;
  std::vector<std::string> names, labels = options.files;
  for (const Scenario& scenario : scenarios) {
    runs.push_back(simulate(scenario));
    names.push_back(scenario.name);
  }
  for (const WhatIf& other : others) {
    RunOptions how;
    how.scale = other.scale;
    runs.push_back(simulate(other.scenario, how));
    names.push_back(other.text);
    labels.push_back(other.text);
  }
  const bool names_differ =
      std::set<std::string>(names.begin(), names.end()).size() == names.size();
  std::vector<NamedResult> named;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    named.push_back({names_differ ? names[i] : labels[i], &runs[i].result});
  }
  options.outputs.write("--json", console, [&](std::ostream& out) { out << compare_json(named); });
  if (!options.outputs.stdout_is_taken()) console.out << compare_table(named, console.style);
  return kDone;
}

}  // namespace

Command compare_command(CLI::App& parent) {
  const auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand("compare", "Simulate scenarios and set them side by side");
  app->add_option("SCENARIO", options->files, "Two scenarios or more, or one with --what-if")
      ->required();
  options->settings.add_to(*app);
  add_what_if_option(*app, options->what_ifs, "Another column: the first scenario with");
  options->outputs.add_option(*app, "--json", "The comparison as JSON");
  app->footer(kFooter);
  return {app, [options](const Console& console) { return compare(*options, console); }};
}

}  // namespace plumbline
