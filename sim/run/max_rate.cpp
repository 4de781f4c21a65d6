#include "sim/run/max_rate.h"

#include <utility>

#include "sim/run/session.h"

namespace plumbline {
namespace {

constexpr double kBracket = 1.01;
constexpr int kMostDoublings = 20;

TrafficOptions at_rate(TrafficOptions traffic, double factor) {
  traffic.rate_per_s *= factor;
  traffic.off_rate_per_s *= factor;
  for (double& rate : traffic.rates_per_s) rate *= factor;
  traffic.time_scale /= factor;
  return traffic;
}

void check(const ServingOptions& serving) {
  std::vector<Diagnostic> problems;
  const auto add = [&](std::string path, std::string problem, std::string hint) {
    problems.push_back(
        Diagnostic{SourceLocation(), std::move(path), std::move(problem), std::move(hint)});
  };
  if (!serving.slo.ttft_s && !serving.slo.tpot_s && !serving.slo.e2e_s) {
    add("serving.slo", "the search needs an objective", "slo: {ttft_s: 2}");
  }
  if (serving.requests.kind == TrafficOptions::Kind::kClosedLoop) {
    add("serving.requests.closed_loop", "users who wait for answers set the rate themselves",
        "sweep over serving.requests.closed_loop.users");
  }
  if (!problems.empty()) throw InputError(std::move(problems));
}

double mean_rate(const std::vector<Request>& requests) {
  const double span = to_seconds(requests.back().arrival - requests.front().arrival).base();
  return span > 0 ? static_cast<double>(requests.size() - 1) / span : 0;
}

/// Whether every request has its answer before the next arrives: a lower rate changes nothing.
bool one_by_one(const std::vector<Request>& requests) {
  for (std::size_t i = 1; i < requests.size(); ++i) {
    if (requests[i - 1].finish > requests[i].arrival) return false;
  }
  return true;
}

}  // namespace

MaxRate find_max_rate(PreparedServing prepared, const ServeOptions& options) {
  const ServingOptions wanted = *prepared.scenario.serving;
  check(wanted);
  MaxRate answer;
  const TrafficOptions& traffic = wanted.requests;
  double good = 0, bad = 0;  // factors; 0: not known
  bool hopeless = false;
  const auto works = [&](double factor) {
    prepared.scenario.serving->requests = at_rate(traffic, factor);
    ServedRun run = run_serving(prepared, options);
    ++answer.tries;
    const ServingResult& serving = run.serving;
    const bool meets = run.result.fits && serving.slo_attainment >= wanted.slo.attainment;
    const double rate = run.requests.size() > 1 ? mean_rate(run.requests) : 0;
    if (meets) {
      good = factor;
      answer.rate_per_s = rate;
    } else {
      bad = factor;
      hopeless = one_by_one(run.requests);
      answer.next_per_s = rate;
    }
    if (meets || good == 0) answer.best = std::move(run);
    return meets;
  };
  const bool up = works(1);
  if (!answer.best.result.fits) return answer;
  double factor = 1;
  for (int i = 0; i < kMostDoublings && (up ? bad == 0 : good == 0 && !hopeless); ++i) {
    factor *= up ? 2 : 0.5;
    works(factor);
  }
  while (good > 0 && bad > kBracket * good) works((good + bad) / 2);
  return answer;
}

MaxRate find_max_rate(const Scenario& scenario, const ServeOptions& options) {
  return SimulationSession().find_max_rate(scenario, options);
}

}  // namespace plumbline
