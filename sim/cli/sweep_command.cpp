// plumbline sweep: one scenario at every point of a product of values.
#include <CLI/App.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <utility>

#include "sim/cli/command.h"
#include "sim/cli/in_order.h"
#include "sim/cli/output_file.h"
#include "sim/cli/progress.h"
#include "sim/cli/scenario_option.h"
#include "sim/cli/sweep_fingerprint.h"
#include "sim/cli/sweep_merge.h"
#include "sim/cli/sweep_output.h"
#include "sim/cli/sweep_picture.h"
#include "sim/cli/sweep_rows.h"
#include "sim/cli/sweep_summary.h"
#include "sim/cli/sweep_worker.h"
#include "sim/cli/terminal.h"
#include "sim/scenario/sweep_block.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string scenario;
  Settings settings;
  std::vector<std::string> over, where;
  Outputs outputs;
  int jobs = 0;
  std::string shard, resume;
  std::vector<std::string> merge;
  bool quiet = false;
  std::string find;
};

constexpr const char* kFooter =
    R"(The rows stand in the order of the product, the last --over fastest, whatever --jobs is.
A point that is invalid has its reason in the column `error`; a point that --where leaves out has
no row.  Axes and conditions may stand in the scenario as well, as `sweep: {over: ..., where: ...}`.

Examples:
  plumbline sweep a.yaml --over parallelism.pipeline=2,4,8 --over training.recompute=none,full
  plumbline sweep a.yaml --over training.global_batch_size=64:1024:x2 --csv sweep.csv
  plumbline sweep a.yaml --over parallelism.pipeline=1:64:x2 --over parallelism.tensor=1:8:x2
                         --where 'tensor*pipeline <= gpus && microbatches >= pipeline'
  plumbline sweep a.yaml --over schedule=1f1b,zb_h1,'{name: zb_v}' --json - --jobs 4
  plumbline sweep served.yaml --over parallelism.pipeline=1,2,4,8 --find max_rate --svg rate.svg
  plumbline sweep a.yaml --over ... --csv sweep.csv --resume sweep.csv   (goes on from sweep.csv.partial)
  plumbline sweep a.yaml --over ... --csv 1.csv --shard 1/2              (and 2/2 elsewhere, then)
  plumbline sweep a.yaml --over ... --csv sweep.csv --merge 1.csv 2.csv)";

[[noreturn]] void refuse(const std::string& option, std::string problem, std::string hint = {}) {
  throw InputError({option_problem(option, std::move(problem), std::move(hint))});
}

/// The points first, first + step, ... of the product.
struct Part {
  std::size_t first = 0, step = 1;
  std::size_t points_of(std::size_t all) const {
    return first >= all ? 0 : (all - first + step - 1) / step;
  }
};

Part part_of(const std::string& shard) {
  if (shard.empty()) return {};
  std::size_t index = 0, count = 0;
  char rest = '\0';
  if (std::sscanf(shard.c_str(), "%zu/%zu%c", &index, &count, &rest) != 2 || index < 1 ||
      index > count) {
    refuse("--shard", "'" + shard + "' is not I/N with 1 <= I <= N",
           "--shard 1/4 takes the first of four parts");
  }
  return {index - 1, count};
}

/// The block that says which points there are cannot differ between them.
void refuse_settings_of_the_sweep(const std::string& option, const std::string& path) {
  if (path == "sweep" || path.starts_with("sweep.")) {
    refuse(option, path + " cannot be set", "--over and --where say what is swept");
  }
}

/// The axes and conditions of the scenario's `sweep:` block and of the command line, which wins.
SweepTask task_of(const Options& options, const Console& console) {
  std::vector<SweepAxis> axes, stated;
  std::vector<Condition> where;
  for (const std::string& word : options.over) stated.push_back(parse_axis(word));
  if (const auto block = read_sweep_block(options.scenario)) {
    for (const auto& [path, values] : block->over) {
      const auto same = std::ranges::find(stated, path, &SweepAxis::path);
      axes.push_back(same == stated.end() ? parse_axis(path + "=" + values) : *same);
      if (same != stated.end()) stated.erase(same);
    }
    for (const auto& [text, at] : block->where) where.emplace_back(text, at, "sweep.where");
  }
  axes.insert(axes.end(), stated.begin(), stated.end());
  for (const std::string& text : options.where)
    where.emplace_back(text, SourceLocation{}, "--where");
  for (const SweepAxis& axis : axes) refuse_settings_of_the_sweep("--over", axis.path);
  for (const auto& [path, value] : options.settings.overrides()) {
    refuse_settings_of_the_sweep("--set", path);
    if (std::ranges::find(axes, path, &SweepAxis::path) != axes.end()) {
      refuse("--set", path + " is swept as well", "leave out --set or --over");
    }
  }
  const SweepKind kind =
      sweep_kind(options.scenario, options.settings.overrides(), axes, options.find);
  for (const Condition& condition : where) condition.check_kind(kind.serves);
  return {.scenario = options.scenario,
          .folders = console.folders,
          .settings = options.settings.overrides(),
          .product = SweepProduct(std::move(axes)),
          .where = std::move(where),
          .kind = kind,
          .csv = options.outputs.asked("--csv"),
          .json = options.outputs.asked("--json")};
}

