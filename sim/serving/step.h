// What serving's two halves tell each other: the scheduler says what a step runs and how much it
// may hold, the prices say how long it takes and what fits.
//
// The scheduler (arrivals, batches, blocks, metrics) never asks what a kernel costs; the prices
// never ask which request a token belongs to.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sim/core/units.h"

namespace plumbline {

/// A piece of one prompt, longer than one token, that a step computes.
struct ChunkWork {
  std::int64_t new_tokens = 0;
  std::int64_t context_tokens = 0;  ///< tokens of the request already in the cache
};

/// What a pipeline stage runs in one step: prefill chunks and decodes of one batch.
/// An object is reused from step to step: after the first steps nothing is allocated.
struct StepWork {
  std::vector<ChunkWork> chunks;  ///< requests with more than one new token, in batch order
  std::int64_t chunk_tokens = 0;  ///< sum of their new tokens
  std::int64_t decodes = 0;       ///< requests with exactly one new token
  /// Of the decodes: tokens in the cache before this step. min and max are 0 without a decode.
  std::int64_t decode_context_sum = 0, decode_context_min = 0, decode_context_max = 0;
  std::int64_t emitting = 0;  ///< sequences that sample a token in this step
  /// Cache that is copied to the host, and back, before the step: tokens of whole blocks.
  std::int64_t swap_out_tokens = 0, swap_in_tokens = 0;

  std::int64_t total_tokens() const { return chunk_tokens + decodes; }
  bool empty() const { return total_tokens() == 0; }
  void clear();
  void add_chunk(std::int64_t new_tokens, std::int64_t context_tokens);
  void add_decode(std::int64_t context_tokens);
};

/// What a stage's time is spent on.
enum class StepPart : std::uint8_t {
  kLayers,         ///< projections, norms, activations, embedding
  kAttention,      ///< over prompt chunks and decodes
  kExperts,        ///< router and routed experts
  kCommunication,  ///< collectives inside the stage
  kHead,           ///< vocabulary head and sampling
  kLaunch,         ///< the GPU waits for launches: between steps, around chunks, without graphs
  kSwap,           ///< cache copied to the host and back
};
inline constexpr std::size_t kStepParts = 7;

/// Seconds by part; `outside` is what of each was priced outside calibrated ranges.
struct StepTimes {
  std::array<double, kStepParts> seconds{}, outside{};

  double& of(StepPart part) { return seconds[static_cast<std::size_t>(part)]; }
  double& outside_of(StepPart part) { return outside[static_cast<std::size_t>(part)]; }
  double total() const;
  StepTimes& operator+=(const StepTimes& more);
};

/// Prices of one replica's steps. Immutable after construction: any number of threads may ask, and
/// the same question has the same answer.
class StepPrices {
 public:
  virtual ~StepPrices() = default;

  /// How long the GPUs of pipeline stage `stage` (0 .. P-1) are busy with the step: kernels,
  /// collectives inside the stage, and what of the launch the GPU always waits for (the gap between
  /// two steps). Called for every stage of every step: no allocation, well under a microsecond.
  /// REQUIRES: the step is not empty
  virtual Seconds stage_time(int stage, const StepWork& work) const = 0;

  /// stage_time of every stage, and what it is spent on, which is added to `parts` and sums to the
  /// times. The default calls everything kLayers.
  /// @param times, parts  [stages]
  virtual void stage_times(const StepWork& work, std::span<Seconds> times,
                           std::span<StepTimes> parts) const;

  /// How long the GPUs of a stage copy cache to the host and back before the step: one copy a
  /// direction, on the stream that the step runs on. The default copies for nothing.
  virtual Seconds swap_time(int stage, const StepWork& work) const;

  /// From the end of `from_stage` to the arrival of its activations at from_stage + 1; from the
  /// last stage (P > 1), the return of the sampled tokens to stage 0.
  virtual Seconds hop_time(int from_stage, const StepWork& work) const = 0;

  /// Time of the engine's process per step (schedule, prepare inputs, update). The event order
  /// decides how much of it shows: an engine with one batch in flight shows all of it, one with
  /// several hides it behind the batches that run.
  virtual Seconds host_time(const StepWork& work) const = 0;

  /// A step of DP x EP replicas in lock-step, work of every rank in `ranks` (idle ranks are empty
  /// and run a dummy). The default, for models without experts, is the slowest rank.
  /// @param parts  what the time is spent on is added to it; on the slowest rank
  virtual Seconds lock_step_time(int stage, std::span<const StepWork* const> ranks,
                                 StepTimes* parts = nullptr) const;
};

/// Memory of one GPU of a stage, bytes.
struct ServingStageMemory {
  double weights = 0;
  double activations = 0;  ///< peak of the profiling run
  double cuda_graphs = 0;
  double framework = 0;  ///< context, NCCL buffers: what the allocator does not see
  double kv_cache = 0;   ///< all blocks of the pool
  double limit = 0;      ///< what the engine may use: utilization x total
};

/// The block pool of one replica.
struct KvCapacity {
  std::int64_t blocks = 0;  ///< the minimum over workers, or num_gpu_blocks; may be 0
  int block_tokens = 16;
  double bytes_per_token_per_gpu = 0;            ///< of the fullest stage
  std::vector<double> bytes_per_token_by_stage;  ///< [stages] per GPU
  /// Bytes of one token's cache over all layers, once (not once a tensor rank): what a transfer
  /// between replicas moves.
  double bytes_per_token_total = 0;
  std::int64_t host_blocks = 0;  ///< room for swapped requests; 0: nothing is swapped
  std::string limited_by;        ///< "stage 3: weights 61.2 of 72.0 GiB", "num_gpu_blocks"
};

/// What one replica has and how its engine runs.
struct ServingResources {
  KvCapacity kv;
  std::vector<ServingStageMemory> stages;  ///< [pipeline]
  bool fits = true;
  std::string why_not;        ///< empty when it fits
  int in_flight_batches = 1;  ///< batches scheduled and not yet answered
  /// The scheduler runs ahead of outputs: a decode is scheduled with a placeholder for the token
  /// that the step before it has not returned yet.
  bool asynchronous = false;
  std::vector<std::string> assumptions;
};

}  // namespace plumbline
