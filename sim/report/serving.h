// The reports of a serving run.
#pragma once

#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "sim/report/report.h"
#include "sim/serving/serving_result.h"

namespace plumbline {

/// The document `plumbline.result/1` of a run that serves: as to_json, with the block "serving" in
/// place of "training".
std::string serving_json(const Result& result, const ServingResult& serving);

/// The table for people.
std::string serving_table(const Result& result, const ServingResult& serving,
                          const TextStyle& style = {});

/// What a search for the highest rate found, one line. @param next_per_s  the lowest rate that
/// failed, 0: none did
std::string max_rate_line(double rate_per_s, double next_per_s, int tries);

struct NamedServing {
  std::string name;
  const Result* result = nullptr;  ///< never null, here and below
  const ServingResult* serving = nullptr;
};

/// Two or more runs that serve, side by side; differences are against the first. The time that a
/// million output tokens keep the GPUs is divided into what stages are busy with, why they wait and
/// what lies outside their first and last step: these differences sum to that of the whole.
/// REQUIRES: runs is not empty
std::string compare_serving_table(std::span<const NamedServing> runs, const TextStyle& style = {});

/// {"schema": "plumbline.comparison/1", "runs": [{"name", "fits", "serving": {...},
///  "difference": {...}}]}
std::string compare_serving_json(std::span<const NamedServing> runs);

/// A row per request, in order of arrival:
/// request,arrival_s,prompt_tokens,output_tokens,first_token_s,finish_s,ttft_s,tpot_s,e2e_s,
/// preemptions,cached_tokens,replica. `tpot_s` is empty where there is one token.
void write_request_csv(std::span<const Request> requests, std::ostream& out);

/// Chrome trace JSON (Perfetto): a process per replica, a thread per stage with a slice per step,
/// and counters of the cache, of running and of waiting requests for replica 0.
void write_serving_trace(const Result& result, const ServingResult& serving,
                         const std::vector<std::vector<StageSpan>>& spans, std::ostream& out);

}  // namespace plumbline
