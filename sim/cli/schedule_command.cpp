#include "sim/cli/schedule_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>
#include <vector>

#include "schedules/bounds.h"
#include "schedules/catalog.h"
#include "schedules/evaluate.h"
#include "schedules/order_proof.h"
#include "schedules/pytorch_csv.h"
#include "sim/cli/scenario_option.h"
#include "sim/report/gantt.h"

namespace plumbline {
namespace {

constexpr int kDefaultStages = 4;

constexpr const char* kFooter = R"(Examples:
  plumbline schedule 1f1b --stages 4 --microbatches 8
  plumbline schedule zb_v --stages 8 --microbatches 16 --format svg > zb_v.svg
  plumbline schedule zb_h1 --max-live-activations 6 --costs F=2,I=3,W=1 --format json
  plumbline schedule zb_auto --stages 8 --microbatches 32 --max-live-activations 5
  plumbline schedule order.csv --costs F=1,I=1,W=1,comm=0.1

Costs are per chunk, in any unit of time; a full backward costs I + W, an overlapped pair F + I + W
unless `overlap` says otherwise.  A FILE.csv is PyTorch's (compute_only or compute_comms).)";

/// Reads "F=1,I=1,W=1,comm=0,overlap=2"; what is not named keeps its default.
UnitCosts parse_costs(const std::string& text) {
  UnitCosts costs;
  double overlap = -1.0;
  const std::array<std::pair<std::string_view, double*>, 5> names{{{"F", &costs.forward},
                                                                   {"I", &costs.input_grad},
                                                                   {"W", &costs.weight_grad},
                                                                   {"comm", &costs.comm},
                                                                   {"overlap", &overlap}}};
  std::vector<Diagnostic> problems;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t equals = part.find('=');
    const std::string name = part.substr(0, equals);
    const auto known = std::ranges::find_if(names, [&](const auto& n) { return n.first == name; });
    if (equals == std::string::npos || known == names.end()) {
      problems.push_back(option_problem(
          "--costs", fmt::format("'{}' is no cost", part),
          name == "B" ? "a full backward costs I + W" : "F=1,I=1,W=1,comm=0,overlap=2"));
      continue;
    }
    double value = 0.0;
    const char* first = part.data() + equals + 1;
    const char* last = part.data() + part.size();
    const auto [stop, error] = std::from_chars(first, last, value);
    if (error != std::errc{} || stop != last || !std::isfinite(value) || value < 0.0) {
      problems.push_back(option_problem(
          "--costs", fmt::format("'{}' is not a time of 0 or more", part.substr(equals + 1))));
      continue;
    }
    *known->second = value;
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  if (overlap >= 0.0) costs.overlap = overlap;
  return costs;
}

bool names_a_file(const std::string& what) {
  if (find_schedule(what) != nullptr) return false;
  std::error_code none;  // a name too long for the file system is no file's
  return what.ends_with(".csv") || what.find('/') != std::string::npos ||
         std::filesystem::is_regular_file(what, none);
}

/// A CSV says its shape itself; options that would contradict it are refused, not ignored.
Schedule read_file(const ScheduleCommandOptions& options, std::ostream& err) {
  std::vector<Diagnostic> problems;
  const auto refuse = [&](const char* option, const auto& value) {
    if (value) {
      problems.push_back(option_problem(option, "is for a schedule by name",
                                        "a CSV says its own shape and order"));
    }
  };
  refuse("--stages", options.stages);
  refuse("--microbatches", options.microbatches);
  refuse("--chunks", options.chunks);
  refuse("--max-live-activations", options.max_live_activations);
  refuse("--search-budget", options.search_budget);
  refuse("--microbatch-group-size", options.microbatch_group_size);
  refuse("--kept-for-weight-grad", options.kept_for_weight_grad);
  refuse("--eager", options.eager);
  refuse("--delay-weight-grad", options.delay_weight_grad);
  if (!problems.empty()) throw InputError(std::move(problems));
  PyTorchCsv csv = load_pytorch_csv(options.what);
  if (csv.old_notation) {
    err << options.what
        << ": note: PyTorch's older notation; B is read as input gradient, BW as full backward\n";
  }
  csv.schedule.name = options.what;
  return std::move(csv.schedule);
}

Schedule make_schedule(const ScheduleCommandOptions& options, const UnitCosts& costs) {
  PipelineShape shape;
  const ScheduleEntry* entry = find_schedule(options.what);
  shape.stages_per_chunk = options.stages.value_or(kDefaultStages);
  shape.chunks = options.chunks.value_or(entry == nullptr ? 1 : entry->default_chunks);
  shape.microbatches = options.microbatches.value_or(2 * shape.stages_per_chunk);
  ScheduleOptions how;
  how.max_live_activations = options.max_live_activations;
  how.search_budget = options.search_budget;
  how.microbatch_group_size = options.microbatch_group_size;
  how.eager = options.eager;
  how.delay_weight_grad = options.delay_weight_grad;
  how.kept_for_weight_grad = options.kept_for_weight_grad;
  how.costs = costs;
  return generate_schedule(options.what, shape, how);
}

/// Everything that the forms of output tell.
struct Told {
  const Schedule& schedule;
  const UnitCosts& costs;
  const Evaluation& evaluation;
  double lower_bound;
  std::string lower_bound_by;
  std::optional<double> steady_state_period;
  std::optional<OrderProof> proof;  ///< of a searched order

