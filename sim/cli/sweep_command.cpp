// plumbline sweep: one scenario at every point of a product of values.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "sim/cli/command.h"
#include "sim/cli/in_order.h"
#include "sim/cli/output_file.h"
#include "sim/cli/progress.h"
#include "sim/cli/result_row.h"
#include "sim/cli/scenario_option.h"
#include "sim/cli/sweep_axes.h"
#include "sim/report/text.h"
#include "sim/run/run.h"

namespace plumbline {
namespace {

using Point = std::vector<Override>;

struct Options {
  std::string scenario;
  Settings settings;
  std::vector<std::string> over;
  Outputs outputs;
  int jobs = 0;
  std::string shard;
  std::string resume;
};

constexpr const char* kFooter =
    R"(The rows stand in the order of the product, the last --over fastest, whatever --jobs is.
A point that is invalid has its reason in the column `error`.

Examples:
  plumbline sweep a.yaml --over parallelism.pipeline=2,4,8 --over training.recompute=none,full
  plumbline sweep a.yaml --over training.global_batch_size=64:1024:x2 --csv sweep.csv
  plumbline sweep a.yaml --over schedule=1f1b,zb_h1,'{name: zb_v}' --json - --jobs 4
  plumbline sweep a.yaml --over ... --csv sweep.csv --resume sweep.csv   (goes on from sweep.csv.partial))";

/// What came of one point.
struct Outcome {
  std::optional<Result> result;
  std::optional<InputError> error;
};

std::string one_line(const InputError& error) {
  std::string text;
  for (const Diagnostic& problem : error.diagnostics()) {
    text += (text.empty() ? "" : "; ") + to_string(problem);
  }
  std::ranges::replace(text, '\n', ' ');
  return text;
}

std::string joined(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += ',';
    line += csv_cell(cells[i]);
  }
  return line;
}

std::string header(const std::vector<SweepAxis>& axes) {
  std::vector<std::string> cells;
  for (const SweepAxis& axis : axes) cells.push_back(axis.path);
  for (const std::string& key : result_keys()) cells.push_back(key);
  cells.insert(cells.end(), {"fits", "error"});
  return joined(cells);
}

std::string first_cells(const Point& point) {
  std::vector<std::string> cells;
  for (const Override& value : point) cells.push_back(value.second);
  return joined(cells);
}

std::string csv_row(const Point& point, const Outcome& outcome) {
  std::string line = first_cells(point);
  if (outcome.result) {
    for (const std::string& value : result_values(*outcome.result)) line += "," + value;
    return line + (outcome.result->fits ? ",true," : ",false,");
  }
  line += std::string(result_keys().size() + 2, ',');
  return line + csv_cell(one_line(*outcome.error));
}

std::string json_document(const std::vector<Point>& points, const std::vector<Outcome>& outcomes) {
  nlohmann::ordered_json document;
  document["schema"] = "plumbline.sweep/1";
  document["points"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < points.size(); ++i) {
    nlohmann::ordered_json entry;
    for (const auto& [path, value] : points[i]) entry["set"][path] = value;
    if (outcomes[i].result) {
      entry["result"] = nlohmann::ordered_json::parse(to_json(*outcomes[i].result));
      entry["result"]["engine"].erase("wall_s");  // the one figure that is not repeatable
    } else {
      entry["result"] = nullptr;
    }
    entry["error"] = outcomes[i].error ? one_line(*outcomes[i].error) : std::string();
    document["points"].push_back(std::move(entry));
  }
  return document.dump(1) + "\n";
}

std::string table(const std::vector<SweepAxis>& axes, const std::vector<Point>& points,
                  const std::vector<Outcome>& outcomes, const TextStyle& style) {
  std::vector<std::string> names;
  for (const SweepAxis& axis : axes) names.push_back(axis.path.substr(axis.path.rfind('.') + 1));
  names.insert(names.end(), {"step", "tokens/s/GPU", "MFU", "bubble", "GiB", ""});
  Columns columns(std::vector<bool>(names.size(), true));
  columns.add(names);
  for (std::size_t i = 0; i < points.size(); ++i) {
    std::vector<std::string> cells;
    for (const Override& value : points[i]) cells.push_back(value.second);
    if (outcomes[i].result) {
      const TrainingResult& step = outcomes[i].result->training;
      cells.insert(cells.end(),
                   {duration(step.iteration_time_s), grouped(step.tokens_per_s_per_gpu),
                    percent(step.mfu), percent(step.bubble_fraction), gib(step.peak_memory_bytes),
                    outcomes[i].result->fits ? "" : "does not fit"});
    } else {
      cells.insert(cells.end(), {"-", "-", "-", "-", "-",
                                 outcomes[i].error->diagnostics().front().path + ": " +
                                     outcomes[i].error->diagnostics().front().problem});
    }
    columns.add(std::move(cells));
  }
  return columns.text(style);
}

