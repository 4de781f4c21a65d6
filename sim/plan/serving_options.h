// What a serving run is told to do: the `serving:` block of a scenario, resolved.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace plumbline {

/// How the weights are stored and multiplied.
enum class WeightPrecision { kBf16, kFp16, kFp8, kInt8, kInt4, kNvfp4, kMxfp4 };
enum class KvPrecision { kBf16, kFp8 };

/// A distribution of token counts; every draw is rounded and at least 1.
struct TokenDistribution {
  enum class Kind { kFixed, kUniform, kLognormal, kExponential };
  Kind kind = Kind::kFixed;
  double fixed = 0;
  double low = 0, high = 0;         ///< uniform, both inclusive
  double mean = 0;                  ///< lognormal, exponential
  double p99 = 0;                   ///< lognormal
  std::optional<std::int64_t> max;  ///< draws above it are cut to it
  friend bool operator==(const TokenDistribution&, const TokenDistribution&) = default;
};

/// Prompts that begin alike.
struct PrefixSharing {
  double share = 0;         ///< of the requests
  std::int64_t tokens = 0;  ///< that the sharers of a group have in common
  std::int64_t groups = 1;  ///< different prefixes, equally likely
  friend bool operator==(const PrefixSharing&, const PrefixSharing&) = default;
};

/// When requests arrive and how long they are.
struct TrafficOptions {
  enum class Kind { kPoisson, kGamma, kBursts, kDiurnal, kTrace, kClosedLoop };
  Kind kind = Kind::kPoisson;
  std::int64_t count = 0;                          ///< requests; 0 with a trace: all of it
  double rate_per_s = 0;                           ///< poisson, gamma; bursts: while on
  double coefficient_of_variation = 1;             ///< gamma: of the gaps between arrivals
  double off_rate_per_s = 0, on_s = 0, off_s = 0;  ///< bursts: periods of fixed length
  std::vector<double> rates_per_s;  ///< diurnal: corners of a closed piecewise linear profile
  double period_s = 86400;          ///< diurnal: length of one cycle
  std::string trace;                ///< path
  double time_scale = 1;            ///< trace: arrival times are multiplied by it
  std::int64_t users = 0;           ///< closed loop: requests in the system at most
  double think_time_s = 0;          ///< closed loop: mean, exponential; 0: none
  TokenDistribution prompt, output;
  std::optional<PrefixSharing> prefix;
  friend bool operator==(const TrafficOptions&, const TrafficOptions&) = default;
};

enum class BatchingPolicy {
  kVllm,     ///< vLLM v1: one token budget, running requests first
  kOrca,     ///< iteration level, whole prompts, no budget on tokens
  kSarathi,  ///< decodes first, prefill chunks fill a fixed budget
  kStatic,   ///< a batch runs until its last request is done
};

struct BatchingOptions {
  BatchingPolicy policy = BatchingPolicy::kVllm;
  std::int64_t max_num_seqs = 256;
  std::int64_t max_num_batched_tokens = 8192;
  bool chunked_prefill = true;
  std::int64_t long_prefill_token_threshold = 0;  ///< longest chunk of one request; 0: the budget
  /// Decodes of one micro-batch at most; 0: no cap, -1: ceil(max_num_seqs / pipeline).
  std::int64_t max_decodes_per_microbatch = 0;
  std::optional<int> in_flight_batches;  ///< overrides what the software does
  friend bool operator==(const BatchingOptions&, const BatchingOptions&) = default;
};

/// What happens to the cache of a request that has to make room for others.
enum class Preemption {
  kRecompute,  ///< it is given up, and computed again (vLLM v1)
  kSwap,       ///< it is copied to the host, and back when there is room (vLLM v0's swap)
};

struct KvCacheOptions {
  int block_tokens = 16;
  double gpu_memory_utilization = 0.9;
  bool prefix_caching = true;
  std::optional<std::int64_t> num_gpu_blocks;
  double swap_space_gib = 4;  ///< host memory of each GPU's share of swapped requests
  friend bool operator==(const KvCacheOptions&, const KvCacheOptions&) = default;
};

struct SloOptions {
  std::optional<double> ttft_s, tpot_s, e2e_s;
  double attainment = 0.99;  ///< share of requests that must meet it, for a search of the rate
  friend bool operator==(const SloOptions&, const SloOptions&) = default;
};

/// How a stage hands its activations to the next.
enum class StageHandover {
  kAsynchronous,  ///< a stage starts its next micro-batch while the last one's result travels
  /// Exchange before launch: every stage waits until the neighbours have exchanged, so a stage of P
  /// works at most (P-1)/P of the time (SGLang's default pipeline loop).
  kSynchronous,
};
enum class RouterPolicy { kRoundRobin, kLeastLoaded, kPrefixAware };

struct Disaggregated {
  int prefill_replicas = 0, decode_replicas = 0;  ///< together the data-parallel replicas
  friend bool operator==(const Disaggregated&, const Disaggregated&) = default;
};

struct ServingOptions {
  WeightPrecision precision = WeightPrecision::kBf16;
  KvPrecision kv_cache_precision = KvPrecision::kBf16;
  std::string software = "vllm_v1_async";
  std::optional<double> host_us_per_step;     ///< overrides the software's
  std::optional<bool> cuda_graphs;            ///< overrides the software's
  std::optional<std::int64_t> max_model_len;  ///< longest prompt + output; nullopt: the traffic's
  std::vector<int> layers_per_stage;          ///< [pipeline]; empty: vLLM's rule
  std::vector<double> stage_times_ms;         ///< [pipeline] of every step; empty: priced
  TrafficOptions requests;
  BatchingOptions batching;
  KvCacheOptions kv_cache;
  SloOptions slo;
  StageHandover handover = StageHandover::kAsynchronous;
  RouterPolicy router = RouterPolicy::kRoundRobin;
  Preemption preemption = Preemption::kRecompute;
  std::optional<Disaggregated> disaggregated;
  /// Experts are spread over the data-parallel replicas, which then step together.
  bool data_parallel_lock_step = false;
  friend bool operator==(const ServingOptions&, const ServingOptions&) = default;
};

}  // namespace plumbline