  /// How much longer than the bound, as a share of it.
  double gap() const {
    return lower_bound > 0.0 ? std::max(0.0, evaluation.makespan / lower_bound - 1.0) : 0.0;
  }
};

std::string to_json(const Told& told) {
  nlohmann::ordered_json json;
  json["schedule"] = told.schedule.name;
  json["found_by"] = told.schedule.found_by;
  json["stages"] = told.schedule.shape.stages_per_chunk;
  json["chunks"] = told.schedule.shape.chunks;
  json["microbatches"] = told.schedule.shape.microbatches;
  json["makespan"] = told.evaluation.makespan;
  json["bubble_fraction"] = told.evaluation.bubble_fraction();
  json["idle_per_rank"] = told.evaluation.idle;
  json["span_idle_per_rank"] = told.evaluation.span_idle;
  json["peak_live_activations_per_rank"] = told.evaluation.peak_live;
  json["lower_bound"] = told.lower_bound;
  json["lower_bound_by"] = told.lower_bound_by;
  json["optimality_gap"] = told.gap();
  if (told.proof) json["optimal"] = told.proof->optimal;
  if (told.steady_state_period) json["steady_state_period"] = *told.steady_state_period;
  const auto per_rank = [&](const char* key, const std::vector<int>& numbers) {
    if (!numbers.empty()) json[key] = numbers;
  };
  per_rank("weight_versions_per_rank", told.schedule.weight_versions);
  per_rank("weight_staleness_per_rank", told.schedule.weight_staleness);
  return json.dump(2) + "\n";
}

BarKind bar_kind(OpKind kind) {
  switch (kind) {
    case OpKind::kForward:
      return BarKind::kForward;
    case OpKind::kBackward:
      return BarKind::kBackward;
    case OpKind::kInputGrad:
      return BarKind::kInputGrad;
    case OpKind::kWeightGrad:
      return BarKind::kWeightGrad;
  }
  return BarKind::kForward;
}

/// Which of the rank's chunks an operation belongs to: its shade in the picture.
std::uint8_t chunk_of(const Schedule& schedule, int rank, const Op& op) {
  if (schedule.replicas > 1) return op.replica;
  const std::vector<int>& rank_of = schedule.stage_rank[op.replica];
  return static_cast<std::uint8_t>(std::count(rank_of.begin(), rank_of.begin() + op.stage, rank) %
                                   256);
}

std::string facts(const Told& told) {
  std::string text =
      fmt::format("makespan {:g}, bubble {:.1f} %, lower bound {:g}", told.evaluation.makespan,
                  100.0 * told.evaluation.bubble_fraction(), told.lower_bound);
  if (told.steady_state_period) {
    text += fmt::format(", period without flush {:g}", *told.steady_state_period);
  }
  return text;
}

/// "found by search: within 1.8 % of optimal (bound B4)"
std::string proof_text(const Told& told) {
  const OrderProof& proof = *told.proof;
  const std::string how = proof.optimal
                              ? fmt::format("optimal, proven (bound {})", proof.by)
                              : fmt::format("within {:.1f} % of optimal (bound {})",
                                            std::ceil(1000.0 * told.gap()) / 10.0, proof.by);
  return fmt::format("found by search: {}, with at most {} live activations per rank", how,
                     proof.limit);
}

/// Where an overlapped pair is cut in a picture: in proportion to what its parts cost alone.
double pair_border(const Op& first, const Op& second, const Span& span, const UnitCosts& costs) {
  const double alone = costs.of(first.kind, first.stage);
  const double both = alone + costs.of(second.kind, second.stage);
  return both > 0.0 ? span.start + (span.end - span.start) * alone / both : span.start;
}

Gantt to_gantt(const Told& told) {
  const Schedule& schedule = told.schedule;
  Gantt gantt;
  const PipelineShape& shape = schedule.shape;
  gantt.title = fmt::format("{}: {} ranks, {}{} micro-batches", schedule.name, shape.ranks(),
                            shape.chunks > 1 ? fmt::format("{} chunks each, ", shape.chunks) : "",
                            shape.microbatches);
  gantt.subtitle = facts(told);
  gantt.unit = "";
  gantt.end = told.evaluation.makespan;
  for (int rank = 0; rank < schedule.num_ranks(); ++rank) {
    GanttRow row;
    row.label = fmt::format("rank {}", rank);
    const std::vector<Op>& ops = schedule.ranks[rank];
    for (std::size_t i = 0; i < ops.size(); ++i) {
      GanttBar bar;
      bar.kind = bar_kind(ops[i].kind);
      bar.chunk = chunk_of(schedule, rank, ops[i]);
      bar.stage = ops[i].stage;
      bar.microbatch = ops[i].microbatch;
      // The parts of an overlapped pair share its span; a picture has them one after the other.
      const Span span = told.evaluation.spans[rank][i];
      const bool second = i > 0 && ops[i - 1].overlaps_next;
      bar.start = second ? pair_border(ops[i - 1], ops[i], span, told.costs) : span.start;
      bar.finish =
          ops[i].overlaps_next ? pair_border(ops[i], ops[i + 1], span, told.costs) : span.end;
      row.compute.push_back(std::move(bar));
    }
    gantt.rows.push_back(std::move(row));
  }
  return gantt;
}

std::string to_text(const Told& told, const TextStyle& style) {
  std::string text = gantt_text(to_gantt(told), style);
  text += "\n" + facts(told) + "\n";
  if (told.proof) text += proof_text(told) + "\n";
  const bool stale = !told.schedule.weight_staleness.empty();
  text += fmt::format("\n{:>6} {:>10} {:>10} {:>10} {:>10}{}\n", "rank", "busy", "idle",
                      "span idle", "peak live", stale ? " weight versions, updates late" : "");
  for (int rank = 0; rank < told.schedule.num_ranks(); ++rank) {
    text += fmt::format("{:>6} {:>10.6g} {:>10.6g} {:>10.6g} {:>10}", rank,
                        told.evaluation.busy[rank], told.evaluation.idle[rank],
                        told.evaluation.span_idle[rank], told.evaluation.peak_live[rank]);
    if (stale) {
      text += fmt::format(" {:>15}, {:>12}", told.schedule.weight_versions[rank],
                          told.schedule.weight_staleness[rank]);
    }
    text += "\n";
  }
  return text;
}

}  // namespace

void add_schedule_options(CLI::App& app, ScheduleCommandOptions& options) {
  app.add_option("SCHEDULE", options.what, "A schedule's name, or a PyTorch CSV file")
      ->type_name("NAME|FILE.csv")
      ->required();
  app.add_option("--stages", options.stages, "Pipeline ranks (4)")->type_name("P");
  app.add_option("--microbatches", options.microbatches, "Micro-batches (2P)")->type_name("M");
  app.add_option("--chunks", options.chunks, "Virtual stages per rank (what the schedule needs)")
      ->type_name("V");
  app.add_option("--costs", options.costs, "Durations: F=1,I=1,W=1,comm=0,overlap=2")
      ->type_name("COSTS");
  app.add_option("--format", options.format, "Form of the output")
      ->type_name("text|csv|json|svg")
      ->capture_default_str();
  app.add_option("--max-live-activations", options.max_live_activations,
                 "Search the best order with at most so many live activations per rank")
      ->type_name("N");
  app.add_option("--search-budget", options.search_budget,
                 "Of zb_auto: millions of units of work that its search may spend (20)")
      ->type_name("N");
  app.add_option("--microbatch-group-size", options.microbatch_group_size,
                 "Interleaved as Megatron-LM does it, with this group size")
      ->type_name("N");
  app.add_option("--kept-for-weight-grad", options.kept_for_weight_grad,
                 "Share of an activation that W still needs after I (zb_h1, zb_h2; 1)")
      ->type_name("SHARE");
  app.add_flag("--eager", options.eager, "Twice the forwards ahead (1f1b)");
  app.add_flag("--delay-weight-grad", options.delay_weight_grad,
               "Weight gradients run when the input gradient is on its way (1f1b)");
  app.footer(kFooter);
}

int run_schedule_command(const ScheduleCommandOptions& options, std::ostream& out,
                         std::ostream& err) {
  constexpr std::array<std::string_view, 4> kFormats{"text", "csv", "json", "svg"};
  if (std::ranges::find(kFormats, options.format) == kFormats.end()) {
    const std::string_view near = nearest(options.format, kFormats);
    throw InputError({option_problem(
        "--format", fmt::format("'{}' is none of text, csv, json, svg", options.format),
        near.empty() ? "" : fmt::format("did you mean '{}'?", near))});
  }
  const UnitCosts costs = parse_costs(options.costs);
  const Schedule schedule =
      names_a_file(options.what) ? read_file(options, err) : make_schedule(options, costs);
  if (options.format == "csv") {
    out << to_pytorch_csv(schedule);
    return kDone;
  }
  const Evaluation evaluation = evaluate(schedule, costs);
  Told told{schedule, costs, evaluation, 0.0, "B0", std::nullopt, std::nullopt};
  if (schedule.found_by == "search") {
    const PipelineShape& shape = schedule.shape;
    const int limit = options.max_live_activations.value_or(shape.ranks() * shape.chunks);
    told.proof = prove_order(schedule, costs, limit, 1e6 * options.search_budget.value_or(50));
    told.lower_bound = told.proof->lower_bound;
    told.lower_bound_by = told.proof->by;
  } else {
    told.lower_bound = makespan_lower_bound(schedule, costs, options.max_live_activations);
  }
  if (!schedule.flushes) told.steady_state_period = steady_state_period(schedule, costs);
  if (options.format == "json") out << to_json(told);
  if (options.format == "svg") out << gantt_svg(to_gantt(told));
  if (options.format == "text") out << to_text(told, options.style);
  return kDone;
}

Command schedule_command(CLI::App& parent) {
  const auto options = std::make_shared<ScheduleCommandOptions>();
  CLI::App* app = parent.add_subcommand("schedule", "Show, convert or search one schedule");
  add_schedule_options(*app, *options);
  return {app, [options](const Console& console) {
            ScheduleCommandOptions chosen = *options;
            chosen.style = console.style;
            return run_schedule_command(chosen, console.out, console.err);
          }};
}

}  // namespace plumbline
