// plumbline plan: the best plan for a model on a cluster.
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>

#include "sim/cli/command.h"
#include "sim/cli/in_order.h"
#include "sim/cli/output_file.h"
#include "sim/cli/plan_limits.h"
#include "sim/cli/plan_report.h"
#include "sim/cli/scenario_option.h"
#include "sim/cli/what_if_option.h"
#include "sim/scenario/scenario_yaml.h"
#include "sim/search/reconfigure.h"
#include "sim/search/what_if.h"

namespace plumbline {
namespace {

struct Options {
  std::string scenario;
  Settings settings;
  Outputs outputs;
  std::string gpus;
  std::string objective = "throughput";
  int top = 5;
  std::vector<std::string> over;
  std::string schedules;
  double max_memory_gib = 0;
  double critical_batch = 0;
  int jobs = 0;
  std::vector<std::string> what_ifs;
  ChangeCosts change;
  double storage_gb_per_s = 100, horizon_h = 24, repair_h = 0;
};

constexpr const char* kFooter =
    R"(The scenario gives the model, the cluster, the batch and the software; its plan is one of those
held against the best. Everything else is searched: tensor, pipeline, virtual stages, data, context,
expert, ZeRO, micro-batch, recomputation, schedule, split of the layers. --over narrows a list.

Examples:
  plumbline plan scenarios/01_first_run.yaml
  plumbline plan a.yaml --gpus 32,64,128 --objective cost --set cost.usd_per_gpu_hour=2.5
  plumbline plan a.yaml --schedules 1f1b,interleaved_1f1b --over parallelism.tensor=4,8 --write best.yaml
  plumbline plan a.yaml --over training.global_batch_size=256:4096:x2 --critical-batch 4e6
  plumbline plan a.yaml --what-if 'ib*0.5'
  plumbline plan a.yaml --what-if 'fail 2 nodes' --repair-h 6     (how to go on, and what it costs))";

Price price_of(const std::string& name) {
  if (name == "throughput") return Price::kTime;
  if (name == "cost") return Price::kCost;
  if (name == "energy") return Price::kEnergy;
  throw InputError({option_problem("--objective", "'" + name + "' is no objective",
                                   "throughput, cost and energy are")});
}

SearchOptions search_options(const Options& options, const Scenario& base) {
  SearchOptions how;
  how.space = default_space(base);
  if (!options.gpus.empty()) how.space.gpus = numbers_of("--gpus", options.gpus);
  std::vector<std::string> limits = options.over;
  if (!options.schedules.empty()) {
    for (const std::string& limit : limits) {
      if (!limit.starts_with("schedule=")) continue;
      throw InputError({option_problem("--schedules", "--over schedule= says the same",
                                       "leave out one of the two")});
    }
    limits.push_back("schedule=" + options.schedules);
  }
  limit_space(limits, how.space);
  std::optional<double> critical;
  if (options.critical_batch != 0) critical = options.critical_batch;
  how.objective = make_objective(base, price_of(options.objective), critical);
  if (options.top < 1) {
    throw InputError({option_problem("--top", std::to_string(options.top) + " is not at least 1")});
  }
  how.top = static_cast<std::size_t>(options.top);
  if (options.max_memory_gib < 0) {
    throw InputError({option_problem("--max-memory-gib", "is negative")});
  }
  if (options.max_memory_gib > 0) how.max_memory = Bytes(options.max_memory_gib * 1073741824.0);
  const int jobs = options.jobs > 0 ? options.jobs : processors();
  how.for_each = [jobs](std::size_t count, const std::function<void(std::size_t)>& work) {
    in_order(count, jobs, work, [](std::size_t) {});
  };
  return how;
}

/// The cluster has another number of nodes: which plan to go on with.
int go_on(const Options& options, const WhatIf& after, const Console& console) {
  if (!options.gpus.empty() || options.outputs.asked("--csv") || options.outputs.asked("--write")) {
    throw InputError({option_problem(
        "--what-if", "with another number of nodes neither --gpus, --csv nor --write is taken",
        "--set cluster.nodes=N searches the other cluster alone")});
  }
  SearchOptions how = search_options(options, after.scenario);
  how.scale = after.scale;
  ChangeCosts costs = options.change;
  costs.storage = BytesPerSecond(options.storage_gb_per_s * 1e9);
  costs.horizon_s = options.horizon_h * 3600;
  if (options.repair_h > 0) costs.repair_s = options.repair_h * 3600;
  const Reconfiguration change =
      reconfigure(after.scenario, on_nodes(after.scenario, after.nodes), after.nodes, how, costs);
  options.outputs.write("--json", console, [&](std::ostream& out) {
    out << reconfiguration_json(change, after.text);
  });
  if (!options.outputs.stdout_is_taken()) {
    console.out << reconfiguration_table(change, after.scenario.name, console.style);
  }
  return kDone;
}

int plan(const Options& options, const Console& console) {
  options.outputs.check();
  const std::vector<Override> overrides = options.settings.overrides();
  Scenario base = read_scenario(options.scenario, overrides, console.folders);
  require_training(base);
  HardwareScale scale;
  std::string asked;
  for (const std::string& text : options.what_ifs) asked += (asked.empty() ? "" : ", ") + text;
  if (!asked.empty()) {
    WhatIf other = what_if(base, asked, console.folders, false);
    if (other.nodes != base.cluster.nodes) return go_on(options, other, console);
    if (options.outputs.asked("--write")) {
      throw InputError({option_problem("--write", "a what-if is no scenario that could be written",
                                       "leave out --what-if")});
    }
    base = std::move(other.scenario);
    scale = other.scale;
  }
  SearchOptions how = search_options(options, base);
  how.scale = scale;
  const auto began = std::chrono::steady_clock::now();
  if (console.err_is_terminal) {
    how.progress = [&console](std::size_t done, std::size_t all) {
      console.err << "\r\033[K";
      if (done < all) console.err << done << " of " << all << " plans";
      console.err << std::flush;
    };
  }
  const SearchResult found = search_plans(base, how);
  PlanReport report{base, how, found, {}, {}, 0};
  report.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  how.progress = nullptr;
  if (!found.best.empty()) {
    report.changes = one_change(base, found.best.front(), how);
    report.popular = popular_plans(base, how);
  }
  options.outputs.write("--json", console, [&](std::ostream& out) { out << plan_json(report); });
  options.outputs.write("--csv", console, [&](std::ostream& out) { out << plan_csv(report); });
  if (!found.best.empty()) {
    options.outputs.write("--write", console, [&](std::ostream& out) {
      std::vector<Override> all = overrides;
      const Candidate& winner = found.best.front().candidate;
      for (Override& each : settings_of(base, winner)) all.push_back(std::move(each));
      const std::string& path = options.outputs.path("--write");
      const std::string folder = path == "-" ? "." : std::filesystem::absolute(path).parent_path();
      out << "# The best plan for " << options.objective
          << " that `plumbline plan` found: " << to_string(winner) << ".\n"
          << scenario_yaml(options.scenario, all, folder);
    });
  }
  if (!options.outputs.stdout_is_taken()) console.out << plan_table(report, console.style);
  return kDone;
}

}  // namespace

