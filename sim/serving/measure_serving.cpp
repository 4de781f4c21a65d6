#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/serving/simulate_serving.h"

namespace plumbline {
namespace {

double seconds(SimTime time) { return to_seconds(time).base(); }

double percentile(std::vector<double>& samples, double share) {
  const double place = share * static_cast<double>(samples.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const auto nth = samples.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(samples.begin(), nth, samples.end());
  const double low = *nth;
  if (below + 1 == samples.size()) return low;
  const double high = *std::min_element(nth + 1, samples.end());
  return low + (place - static_cast<double>(below)) * (high - low);
}

}  // namespace

Percentiles percentiles_of(std::vector<double>& samples) {
  if (samples.empty()) {
    const double none = std::numeric_limits<double>::quiet_NaN();
    return {none, none, none, none};
  }
  Percentiles answer;
  for (const double sample : samples) answer.mean += sample;
  answer.mean /= static_cast<double>(samples.size());
  answer.p50 = percentile(samples, 0.5);
  answer.p90 = percentile(samples, 0.9);
  answer.p99 = percentile(samples, 0.99);
  return answer;
}

void nothing_served(ServingResult& result) {
  std::vector<double> none;
  result.ttft_s = result.tpot_s = result.e2e_s = percentiles_of(none);
  result.slo_attainment = 0;
  result.bubble_fraction = std::numeric_limits<double>::quiet_NaN();
}

void measure_requests(const std::vector<Request>& requests, const SloOptions& slo,
                      ServingResult& result) {
  std::vector<double> ttft, tpot, e2e;
  ttft.reserve(requests.size());
  tpot.reserve(requests.size());
  e2e.reserve(requests.size());
  double prompt = 0, output = 0;
  std::int64_t good = 0;
  SimTime first = std::numeric_limits<SimTime>::max(), last = 0;
  for (const Request& request : requests) {
    ttft.push_back(seconds(request.first_token - request.arrival));
    e2e.push_back(seconds(request.finish - request.arrival));
    bool met =
        (!slo.ttft_s || ttft.back() <= *slo.ttft_s) && (!slo.e2e_s || e2e.back() <= *slo.e2e_s);
    if (request.output_tokens > 1) {
      tpot.push_back(seconds(request.finish - request.first_token) /
                     static_cast<double>(request.output_tokens - 1));
      met = met && (!slo.tpot_s || tpot.back() <= *slo.tpot_s);
    }
    good += met ? 1 : 0;
    prompt += request.prompt_tokens;
    output += request.output_tokens;
    first = std::min(first, request.arrival);
    last = std::max(last, request.finish);
  }
  result.requests = static_cast<std::int64_t>(requests.size());
  result.ttft_s = percentiles_of(ttft);
  result.tpot_s = percentiles_of(tpot);
  result.e2e_s = percentiles_of(e2e);
  if (requests.empty() || last <= first) return;
  result.duration_s = seconds(last - first);
  result.requests_per_s = static_cast<double>(requests.size()) / result.duration_s;
  result.output_tokens_per_s = output / result.duration_s;
  result.prompt_tokens_per_s = prompt / result.duration_s;
  result.goodput_requests_per_s = static_cast<double>(good) / result.duration_s;
  result.slo_attainment = static_cast<double>(good) / static_cast<double>(requests.size());
  if (result.gpus > 0) {
    result.output_tokens_per_s_per_gpu = result.output_tokens_per_s / result.gpus;
    result.gpu_seconds_per_million_output_tokens = result.gpus * result.duration_s / output * 1e6;
  }
}

void measure_stages(const std::vector<const Pipeline*>& pipelines, ServingResult& result) {
  std::size_t stages = 0;
  for (std::size_t r = 0; r < pipelines.size(); ++r) {
    const std::vector<StageUse>& use = pipelines[r]->use();
    if (use.front().steps == 0) continue;  // a replica that never ran has no span to be idle in
    SimTime begin = std::numeric_limits<SimTime>::max(), end = 0;
    for (const StageUse& stage : use) {
      begin = std::min(begin, stage.first_start);
      end = std::max(end, stage.last_end);
    }
    for (std::size_t s = 0; s < use.size(); ++s) {
      IdleByCause idle = use[s].idle;
      idle[static_cast<std::size_t>(IdleCause::kLackOfWork)] +=
          (use[s].first_start - begin) + (end - use[s].last_end);
      StageResult stage;
      stage.replica = static_cast<int>(r);
      stage.stage = static_cast<int>(s);
      stage.steps = use[s].steps;
      stage.busy_s = seconds(use[s].busy);
      stage.idle_s = seconds(end - begin - use[s].busy);
      for (std::size_t c = 0; c < kIdleCauses; ++c) {
        stage.idle_by_cause_s[c] = seconds(idle[c]);
        result.bubble_by_cause[c] += seconds(idle[c]) / seconds(end - begin);
      }
      result.bubble_fraction += stage.idle_s / seconds(end - begin);
      result.stages.push_back(stage);
      const StepTimes& parts = pipelines[r]->parts()[s];
      for (std::size_t part = 0; part < kStepParts; ++part) {
        result.busy_parts_s[part] += parts.seconds[part];
        result.outside_parts_s[part] += parts.outside[part];
      }
      ++stages;
    }
  }
  if (stages == 0) return;
  result.bubble_fraction /= static_cast<double>(stages);
  for (double& part : result.bubble_by_cause) part /= static_cast<double>(stages);
  for (double& part : result.busy_parts_s) part /= static_cast<double>(stages);
  for (double& part : result.outside_parts_s) part /= static_cast<double>(stages);
}

}  // namespace plumbline
