#include "sim/cli/serving_rows.h"

#include <string>
#include <utility>

#include "sim/run/serving_cases.h"
#include "sim/serving/software.h"

namespace plumbline {
namespace {

void add(std::vector<ValidationRow>& rows, const Scenario& scenario, std::string file,
         const char* metric, double measured, double predicted, bool gate) {
  if (measured <= 0) return;  // a relative error needs something to be relative to
  ValidationRow row;
  row.file = std::move(file);
  row.source = scenario.measured->source;
  row.gate = gate;
  row.metric = metric;
  row.measured = measured;
  row.predicted = predicted;
  rows.push_back(std::move(row));
}

}  // namespace

std::vector<ValidationRow> case_rows(const Scenario& scenario) {
  std::vector<ValidationRow> rows;
  const bool apart = serving_software(scenario.serving->software).mixes_prompts;
  for (const ServingCase& one : serving_cases(scenario)) {
    const std::string file = scenario.file + " case " + std::to_string(one.line);
    const bool gate = scenario.measured->gate && one.fits;
    add(rows, scenario, file, "ttft_s", one.ttft_s, one.predicted.ttft.base(), false);
    add(rows, scenario, file, "tpot_s", one.tpot_s, one.predicted.tpot.base(), gate && apart);
    add(rows, scenario, file, "e2e_s", one.e2e_s(), one.predicted.e2e.base(), gate);
  }
  return rows;
}

}  // namespace plumbline
