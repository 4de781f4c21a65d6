// What a serving run came to.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/serving/pipeline.h"
#include "sim/serving/replica.h"
#include "sim/serving/request.h"
#include "sim/serving/step.h"

namespace plumbline {

/// Percentiles by linear interpolation between order statistics (NumPy's default).
/// All are NaN when there are no samples.
struct Percentiles {
  double mean = 0, p50 = 0, p90 = 0, p99 = 0;
};
/// `samples` is reordered.
Percentiles percentiles_of(std::vector<double>& samples);

struct StageResult {
  int replica = 0, stage = 0;
  std::int64_t steps = 0;
  double busy_s = 0, idle_s = 0;
  std::array<double, kIdleCauses> idle_by_cause_s{};  ///< sums to idle_s
};

struct CachePoint {
  double time_s = 0;
  double blocks = 0, running = 0, waiting = 0;
};

/// What a search for the highest rate within the objectives found (`run --find max_rate`).
struct RateSearch {
  double rate_per_s = 0;  ///< the highest rate that met them; 0: none did
  double next_per_s = 0;  ///< the lowest rate tried that did not; 0: all did
  int tries = 0;
};

/// Preemption by swapping: what went over the host links.
struct SwapResult {
  std::int64_t out = 0, in = 0;        ///< requests; one may finish while it is on the host
  std::int64_t recomputed = 0;         ///< requests that the host had no room for
  double bytes_out = 0, bytes_in = 0;  ///< over all GPUs
  double time_s = 0;                   ///< that a stage's GPUs copied; mean over stages
  /// Of one replica's cache on the host.
  double host_capacity_tokens = 0, host_peak_tokens = 0;
};

struct ServingResult {
  std::int64_t requests = 0;  ///< all of them finished
  double duration_s = 0;      ///< first arrival to last token
  Percentiles ttft_s, tpot_s, e2e_s;
  double output_tokens_per_s = 0, prompt_tokens_per_s = 0, requests_per_s = 0;
  double output_tokens_per_s_per_gpu = 0;
  /// Requests per second that meet every objective; all of them where there is none.
  double goodput_requests_per_s = 0;
  double slo_attainment = 1;  ///< share of the requests that do
  int gpus = 0, replicas = 1;

  KvCapacity kv;
  std::int64_t peak_blocks = 0;  ///< of one replica
  std::int64_t preemptions = 0;
  std::optional<SwapResult> swap;  ///< with Preemption::kSwap
  std::int64_t prefix_hit_tokens = 0;
  std::int64_t transfers = 0;               ///< disaggregated: caches sent
  double transfer_s = 0;                    ///< mean time of one, waiting for the link included
  std::vector<CachePoint> cache_over_time;  ///< of replica 0

  /// Mean over stages of idle / (idle + busy), from its replica's first start to its last end.
  double bubble_fraction = 0;
  std::array<double, kIdleCauses> bubble_by_cause{};  ///< sums to bubble_fraction
  std::vector<StageResult> stages;
  /// What stages are busy with, mean over stages, s, by StepPart; sums to their mean busy time.
  std::array<double, kStepParts> busy_parts_s{};
  /// What of it was priced outside calibrated ranges, likewise.
  std::array<double, kStepParts> outside_parts_s{};
  std::vector<ServingStageMemory> stage_memory;  ///< [pipeline], of one GPU

  std::optional<double> usd_per_million_output_tokens;
  double gpu_seconds_per_million_output_tokens = 0;
  /// Every GPU at its power limit all the time: an upper bound of the GPUs' energy.
  std::optional<double> kwh_per_million_output_tokens_at_power_limit;
  std::int64_t steps = 0;        ///< of all replicas
  std::int64_t step_tokens = 0;  ///< prompt and output tokens computed, recomputation included
  std::optional<RateSearch> max_rate;  ///< this is then the run at that rate
  std::string why_not;                 ///< does not fit: why; then nothing was simulated
};

/// The names of StepPart, in its order.
inline constexpr std::array<const char*, kStepParts> kStepPartNames{
    "layers", "attention", "experts", "communication", "head", "launch", "swap"};

/// The names of IdleCause, in its order.
inline constexpr std::array<const char*, kIdleCauses> kIdleCauseNames{
    "lack_of_work", "host", "hop", "stage_imbalance", "prefill_decode", "cohort_drift"};

}  // namespace plumbline
