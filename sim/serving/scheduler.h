// Which requests a step runs: continuous batching over a paged cache, for one replica.
//
// kVllm is vLLM v1's rule.  There is no prefill or decode phase: a request has tokens that are
// known and tokens that are computed, and a step computes some of the difference.
//   Running requests, in the order of their admission, get min(known - computed, budget left)
//   tokens; one with nothing to compute (its token is still in flight) is passed over.  Where no
//   block is free, the request admitted last gives up its blocks, goes to the front of the queue
//   and will be computed again. Waiting requests follow, first come first served, unless something
//   was preempted in this step, while budget and seats last; the first that cannot be admitted ends
//   it.
// `computed` advances when a step is scheduled, so a prompt's next chunk may follow into the
// pipeline before the chunk ahead of it has left.
//
// An asynchronous engine counts the token of a step that is still running as known: the last stage
// hands it to the first, the host need not have seen it. A request may then be scheduled again one
// step later, with P stages P steps later (vLLM: next_decode_eligible_step), so that as many
// micro-batches as stages stay apart.
//
// With Preemption::kSwap the blocks of the request admitted last go to the host instead, as long as
// there is room, and come back, first come first served, before anything that waits is admitted;
// nothing is computed again, and tokens in flight stay valid because copies and steps run in order.
// Both follow vLLM v0 (core/scheduler.py, _schedule_chunked_prefill with preemption_mode swap),
// except that v0 admits prompts beside requests it has no room to swap in.
//
// kOrca takes whole prompts, has no token budget and reserves a request's whole length at
// admission; kSarathi serves all decodes before any chunk; kStatic forms a batch, pads it with its
// finished requests and forms the next when all are done. Sources: vLLM v1/core/sched/scheduler.py;
// Yu et al., OSDI 2022; Agrawal et al., OSDI 2024.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "sim/plan/serving_options.h"
#include "sim/serving/block_pool.h"
#include "sim/serving/request.h"
#include "sim/serving/step.h"

namespace plumbline {

/// One step's batch. Reused: it keeps its memory.
struct Batch {
  StepWork work;
  std::vector<RequestId> emitting;  ///< requests that sample a token
  /// The step counts on a token of the step `token_steps_ago` steps ago, which is in flight; 0:
  /// none.
  std::int64_t token_steps_ago = 0;
};

/// All requests of a run.
struct Requests {
  std::vector<Request> list;
  /// Mooncake: content of every 512 tokens of a prompt, those before included.
  std::vector<std::uint32_t> hashes;
};

/// What a replica does with requests.
enum class ReplicaRole : std::uint8_t {
  kWhole,
  kPrefill,  ///< a request leaves after its first token; its blocks stay until they are sent
  kDecode,   ///< requests arrive with the cache of their prompt
};

struct SchedulerSetup {
  BatchingOptions batching;
  std::int64_t blocks = 0;
  int block_tokens = 16;
  bool prefix_caching = true;
  bool asynchronous = false;  ///< the token of a step that is still running counts as known
  int in_flight_batches = 1;
  int pipeline = 1;
  ReplicaRole role = ReplicaRole::kWhole;
  Preemption preemption = Preemption::kRecompute;
  std::int64_t host_blocks = 0;  ///< kSwap: room for blocks of preempted requests
};

/// What went to the host and came back.
struct SwapCounts {
  std::int64_t out = 0, in = 0;                ///< requests
  std::int64_t blocks_out = 0, blocks_in = 0;  ///< of one GPU's cache
  std::int64_t recomputed = 0;                 ///< requests that the host had no room for
  std::int64_t peak_blocks = 0;                ///< on the host at once

  /// Of another replica; the peak is the highest of any.
  void add(const SwapCounts& more) {
    out += more.out;
    in += more.in;
    blocks_out += more.blocks_out;
    blocks_in += more.blocks_in;
    recomputed += more.recomputed;
    peak_blocks = std::max(peak_blocks, more.peak_blocks);
  }
};

class Scheduler {
 public:
  /// `requests` must outlive the scheduler.
  Scheduler(const SchedulerSetup& setup, Requests& requests);

  /// REQUIRES: the request's blocks fit in the pool (blocks_of)
  void enqueue(RequestId id);
  /// Fills `batch`; false when nothing can run.
  bool schedule(Batch& batch);
  /// The step's tokens have come back: they are known, and requests that have all theirs leave.
  void update(const Batch& batch, SimTime now);
  /// kPrefill: the cache has been sent.
  void release_sent(RequestId id);

