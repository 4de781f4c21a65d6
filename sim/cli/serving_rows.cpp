#include "sim/cli/serving_rows.h"

#include <optional>
#include <string>
#include <utility>

#include "sim/core/diagnostic.h"
#include "sim/core/sim_time.h"
#include "sim/kernels/csv_table.h"
#include "sim/run/serving_cases.h"
#include "sim/serving/software.h"

namespace plumbline {
namespace {

/// Collects the rows of one scenario.
class Rows {
 public:
  explicit Rows(const Scenario& scenario) : scenario_(scenario), measured_(*scenario.measured) {}

  void add(std::string file, std::string metric, double measured, double predicted, bool gate,
           bool noted = false) {
    if (measured <= 0) return;  // a relative error needs something to be relative to
    ValidationRow row;
    row.file = std::move(file);
    row.source = measured_.source;
    row.gate = gate;
    row.metric = std::move(metric);
    row.measured = measured;
    row.predicted = predicted;
    if (noted) row.notes = measured_.notes;
    rows_.push_back(std::move(row));
  }
  void add_run(std::string metric, const std::optional<double>& measured, double predicted) {
    if (measured) {
      add(scenario_.file, std::move(metric), *measured, predicted, measured_.gate, true);
    }
  }
  void add_statistics(const std::string& quantity, const MeasuredLatency& measured,
                      const Percentiles& predicted) {
    add_run(quantity + "_mean_s", measured.mean, predicted.mean);
    add_run(quantity + "_p50_s", measured.p50, predicted.p50);
    add_run(quantity + "_p90_s", measured.p90, predicted.p90);
    add_run(quantity + "_p99_s", measured.p99, predicted.p99);
  }
  std::vector<ValidationRow> take() && { return std::move(rows_); }

 private:
  const Scenario& scenario_;
  const Measured& measured_;
  std::vector<ValidationRow> rows_;
};

MeasuredLatency statistics_of(std::vector<double> values) {
  const Percentiles p = percentiles_of(values);
  return {p.mean, p.p50, p.p90, p.p99};
}

[[noreturn]] void problem(const char* path, std::string what, const char* hint) {
  Diagnostic diagnostic;
  diagnostic.path = path;
  diagnostic.problem = std::move(what);
  diagnostic.hint = hint;
  std::vector<Diagnostic> all;
  all.push_back(std::move(diagnostic));
  throw InputError(std::move(all));
}

void add_requests(Rows& rows, const Scenario& scenario, const ServedRun& run) {
  const std::string& path = scenario.measured->requests;
  const CsvTable csv = CsvTable::parse(read_file(path), path);
  if (csv.rows() != run.requests.size()) {
    problem("measured.requests",
            path + " has " + std::to_string(csv.rows()) + " requests, the run has " +
                std::to_string(run.requests.size()),
            "a row per request of the trace");
  }
  const auto ttft = csv.numbers("ttft_s"), tpot = csv.numbers("tpot_s"), e2e = csv.numbers("e2e_s");
  std::vector<double> several;  // time per token of outputs that have more than one
  const bool gate = scenario.measured->gate;
  for (std::size_t i = 0; i < run.requests.size(); ++i) {
    const Request& request = run.requests[i];
    const double first = to_seconds(request.first_token - request.arrival).base();
    const double last = to_seconds(request.finish - request.arrival).base();
    const std::string file = scenario.file + " request " + std::to_string(i);
    rows.add(file, "request_ttft_s", ttft[i], first, gate);
    rows.add(file, "request_e2e_s", e2e[i], last, gate);
    if (request.output_tokens < 2) continue;
    several.push_back(tpot[i]);
    rows.add(file, "request_tpot_s", tpot[i], (last - first) / (request.output_tokens - 1), gate);
  }
  rows.add_statistics("ttft", statistics_of(ttft), run.serving.ttft_s);
  rows.add_statistics("tpot", statistics_of(std::move(several)), run.serving.tpot_s);
  rows.add_statistics("e2e", statistics_of(e2e), run.serving.e2e_s);
}

}  // namespace

std::vector<ValidationRow> serving_rows(const Scenario& scenario, const ServedRun& run) {
  if (!run.result.fits) problem("serving", run.serving.why_not, "what was measured did fit");
  Rows rows(scenario);
  const Measured& measured = *scenario.measured;
  const ServingResult& result = run.serving;
  rows.add_statistics("ttft", measured.ttft_s, result.ttft_s);
  rows.add_statistics("tpot", measured.tpot_s, result.tpot_s);
  rows.add_statistics("e2e", measured.e2e_s, result.e2e_s);
  const double steps = static_cast<double>(result.steps) / result.replicas;
  rows.add_run("iteration_time_s", measured.iteration_time_s, result.duration_s / steps);
  rows.add_run("tokens_per_s", measured.tokens_per_s, result.output_tokens_per_s);
  rows.add_run("tokens_per_s_per_gpu", measured.tokens_per_s_per_gpu,
               result.output_tokens_per_s_per_gpu);
  rows.add_run("bubble_fraction", measured.bubble_fraction, result.bubble_fraction);
  if (!measured.requests.empty()) add_requests(rows, scenario, run);
  return std::move(rows).take();
}

std::vector<ValidationRow> case_rows(const Scenario& scenario) {
  Rows rows(scenario);
  const bool apart = serving_software(scenario.serving->software).mixes_prompts;
  for (const ServingCase& one : serving_cases(scenario)) {
    const std::string file = scenario.file + " case " + std::to_string(one.line);
    const bool gate = scenario.measured->gate && one.fits;
    rows.add(file, "ttft_s", one.ttft_s, one.predicted.ttft.base(), false);
    rows.add(file, "tpot_s", one.tpot_s, one.predicted.tpot.base(), gate && apart);
    rows.add(file, "e2e_s", one.e2e_s(), one.predicted.e2e.base(), gate);
  }
  return std::move(rows).take();
}

}  // namespace plumbline
