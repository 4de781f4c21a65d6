// plumbline run: one scenario, simulated and told.
#include <memory>
#include <ostream>

#include "sim/cli/command.h"
#include "sim/cli/output_file.h"
#include "sim/cli/scenario_option.h"
#include "sim/cli/what_if_option.h"
#include "sim/report/serving.h"
#include "sim/run/max_rate.h"
#include "sim/run/run.h"
#include "sim/search/what_if.h"

namespace plumbline {
namespace {

struct Options {
  std::string scenario;
  Settings settings;
  std::vector<std::string> what_ifs;
  Outputs outputs;
  bool require_fit = false;
  std::string bound = "quick";
  std::string find;
};

constexpr const char* kFooter = R"(Examples:
  plumbline run scenarios/01_first_run.yaml
  plumbline run a.yaml --set parallelism.pipeline=16 --set schedule=zb_h1
  plumbline run a.yaml --json - | jq .training.iteration_time_s
  plumbline run scenarios/20_serving.yaml --find max_rate
  plumbline run a.yaml --trace step.json        (open it at https://ui.perfetto.dev)

Exit code: 0 done, 2 the input is wrong, 3 with --require-fit when the plan does not fit.)";

void check_bound(const std::string& bound) {
  if (bound == "quick" || bound == "full") return;
  throw InputError({option_problem("--bound", "'" + bound + "' is neither quick nor full")});
}

/// What only a scenario that trains, or only one that serves, can be asked.
void check_kind(const Options& options, bool serves) {
  std::vector<Diagnostic> problems;
  for (const char* name : {"--html", "--svg"}) {
    if (serves && options.outputs.asked(name)) {
      problems.push_back(option_problem(name, "draws training steps; this scenario serves",
                                        "--trace shows every stage of a serving run"));
    }
  }
  if (!options.find.empty() && options.find != "max_rate") {
    problems.push_back(
        option_problem("--find", "'" + options.find + "' cannot be searched for", "max_rate can"));
  } else if (!options.find.empty() && !serves) {
    problems.push_back(option_problem("--find", "this scenario trains", "it goes with serving"));
  }
  if (!problems.empty()) throw InputError(std::move(problems));
}

int run_serving_scenario(const Options& options, const Scenario& scenario,
                         const HardwareScale& scale, const Console& console) {
  ServeOptions how;
  how.scale = scale;
  how.keep_spans = options.outputs.asked("--trace");
  std::optional<MaxRate> found;
  if (!options.find.empty()) {
    found = find_max_rate(scenario, how);
    found->best.serving.max_rate = RateSearch{found->rate_per_s, found->next_per_s, found->tries};
  }
  const ServedRun run = found ? std::move(found->best) : serve(scenario, how);
  const auto write = [&](const char* name, const std::function<void(std::ostream&)>& writer) {
    options.outputs.write(name, console, writer);
  };
  write("--json", [&](std::ostream& out) { out << serving_json(run.result, run.serving); });
  write("--trace",
        [&](std::ostream& out) { write_serving_trace(run.result, run.serving, run.spans, out); });
  write("--csv", [&](std::ostream& out) { write_request_csv(run.requests, out); });
  if (!options.outputs.stdout_is_taken()) {
    if (found) console.out << max_rate_line(found->rate_per_s, found->next_per_s, found->tries);
    console.out << serving_table(run.result, run.serving, console.style);
  }
  return options.require_fit && !run.result.fits ? kDoesNotFit : kDone;
}

int run(const Options& options, const Console& console) {
  check_bound(options.bound);
  options.outputs.check();
  Scenario scenario =
      read_scenario(options.scenario, options.settings.overrides(), console.folders);
  check_kind(options, scenario.serving.has_value());
  const bool pictures = options.outputs.asked("--trace") || options.outputs.asked("--html");
  RunOptions how;
  how.keep_timeline = pictures || options.outputs.asked("--svg") || options.outputs.asked("--csv");
  how.memory_over_time = pictures;
  how.sensitivities = true;
  how.full_bound = options.bound == "full";
  std::string asked;
  for (const std::string& text : options.what_ifs) asked += (asked.empty() ? "" : ", ") + text;
  if (!asked.empty()) {
    WhatIf other = what_if(scenario, asked, console.folders);
    scenario = std::move(other.scenario);
    how.scale = other.scale;
  }
  if (scenario.serving) return run_serving_scenario(options, scenario, how.scale, console);
  const Run run = simulate(scenario, how);
  const ReportInput input{run.result, *run.schedule, run.step, run.timeline};

  const auto write = [&](const char* name, const std::function<void(std::ostream&)>& writer) {
    options.outputs.write(name, console, writer);
  };
  write("--json", [&](std::ostream& out) { out << to_json(run.result); });
  write("--trace", [&](std::ostream& out) { write_chrome_trace(input, out); });
  write("--html", [&](std::ostream& out) { out << to_html(input); });
  write("--svg", [&](std::ostream& out) { out << to_svg(input); });
  write("--csv", [&](std::ostream& out) { write_csv(input, out); });
  if (!options.outputs.stdout_is_taken()) console.out << to_table(run.result, console.style);
  return options.require_fit && !run.result.fits ? kDoesNotFit : kDone;
}

}  // namespace

Command run_command(CLI::App& parent) {
  const auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand("run", "Simulate one scenario");
  app->add_option("SCENARIO", options->scenario, "The scenario's YAML file")->required();
  options->settings.add_to(*app);
  add_what_if_option(*app, options->what_ifs, "Under other circumstances:");
  options->outputs.add_option(*app, "--json", "The result as JSON");
  options->outputs.add_option(*app, "--trace", "A Chrome trace for Perfetto");
  options->outputs.add_option(*app, "--html", "A page with the timeline");
  options->outputs.add_option(*app, "--svg", "The timeline as a picture");
  options->outputs.add_option(*app, "--csv", "A row per operation; serving: per request");
  app->add_flag("--require-fit", options->require_fit,
                "Exit with 3 when the plan does not fit in memory");
  app->add_option(
         "--bound", options->bound,
         "The lower bound in closed form, or also by time windows in this schedule's memory")
      ->type_name("quick|full")
      ->capture_default_str();
  app->add_option("--find", options->find,
                  "Serving: search for the highest request rate that meets serving.slo")
      ->type_name("max_rate");
  app->footer(kFooter);
  return {app, [options](const Console& console) { return run(*options, console); }};
}

}  // namespace plumbline
