// plumbline calibrate box: a schedule replayed on one GPU, beside its prediction.
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "calibration/box.h"
#include "calibration/box_program.h"
#include "schedules/catalog.h"
#include "sim/cli/box_trace.h"
#include "sim/cli/calibrate_parts.h"
#include "sim/cli/measure_program.h"
#include "sim/cli/output_file.h"
#include "sim/cli/scenario_option.h"
#include "sim/kernels/csv_table.h"
#include "sim/report/text.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string schedule, mode = "gemm", op_us, gemm, timeline, folder = "box";
  int stages = 4, iterations = 20;
  std::optional<int> microbatches, chunks, device;
  long long transfer_bytes = 0;
  bool dry_run = false;
  Outputs outputs;
};

/// What --op-us says, in microseconds; comm is for the dry run: a replay measures it.
struct Costs {
  double f = 500, i = 500, w = 500, comm = 0;
};

constexpr const char* kFooter =
    R"(One GPU's multiprocessors are split into a group per pipeline rank (CUDA green contexts); each rank runs
real kernels on its own stream, events are the dependencies. Operations are timed alone (solo) and while
another schedule runs (loaded); both predict the replay, and the wrong order must not.

  plumbline calibrate box 1f1b --stages 4 --microbatches 8 --mode gemm --out box_1f1b --trace box.json
  plumbline calibrate box zb_h1 --dry-run                       the prediction alone, no GPU
  plumbline calibrate box zb_h1 --plan plan.txt                 for a machine that has plumbline-measure only:
    plumbline-measure box plan.txt --out box                      there
  plumbline calibrate box zb_h1 --timeline box/timeline.csv     here again, with the same options

Within tolerance: makespan and starts 0.5 % (spin), 2 % (tensor), 5 % (gemm); bubble 0.01.)";

Costs parse_costs(const std::string& text) {
  Costs costs;
  const std::array<std::pair<std::string_view, double*>, 4> names{
      {{"F", &costs.f}, {"I", &costs.i}, {"W", &costs.w}, {"comm", &costs.comm}}};
  std::vector<Diagnostic> problems;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t equals = std::min(part.find('='), part.size());
    double value = -1;
    const char* last = part.data() + part.size();
    const char* first = std::min(part.data() + equals + 1, last);
    const auto [stop, error] = std::from_chars(first, last, value);
    bool known = false;
    for (const auto& [name, cost] : names) {
      if (part.substr(0, equals) != name) continue;
      known = true;
      *cost = value;
    }
    const bool zero_is_fine = part.starts_with("comm");
    if (!known || error != std::errc{} || stop != last || !(value <= 1e9) || value < 0 ||
        (value == 0 && !zero_is_fine)) {
      problems.push_back(option_problem("--op-us", fmt::format("'{}' is no time", part),
                                        "microseconds: F=500,I=500,W=500,comm=0"));
    }
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  return costs;
}

void check(const Options& o) {
  std::vector<Diagnostic> problems;
  const auto wrong = [&](const char* option, std::string problem, std::string hint = {}) {
    problems.push_back(option_problem(option, std::move(problem), std::move(hint)));
  };
  if (o.mode != "spin" && o.mode != "tensor" && o.mode != "gemm") {
    wrong("--mode", fmt::format("'{}' is none of spin, tensor, gemm", o.mode));
  }
  if (o.iterations < 1) wrong("--iterations", "is at least 1");
  if (o.transfer_bytes < 0) wrong("--transfer-bytes", "is at least 0");
  const int ways = o.dry_run + o.outputs.asked("--plan") + !o.timeline.empty();
  if (ways > 1) wrong("--dry-run", "--dry-run, --plan and --timeline exclude each other");
  if (o.outputs.asked("--plan") && (o.outputs.asked("--trace") || o.outputs.asked("--json"))) {
    wrong("--plan", "writes a plan and compares nothing", "--timeline compares");
  }
  if (!problems.empty()) throw InputError(std::move(problems));
}

measure::BoxPlan plan_of(const Options& o, const Schedule& schedule, const Costs& costs) {
  measure::BoxPlan plan;
  plan.mode = o.mode;
  plan.ranks = schedule.num_ranks();
  plan.iterations = o.iterations;
  plan.transfer_bytes = o.transfer_bytes;
  plan.op_us = {{'F', costs.f}, {'I', costs.i}, {'W', costs.w}};
  plan.replay = box_program(schedule);
  plan.reference = reference_program(schedule);
  if (o.gemm.empty()) return plan;
  const char* at = o.gemm.data();
  const char* last = at + o.gemm.size();
  for (int i = 0; i < 3; ++i) {
    const auto [stop, error] = std::from_chars(at, last, plan.gemm[i]);
    const bool end = i == 2 ? stop == last : stop != last && *stop == ',';
    if (error != std::errc{} || !end || plan.gemm[i] < 16 || plan.gemm[i] % 16 != 0) {
      throw InputError({option_problem("--gemm", fmt::format("'{}' is no product", o.gemm),
                                       "M,N,K in multiples of 16: 2048,4096,4096")});
    }
    at = stop + 1;
  }
  return plan;
}