Command plan_command(CLI::App& parent) {
  const auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand("plan", "Search for the best plan that fits");
  app->add_option("SCENARIO", options->scenario, "The scenario's YAML file")->required();
  options->settings.add_to(*app);
  app->add_option("--gpus", options->gpus,
                  "Numbers of GPUs to choose among (a list or a range); the scenario's otherwise")
      ->type_name("N,...");
  app->add_option("--objective", options->objective, "What is made best")
      ->type_name("throughput|cost|energy")
      ->capture_default_str();
  app->add_option("--top", options->top, "How many plans to tell")->capture_default_str();
  app->add_option(
         "--over", options->over,
         "The values that a setting may take, as in a sweep; all that make sense otherwise")
      ->type_name("PATH=V1,V2,...")
      ->allow_extra_args(false);
  app->add_option("--schedules", options->schedules, "The same as --over schedule=...")
      ->type_name("A,B,...");
  app->add_option("--max-memory-gib", options->max_memory_gib,
                  "Memory a GPU may use, GiB; what the profile calls usable otherwise");
  app->add_option("--critical-batch", options->critical_batch,
                  "Critical batch size: steps to the target grow as 1 + TOKENS / batch "
                  "(gradient noise scale), which makes time to target the objective")
      ->type_name("TOKENS");
  add_what_if_option(*app, options->what_ifs, "The best plan under other circumstances:");
  const auto cost = [&](const char* name, double& value, const char* help) {
    app->add_option(name, value, help)
        ->capture_default_str()
        ->group("With another number of nodes");
  };
  cost("--restart-s", options->change.restart_s, "Seconds until processes run again");
  cost("--storage-gb-per-s", options->storage_gb_per_s, "Reading of checkpoints, all nodes, GB/s");
  cost("--checkpoint-interval-s", options->change.checkpoint_interval_s,
       "Between checkpoints; half of it is done again");
  cost("--horizon-h", options->horizon_h, "Hours over which ways to go on are compared");
  cost("--repair-h", options->repair_h, "Hours until the old cluster is whole again; 0: never");
  app->add_option("--jobs", options->jobs, "Threads; all processors otherwise")->type_name("N");
  options->outputs.add_option(*app, "--json", "Plans and counts as JSON");
  options->outputs.add_option(*app, "--csv", "A row per plan");
  options->outputs.add_option(*app, "--write", "The best plan as a scenario");
  app->footer(kFooter);
  return {app, [options](const Console& console) { return plan(*options, console); }};
}

}  // namespace plumbline
