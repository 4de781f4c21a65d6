// plumbline check: everything a run would refuse, without running.
#include <memory>
#include <ostream>

#include "sim/cli/command.h"
#include "sim/cli/problems.h"
#include "sim/cli/scenario_option.h"
#include "sim/run/prepare.h"
#include "sim/run/run_serving.h"

namespace plumbline {
namespace {

struct Options {
  std::vector<std::string> files;
  Settings settings;
};

constexpr const char* kFooter = R"(Reads each scenario, makes its plan and generates its schedule.

Examples:
  plumbline check scenarios/*.yaml
  plumbline check a.yaml --set parallelism.pipeline=16)";

std::string sizes(const ParallelPlan& plan) {
  std::string text = std::to_string(plan.gpus()) + " GPUs = tensor " + std::to_string(plan.tensor) +
                     " x pipeline " + std::to_string(plan.pipeline);
  if (plan.context > 1) text += " x context " + std::to_string(plan.context);
  return text + " x data " + std::to_string(plan.data);
}

/// What a run would simulate. @throws InputError, paths without places
std::string summary(const Scenario& scenario) {
  if (scenario.serving) {
    const PreparedServing prepared = prepare_serving(scenario);
    const Traffic traffic = make_traffic(scenario.serving->requests, scenario.seed);
    return sizes(prepared.plan) + ", " + scenario.model.name + ", serves " +
           std::to_string(traffic.requests.list.size()) + " requests with " +
           std::to_string(prepared.resources.kv.blocks) + " cache blocks a replica";
  }
  const Prepared prepared = prepare(scenario);
  return sizes(prepared.plan) + ", " + scenario.model.name + ", " + prepared.schedule->name + ", " +
         std::to_string(prepared.plan.microbatches) + " micro-batches";
}

int check(const Options& options, const Console& console) {
  const std::vector<Override> overrides = options.settings.overrides();
  std::vector<Diagnostic> problems;
  for (const std::string& file : options.files) {
    try {
      const Scenario scenario = read_scenario(file, overrides, console.folders);
      try {
        const std::string line = summary(scenario);  // may throw: the name alone says nothing
        console.out << file << ": " << line << "\n";
      } catch (const InputError& error) {
        throw locate(error, scenario);
      }
    } catch (const InputError& error) {
      problems.insert(problems.end(), error.diagnostics().begin(), error.diagnostics().end());
    }
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  return kDone;
}

}  // namespace

Command check_command(CLI::App& parent) {
  const auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand("check", "Read and validate scenarios only");
  app->add_option("SCENARIO", options->files, "The scenarios' YAML files")->required();
  options->settings.add_to(*app);
  app->footer(kFooter);
  return {app, [options](const Console& console) { return check(*options, console); }};
}

}  // namespace plumbline