nlohmann::ordered_json to_json(const BoxError& error) {
  return {
      {"makespan", error.makespan}, {"bubble_fraction", error.bubble}, {"starts", error.starts}};
}
nlohmann::ordered_json to_json(const BoxRun& run) {
  return {{"makespan_s", to_seconds(run.makespan).base()},
          {"bubble_fraction", run.bubble_fraction}};
}

std::string json_of(const BoxReport& r) {
  nlohmann::ordered_json json{
      {"schedule", r.schedule},
      {"mode", r.mode},
      {"reference", r.reference},
      {"iterations", r.iterations},
      {"measured",
       {{"makespan_s", r.measured_makespan_s},
        {"bubble_fraction", r.measured_bubble},
        {"makespan_spread", r.makespan_spread}}},
      {"hand_over_us", {{"same_rank", r.same_us}, {"other_rank", r.cross_us}}},
      {"loaded_factor", r.loaded_factor},
      {"predicted_solo", to_json(r.solo)},
      {"predicted_loaded", to_json(r.loaded)},
      {"error_solo", to_json(r.solo_error)},
      {"error_loaded", to_json(r.loaded_error)},
      {"control",
       {{"order", r.control},
        {"error", to_json(r.control_error)},
        {"told_apart", !within(r.control_error, r.tolerance)}}},
      {"tolerance",
       {{"makespan", r.tolerance.makespan},
        {"bubble_fraction", r.tolerance.bubble},
        {"starts", r.tolerance.starts}}},
      {"passes", r.passes}};
  return json.dump(2) + "\n";
}

std::string text_of(const BoxReport& r, const TextStyle& style) {
  Columns table({false, true, true, true});
  table.add({r.schedule + ", " + r.mode, "makespan", "bubble", "starts"});
  const auto ms = [](double seconds) { return fmt::format("{:.3f} ms", 1e3 * seconds); };
  table.add({"measured", ms(r.measured_makespan_s), fmt::format("{:.4f}", r.measured_bubble), ""});
  const auto row = [&](const std::string& name, const BoxRun* run, const BoxError& error) {
    if (run) {
      table.add({name, ms(to_seconds(run->makespan).base()),
                 fmt::format("{:.4f}", run->bubble_fraction), ""});
    }
    table.add({run ? "  off by" : name, fmt::format("{:+.2f} %", 100 * error.makespan),
               fmt::format("{:+.4f}", error.bubble), fmt::format("{:.2f} %", 100 * error.starts)});
  };
  row("predicted, solo times", &r.solo, r.solo_error);
  row("predicted, loaded times", &r.loaded, r.loaded_error);
  row("wrong order (" + r.control + "), off by", nullptr, r.control_error);
  return table.text(style) +
         fmt::format(
             "\n{} iterations, spread {:.2f} %; loaded operations take {:.3f} times as long as "
             "alone (from {});\nhand-over {:.1f} us on a rank, {:.1f} us between ranks.\n{}\n",
             r.iterations, 100 * r.makespan_spread, r.loaded_factor, r.reference, r.same_us,
             r.cross_us,
             r.passes ? "PASSES: loaded within tolerance, the wrong order told apart."
                      : "FAILS: loaded out of tolerance, or the wrong order not told apart.");
}

int dry_run(const Options& o, const measure::BoxPlan& plan, const Costs& costs,
            const Console& console) {
  const auto s = [](double us) { return Seconds(us * 1e-6); };
  const BoxTimes times =
      uniform_times(plan.replay, s(costs.f), s(costs.i), s(costs.w), s(costs.comm));
  const BoxRun run = predict(plan.replay, plan.ranks, times);
  o.outputs.write("--json", console, [&](std::ostream& out) {
    nlohmann::ordered_json json{{"schedule", plan.replay.name}, {"stages", plan.ranks}};
    json["makespan_ps"] = run.makespan;
    json.update(to_json(run));
    out << json.dump(2) << "\n";
  });
  o.outputs.write("--trace", console, [&](std::ostream& out) {
    out << box_trace(plan, {{"predicted", box_bars(run)}});
  });
  if (o.outputs.stdout_is_taken()) return kDone;
  console.out << fmt::format("{}: makespan {:.3f} ms, bubble {:.4f} (nothing was run)\n",
                             plan.replay.name, 1e3 * to_seconds(run.makespan).base(),
                             run.bubble_fraction);
  return kDone;
}