/// Interrupted by a signal; what is finished has been written.
struct Interrupted {};

/// A sweep on its way.
class Sweep {
 public:
  Sweep(const Options& options, const Console& console)
      : options_(options),
        console_(console),
        task_(task_of(options, console)),
        part_(part_of(options.shard)) {}

  int run() {
    check();
    fingerprint_ = task_.csv ? sweep_fingerprint(task_) : std::string();
    FinishedRows finished;
    if (!options_.resume.empty()) {
      if (fs::exists(csv_path())) {  // it was there whole: nothing is left
        take_finished(csv_path());
        return show();
      }
      finished = take_finished(csv_path() + ".partial");
    }
    open(finished);
    if (options_.merge.empty()) {
      simulate(finished.points);
    } else {
      merge();
    }
    check_any_point();
    if (csv_) csv_->finish();
    if (csv_ && csv_->resumable() && options_.shard.empty()) remove_fingerprint(csv_path());
    if (json_) {
      if (document()) json_->add("]}");
      json_->finish();
    }
    return show();
  }

 private:
  bool document() const { return options_.outputs.path("--json") != "-"; }
  const std::string& csv_path() const { return options_.outputs.path("--csv"); }

  void check() const {
    options_.outputs.check();
    const bool csv_alone = task_.csv && !task_.json && options_.outputs.path("--csv") != "-";
    if (!options_.resume.empty()) {
      if (!csv_alone) refuse("--resume", "goes with --csv FILE alone", "only its rows are kept");
      std::string file = options_.resume;
      if (file.ends_with(".partial")) file.resize(file.size() - 8);
      if (file != options_.outputs.path("--csv")) {
        refuse("--resume", "'" + options_.resume + "' is not what --csv names",
               "--resume " + options_.outputs.path("--csv"));
      }
    }
    if (!options_.merge.empty()) {
      if (!task_.csv || task_.json) refuse("--merge", "goes with --csv FILE|-", "rows are merged");
      if (!options_.shard.empty()) refuse("--merge", "takes all shards, not --shard");
    }
    if (options_.outputs.asked("--svg")) check_picture(task_.product);
  }

  /// Takes the rows that an earlier sweep left; none where it left no file.
  FinishedRows take_finished(const std::string& file) {
    std::error_code error;
    if (!fs::exists(file, error)) return {};
    KnownRow first, last;
    const FinishedRows rows = read_rows("--resume", file, task_.product, task_.kind, part_.first,
                                        part_.step, [&](std::size_t index, const std::string& row) {
                                          if (first.row.empty()) first = {index, row};
                                          last = {index, row};
                                          note_row(index, row);
                                        });
    check_same_sweep("--resume", csv_path(), task_, fingerprint_, first, last);
    return rows;
  }

  void merge() {
    try {
      merge_shards(task_, fingerprint_, options_.merge,
                   [&](std::size_t index, const std::string& row) { take_row(index, row); });
    } catch (const InputError&) {
      abandon();
      throw;
    }
  }

  /// A misspelt path makes every point invalid; that is the input's fault, not a row's.  A shard
  /// may hold nothing but invalid points by chance.
  void check_any_point() {
    if (summary_.any_valid() || part_.step != 1) return;
    if (first_error_) {
      abandon();
      throw *first_error_;
    }
    if (!summary_.any_invalid() && task_.product.size() > 0) {
      abandon();
      refuse("--where", "leaves out every point");
    }
  }

  /// What was written is of no use: nothing of it may be taken for an interrupted sweep.
  void abandon() {
    if (!csv_ || !csv_->resumable()) return;
    csv_.reset();
    std::error_code error;
    fs::remove(csv_path() + ".partial", error);
    remove_fingerprint(csv_path());
  }

  void note_row(std::size_t index, const std::string& row) {
    if (const auto figures = rows_.figures(row, index, task_.product.axes().size())) {
      summary_.add(figures);
    } else {
      summary_.add_invalid("read back", rows_.error(row));
    }
  }
  void take_row(std::size_t index, const std::string& row) {
    csv_->add(row);
    note_row(index, row);
  }

  void open(const FinishedRows& finished) {
    const Outputs& outputs = options_.outputs;
    if (task_.csv) {
      const std::string partial = csv_path() + ".partial";
      std::error_code error;
      const auto left = csv_path() == "-" ? 0 : fs::file_size(partial, error);
      if (options_.resume.empty() && options_.merge.empty() && !error && left > 0) {
        refuse("--csv", partial + " holds what an interrupted sweep finished",
               "--resume " + csv_path() + " goes on from it; removing it starts anew");
      }
      csv_.emplace("--csv", csv_path(), console_.out);
      if (csv_->resumable() && options_.merge.empty()) {
        write_fingerprint("--csv", csv_path(), fingerprint_);
      }
      csv_->open(finished.bytes);
      if (finished.bytes == 0) csv_->add(sweep_header(task_.product.axes(), task_.kind));
    }
    if (!task_.json) return;
    json_.emplace("--json", outputs.path("--json"), console_.out);
    json_->open();
    if (document()) json_->add(R"({"schema": "plumbline.sweep/1", "points": [)");
  }

