// Requests through replicas: arrivals, routing, and what comes back.
#pragma once

#include <optional>
#include <vector>

#include "sim/plan/serving_options.h"
#include "sim/serving/replica.h"
#include "sim/serving/serving_result.h"
#include "sim/serving/step.h"
#include "sim/serving/traffic.h"

namespace plumbline {

/// How long a prompt's cache travels from a prefill replica to a decode replica.
struct CacheTransfer {
  Seconds latency;
  Seconds per_token;
};

struct ServingSetup {
  const ServingOptions& options;
  const ServingResources& resources;
  const StepPrices& prices;
  int pipeline = 1;
  int replicas = 1;  ///< data-parallel
  int gpus_per_replica = 1;
  CacheTransfer transfer;   ///< used where prefill and decode are apart
  std::uint64_t seed = 1;   ///< of the closed loop's pauses
  bool keep_spans = false;  ///< for a trace of every stage
};

struct ServingRun {
  ServingResult result;
  std::vector<Request> requests;              ///< in order of arrival
  std::vector<std::vector<StageSpan>> spans;  ///< [replica], empty unless kept
};

/// Runs the traffic to its end. The same input gives the same answer, bit for bit.
///
/// A request that could never be held makes an answer that does not fit (`why_not`).
/// @throws InputError for requests that the engine would refuse, and when one never finishes
ServingRun simulate_serving(const ServingSetup& setup, Traffic traffic);

/// A result of which nothing was simulated: no latency, no bubble, no request within objectives.
void nothing_served(ServingResult& result);

/// Fills the latencies, rates and goodput from the finished requests.
void measure_requests(const std::vector<Request>& requests, const SloOptions& slo,
                      ServingResult& result);

/// Fills the bubble from what the stages did; every replica's pipeline counts alike.
void measure_stages(const std::vector<const Pipeline*>& pipelines, ServingResult& result);

}  // namespace plumbline
