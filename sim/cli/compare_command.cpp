// plumbline compare: scenarios side by side, the difference told by where the time went.
#include <memory>
#include <ostream>
#include <set>

#include "sim/cli/command.h"
#include "sim/cli/output_file.h"
#include "sim/cli/scenario_option.h"
#include "sim/cli/what_if_option.h"
#include "sim/report/serving.h"
#include "sim/run/session.h"
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
  plumbline compare served.yaml --what-if gpu=h200 --what-if 'nvlink*2'
  plumbline compare a.yaml --what-if 'nvlink*2' --what-if 'ib*0.5, fail 1 node' --what-if gpu=b200)";

/// A scenario, perhaps under other circumstances.
struct Compared {
  Scenario scenario;
  HardwareScale scale;
  std::string name, label;  ///< the label is unambiguous
};

/// The names where they differ, else the labels.
std::vector<std::string> names_of(const std::vector<Compared>& compared) {
  std::set<std::string> different;
  for (const Compared& each : compared) different.insert(each.name);
  std::vector<std::string> names;
  for (const Compared& each : compared) {
    names.push_back(different.size() == compared.size() ? each.name : each.label);
  }
  return names;
}

/// What every scenario comes to, run by one session.
template <typename Result, typename How>
std::vector<Result> results_of(const std::vector<Compared>& compared,
                               Result (SimulationSession::*run)(const Scenario&, const How&)) {
  SimulationSession session;
  std::vector<Result> results;
  for (const Compared& each : compared) {
    How how;
    how.scale = each.scale;
    results.push_back((session.*run)(each.scenario, how));
  }
  return results;
}

int print(const Options& options, const Console& console, const auto& json, const auto& table) {
  options.outputs.write("--json", console, [&](std::ostream& out) { out << json(); });
  if (!options.outputs.stdout_is_taken()) console.out << table();
  return kDone;
}

int compare_training(const std::vector<Compared>& compared, const Options& options,
                     const Console& console) {
  const std::vector<std::string> names = names_of(compared);
  const std::vector<Run> runs = results_of(compared, &SimulationSession::simulate);
  std::vector<NamedResult> named;
  for (std::size_t i = 0; i < runs.size(); ++i) named.push_back({names[i], &runs[i].result});
  return print(
      options, console, [&] { return compare_json(named); },
      [&] { return compare_table(named, console.style); });
}

int compare_serving(const std::vector<Compared>& compared, const Options& options,
                    const Console& console) {
  const std::vector<std::string> names = names_of(compared);
  const std::vector<ServedRun> runs = results_of(compared, &SimulationSession::serve);
  std::vector<NamedServing> named;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    named.push_back({names[i], &runs[i].result, &runs[i].serving});
  }
  return print(
      options, console, [&] { return compare_serving_json(named); },
      [&] { return compare_serving_table(named, console.style); });
}

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
  const bool serves = !scenarios.empty() && scenarios.front().serving.has_value();
  for (const Scenario& scenario : scenarios) {
    if (scenario.serving.has_value() == serves) continue;
    const InputError located =
        locate(InputError({diagnose(serves ? "training" : "serving",
                                    std::string(serves ? "trains" : "serves") +
                                        "; the first scenario " + (serves ? "serves" : "trains"),
                                    "compare scenarios of one kind")}),
               scenario);
    problems.push_back(located.diagnostics().front());
  }
  if (!problems.empty()) throw InputError(std::move(problems));

  std::vector<Compared> compared;
  for (std::size_t i = 0; i < scenarios.size(); ++i) {
    compared.push_back({scenarios[i], {}, scenarios[i].name, options.files[i]});
  }
  for (const WhatIf& other : others) {
    compared.push_back({other.scenario, other.scale, other.text, other.text});
  }
  return serves ? compare_serving(compared, options, console)
                : compare_training(compared, options, console);
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