  void simulate(std::size_t finished) {
    const std::size_t points = part_.points_of(task_.product.size()) - finished;
    const Interruption interruption;
    const int jobs = options_.jobs > 0 ? options_.jobs : processors();
    Console console = console_;
    console.err_is_terminal = console.err_is_terminal && !options_.quiet;
    Progress progress(console, "points", points);
    std::mutex mutex;
    std::map<std::size_t, PointOutcome> waiting;  // at most those that threads run ahead by
    in_order_by_workers(
        points, jobs,
        [&] {
          const auto worker = std::make_shared<SweepWorker>(task_);
          return [&, worker](std::size_t i) {
            PointOutcome outcome = worker->run(part_.first + (finished + i) * part_.step);
            progress.step();
            const std::lock_guard lock(mutex);
            waiting.emplace(i, std::move(outcome));
          };
        },
        [&](std::size_t i) {
          PointOutcome outcome;
          {
            const std::lock_guard lock(mutex);
            outcome = std::move(waiting.extract(i).mapped());
          }
          take(outcome);
          if (Interruption::asked()) throw Interrupted();
        });
  }

  void take(const PointOutcome& outcome) {
    summary_.add(outcome);
    if (outcome.left_out) return;
    if (outcome.error && !first_error_) first_error_ = outcome.error;
    if (csv_) csv_->add(outcome.csv);
    if (json_) json_->add((document() && any_json_ ? "," : "") + outcome.json);
    any_json_ = true;
  }

  int show() {
    options_.outputs.write("--svg", console_, [&](std::ostream& out) {
      out << sweep_picture(
          task_.product, summary_, task_.kind,
          ScenarioReader(options_.scenario, console_.folders).read(task_.settings));
    });
    options_.outputs.write("--pareto", console_, [&](std::ostream& out) {
      out << front_csv(task_.product.axes(), summary_.front(), task_.kind);
    });
    if (!options_.quiet && !options_.outputs.stdout_is_taken()) {
      console_.out << summary_.text(task_.product.axes(), task_.kind, console_.style);
    }
    return kDone;
  }

  const Options& options_;
  const Console& console_;
  SweepTask task_;
  Part part_;
  RowReader rows_{sweep_header(task_.product.axes(), task_.kind)};
  SweepSummary summary_;
  std::optional<InputError> first_error_;
  std::optional<LineSink> csv_, json_;
  bool any_json_ = false;
  std::string fingerprint_;  ///< of a CSV's rows
};

int sweep(const Options& options, const Console& console) {
  try {
    return Sweep(options, console).run();
  } catch (const Interrupted&) {
    const bool kept = options.outputs.asked("--csv") && options.outputs.path("--csv") != "-";
    console.err << (kept ? "interrupted; what is finished stands in " +
                               options.outputs.path("--csv") + ".partial, --resume " +
                               options.outputs.path("--csv") + " goes on from there\n"
                         : std::string("interrupted\n"))
                << std::flush;
    console.out << std::flush;
    Interruption::obey();
  }
}

}  // namespace

Command sweep_command(CLI::App& parent) {
  const auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand("sweep", "Simulate a scenario over ranges of its keys");
  app->add_option("SCENARIO", options->scenario, "The scenario's YAML file")->required();
  app->add_option("--over", options->over, "An axis; the last one given varies fastest")
      ->type_name("PATH=V1,V2,...|A:B[:xK|:+K]")
      ->allow_extra_args(false);
  app->add_option("--where", options->where, "Only points that meet the condition")
      ->type_name("CONDITION")
      ->allow_extra_args(false);
  options->settings.add_to(*app);
  options->outputs.add_option(*app, "--csv", "A row per point");
  options->outputs.add_option(*app, "--json", "Every point's result; - streams a line per point");
  options->outputs.add_option(*app, "--pareto",
                              "The front of throughput, memory (serving: latency) and cost");
  options->outputs.add_option(*app, "--svg", "A picture of one or two axes", false);
  app->add_option("--find", options->find,
                  "Serving: every point at the highest request rate that meets serving.slo")
      ->type_name("max_rate");
  app->add_option("--jobs", options->jobs, "Threads (all processors)")
      ->type_name("N")
      ->check(CLI::Range(1, 4096));
  app->add_option("--resume", options->resume, "Goes on from FILE.partial, where there is one")
      ->type_name("FILE");
  app->add_option("--shard", options->shard, "Only every N-th point, from the I-th")
      ->type_name("I/N");
  app->add_option("--merge", options->merge, "Puts the CSVs of all shards together")
      ->type_name("FILE...");
  app->add_flag("--quiet", options->quiet, "No table and no progress");
  app->footer(kFooter);
  return {app, [options](const Console& console) { return sweep(*options, console); }};
}

}  // namespace plumbline