/// The points of shard I of N: every N-th, starting with the I-th.
std::vector<Point> of_shard(const std::vector<Point>& points, const std::string& shard) {
  if (shard.empty()) return points;
  std::size_t index = 0, count = 0;
  char rest = '\0';
  if (std::sscanf(shard.c_str(), "%zu/%zu%c", &index, &count, &rest) != 2 || index < 1 ||
      index > count) {
    throw InputError({option_problem("--shard", "'" + shard + "' is not I/N with 1 <= I <= N",
                                     "--shard 1/4 takes the first of four parts")});
  }
  std::vector<Point> part;
  for (std::size_t i = index - 1; i < points.size(); i += count) part.push_back(points[i]);
  return part;
}

/// The rows that an interrupted sweep left in FILE.partial.
std::vector<std::string> finished_rows(const Options& options, const std::string& head,
                                       const std::vector<Point>& points) {
  std::vector<std::string> rows;
  if (options.resume.empty()) return rows;
  const auto refuse = [](std::string problem, std::string hint = {}) {
    throw InputError({option_problem("--resume", std::move(problem), std::move(hint))});
  };
  if (options.outputs.asked("--json") || !options.outputs.asked("--csv")) {
    refuse("goes with --csv alone", "only its rows are kept");
  }
  const std::string partial =
      options.resume.ends_with(".partial") ? options.resume : options.resume + ".partial";
  std::error_code error;
  if (!std::filesystem::exists(partial, error)) {
    if (std::filesystem::exists(options.resume, error)) return rows;
    refuse("there is no " + partial);
  }
  std::ifstream file(partial);
  std::string line;
  if (!std::getline(file, line) || file.eof()) return rows;
  if (line != head) refuse(partial + " is of another sweep", "its columns differ");
  while (std::getline(file, line) && !file.eof() && rows.size() < points.size()) {
    if (!line.starts_with(first_cells(points[rows.size()]) + ",")) {
      refuse(partial + " is of another sweep", "row " + std::to_string(rows.size() + 2));
    }
    rows.push_back(line);
  }
  return rows;
}

Outcome run_point(const Options& options, const Point& point, const Console& console) {
  std::vector<Override> overrides = options.settings.overrides();
  overrides.insert(overrides.end(), point.begin(), point.end());
  Outcome outcome;
  try {
    outcome.result = simulate(read_scenario(options.scenario, overrides, console.folders)).result;
  } catch (const InputError& error) {
    outcome.error = error;
  }
  return outcome;
}

int sweep(const Options& options, const Console& console) {
  options.outputs.check();
  std::vector<SweepAxis> axes;
  for (const std::string& word : options.over) axes.push_back(parse_axis(word));
  const std::vector<Point> points = of_shard(sweep_points(axes), options.shard);
  const std::string head = header(axes);
  const std::vector<std::string> before = finished_rows(options, head, points);
  const std::size_t skipped = before.size();
  const int jobs = options.jobs > 0 ? options.jobs : processors();

  std::vector<Outcome> outcomes(points.size());
  const bool keep = options.outputs.asked("--json") || !options.outputs.stdout_is_taken();
  Progress progress(console, "points", points.size() - skipped);
  bool any = skipped > 0 || points.empty();
  std::optional<InputError> first_error;
  const auto run_all = [&](std::ostream* csv) {
    in_order(
        points.size() - skipped, jobs,
        [&](std::size_t i) {
          outcomes[skipped + i] = run_point(options, points[skipped + i], console);
          progress.step();
        },
        [&](std::size_t i) {
          Outcome& outcome = outcomes[skipped + i];
          any = any || outcome.result.has_value();
          if (outcome.error && !first_error) first_error = outcome.error;
          if (csv != nullptr) *csv << csv_row(points[skipped + i], outcome) << "\n" << std::flush;
          if (!keep) outcome = {};
        });
    // A misspelt path makes every point invalid; that is the input's fault, not a row's.
    if (!any) throw *first_error;
  };
  if (options.outputs.asked("--csv")) {
    options.outputs.write("--csv", console, [&](std::ostream& out) {
      out << head << "\n";
      for (const std::string& row : before) out << row << "\n";
      run_all(&out);
    });
  } else {
    run_all(nullptr);
  }
  options.outputs.write("--json", console,
                        [&](std::ostream& out) { out << json_document(points, outcomes); });
  if (!options.outputs.stdout_is_taken() && skipped == 0) {
    console.out << table(axes, points, outcomes, console.style);
  }
  return kDone;
}

}  // namespace

Command sweep_command(CLI::App& parent) {
  const auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand("sweep", "Simulate a scenario over ranges of its keys");
  app->add_option("SCENARIO", options->scenario, "The scenario's YAML file")->required();
  app->add_option("--over", options->over, "An axis; the last one given varies fastest")
      ->type_name("PATH=V1,V2,...|A:B[:xK|:+K]")
      ->allow_extra_args(false);
  options->settings.add_to(*app);
  options->outputs.add_option(*app, "--csv", "A row per point");
  options->outputs.add_option(*app, "--json", "Every point's result");
  app->add_option("--jobs", options->jobs, "Threads (all processors)")
      ->type_name("N")
      ->check(CLI::Range(1, 4096));
  app->add_option("--resume", options->resume, "Goes on from FILE.partial")->type_name("FILE");
  app->add_option("--shard", options->shard, "Only every N-th point, from the I-th")
      ->type_name("I/N");
  app->footer(kFooter);
  return {app, [options](const Console& console) { return sweep(*options, console); }};
}

}  // namespace plumbline