// Plan into the folder, the other program over it, its timeline back.
int measure_timeline(const Options& o, const measure::BoxPlan& plan, std::string& timeline,
                     const Console& console) {
  const std::string program = find_measure_program();
  std::error_code failed;
  fs::create_directories(o.folder, failed);
  const std::string plan_path = (fs::path(o.folder) / "plan.txt").string();
  std::ofstream out(plan_path, std::ios::binary);
  out << to_text(plan);
  if (!out.flush()) throw InputError({option_problem("--out", plan_path + " cannot be written")});
  std::vector<std::string> words{"box", plan_path, "--out", o.folder};
  if (o.device) words.insert(words.end(), {"--device", std::to_string(*o.device)});
  console.out.flush();
  timeline = (fs::path(o.folder) / "timeline.csv").string();
  return run_measure_program(program, words);
}

int run(const Options& o, const Console& console) {
  o.outputs.check();
  check(o);
  const Costs costs = parse_costs(o.op_us);
  const ScheduleEntry* entry = find_schedule(o.schedule);
  const PipelineShape shape{o.stages, o.chunks.value_or(entry ? entry->default_chunks : 1),
                            o.microbatches.value_or(2 * o.stages)};
  const Schedule schedule = generate_schedule(o.schedule, shape);
  const measure::BoxPlan plan = plan_of(o, schedule, costs);
  if (o.outputs.asked("--plan")) {
    o.outputs.write("--plan", console, [&](std::ostream& out) { out << to_text(plan); });
    return kDone;
  }
  if (o.dry_run) return dry_run(o, plan, costs, console);
  std::string timeline = o.timeline;
  if (timeline.empty()) {
    const int code = measure_timeline(o, plan, timeline, console);
    if (code != 0) return code;
  }
  const BoxReport report =
      compare_box(plan, wrong_order(schedule),
                  measure::read_box_timeline(read_file(timeline), timeline), timeline);
  o.outputs.write("--json", console, [&](std::ostream& out) { out << json_of(report); });
  o.outputs.write("--trace", console, [&](std::ostream& out) {
    out << box_trace(plan, {{"measured", box_bars(report)},
                            {"predicted, loaded times", box_bars(report.loaded)},
                            {"predicted, solo times", box_bars(report.solo)}});
  });
  if (!o.outputs.stdout_is_taken()) console.out << text_of(report, console.style);
  return kDone;
}

}  // namespace

Command calibrate_box_command(CLI::App& parent) {
  const auto o = std::make_shared<Options>();
  CLI::App* app =
      parent.add_subcommand("box", "Replay a schedule on one GPU, beside its prediction");
  app->footer(kFooter);
  app->add_option("SCHEDULE", o->schedule, "A schedule's name")->type_name("NAME")->required();
  app->add_option("--stages", o->stages, "Pipeline ranks, groups of the card")
      ->capture_default_str();
  app->add_option("--microbatches", o->microbatches, "Micro-batches (2P)");
  app->add_option("--chunks", o->chunks, "Virtual stages per rank (what the schedule needs)");
  app->add_option("--mode", o->mode, "Kernels of the operations")
      ->type_name("spin|tensor|gemm")
      ->capture_default_str();
  app->add_option("--op-us", o->op_us, "About how long operations take: F=500,I=500,W=500,comm=0")
      ->type_name("COSTS");
  app->add_option("--gemm", o->gemm, "Products that operations are made of (2048,4096,4096)")
      ->type_name("M,N,K");
  app->add_option("--iterations", o->iterations, "Replays")->capture_default_str();
  app->add_option("--transfer-bytes", o->transfer_bytes, "Copied on the card for every hop (0)");
  app->add_option("--device", o->device, "Which GPU (0)");
  app->add_option("--out", o->folder, "Folder of plan and timeline")->capture_default_str();
  app->add_option("--timeline", o->timeline, "Compare this timeline instead of measuring one")
      ->type_name("FILE.csv");
  app->add_flag("--dry-run", o->dry_run, "The prediction alone, with the times of --op-us");
  o->outputs.add_option(*app, "--plan", "Write the plan and stop");
  o->outputs.add_option(*app, "--trace", "Chrome trace: measured beside predicted", false);
  o->outputs.add_option(*app, "--json", "The comparison as JSON");
  return {app, [o](const Console& console) { return run(*o, console); }};
}

}  // namespace plumbline