  /// Requests that the last `update` finished.
  const std::vector<RequestId>& finished() const { return finished_; }
  std::size_t running() const { return running_.size(); }
  /// For their turn, or on the host for room.
  std::size_t waiting() const { return waiting_.size() + swapped_.size(); }
  /// Nothing waits, runs or is held.
  bool idle() const { return running_.empty() && waiting_.empty() && swapped_.empty(); }
  const BlockPool& pool() const { return pool_; }
  std::int64_t preemptions() const { return preemptions_; }
  const SwapCounts& swaps() const { return swaps_; }
  std::int64_t hit_tokens() const { return hit_tokens_; }
  /// Tokens of a prompt at the front of this replica's cache, for a router.
  std::int64_t cached_tokens(RequestId id) const;
  /// Blocks that the request holds at its end.
  std::int64_t blocks_of(const Request& request) const;

 private:
  struct Seat {
    RequestId request = 0;
    std::int32_t known = 0, computed = 0;
    std::int32_t placeholders = 0;  // sampled on the GPU, not yet returned
    std::int32_t target = 0;        // known tokens at the end
    std::int32_t cohort = -1;       // kStatic
    std::int64_t sampled_in = 0;    // the step that samples its newest token
    bool named = false;             // its blocks can be shared
    bool done = false;
    std::int64_t host_blocks = 0;  // > 0: on the host, and not among the running
    std::vector<BlockId> blocks;
  };
  struct Progress {  // of a request, kept while it has no seat
    std::int32_t generated = 0;
    std::int32_t seat = -1;
    std::uint8_t to_discard = 0;  // tokens in flight that a preemption has made void
    bool cache_arrives = false;   // kDecode: the prompt needs no computing
  };
  struct Cohort {  // kStatic: a batch, with its finished requests as padding
    std::int32_t live = 0;
    std::int32_t padding = 0;
    std::int64_t padding_context = 0;  // of the longest of them
    bool in_use = false;
  };

  std::int64_t blocks_for(std::int64_t tokens) const {
    return (tokens + setup_.block_tokens - 1) / setup_.block_tokens;
  }
  Progress& progress_of(RequestId id);
  BlockContent content_of(RequestId id, std::int64_t block) const;
  std::int64_t hits_of(RequestId id, std::int64_t tokens, bool all_named) const;
  bool grow(Seat& seat, std::int64_t tokens);
  bool make_room(std::size_t position, std::int64_t tokens);
  void preempt_last();
  bool swap_out(std::int32_t index);
  void swap_in(Batch& batch, std::int64_t& budget);
  void run(Seat& seat, std::int64_t tokens, Batch& batch);
  std::int64_t wanted(const Seat& seat) const;
  std::int64_t limited(std::int64_t tokens, std::int64_t budget) const;
  void run_decodes(Batch& batch, std::int64_t& budget);
  void run_chunks(Batch& batch, std::int64_t& budget);
  void fill_with_chunks(Batch& batch, std::int64_t& budget);
  bool run_running(Batch& batch, std::int64_t& budget);
  void admit(Batch& batch, std::int64_t& budget);
  bool admit_first(Batch& batch, std::int64_t& budget);
  void schedule_static(Batch& batch);
  void leave(Seat& seat, SimTime now);
  void release_blocks(Seat& seat);

  SchedulerSetup setup_;
  Requests& requests_;
  BlockPool pool_;
  std::vector<Progress> progress_;  // by RequestId
  std::vector<Seat> seats_;
  std::vector<std::int32_t> free_seats_;
  std::vector<std::int32_t> running_;  // seats, in order of admission
  std::deque<RequestId> waiting_;
  std::deque<std::int32_t> swapped_;  // seats whose blocks are on the host, next to return first
  std::vector<RequestId> finished_;
  std::vector<Cohort> cohorts_;
  std::int64_t decode_cap_;
  std::int64_t step_ = 0;  // that are scheduled so far, this one included
  std::int64_t preemptions_ = 0;
  std::int64_t hit_tokens_ = 0;
  std::int64_t host_held_ = 0;  // blocks
  std::int64_t leaving_ = 0;    // blocks that the next step copies to the host
  SwapCounts swaps_;
};

}  // namespace plumbline
