#include "sim/serving/scheduler.h"

#include <algorithm>
#include <limits>

namespace plumbline {
namespace {

constexpr std::int64_t kNoBudget = std::numeric_limits<std::int64_t>::max() / 4;

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

bool reserves(BatchingPolicy policy) {
  return policy == BatchingPolicy::kOrca || policy == BatchingPolicy::kStatic;
}

}  // namespace

Scheduler::Scheduler(const SchedulerSetup& setup, Requests& requests)
    : setup_(setup), requests_(requests), pool_(setup.blocks, setup.prefix_caching) {
  const BatchingOptions& batching = setup_.batching;
  decode_cap_ = batching.max_decodes_per_microbatch;
  if (decode_cap_ < 0) decode_cap_ = ceil_div(batching.max_num_seqs, setup_.pipeline);
  if (decode_cap_ == 0) decode_cap_ = kNoBudget;
}

Scheduler::Progress& Scheduler::progress_of(RequestId id) {
  if (id >= progress_.size()) progress_.resize(std::max<std::size_t>(id + 1, 2 * progress_.size()));
  return progress_[id];
}

void Scheduler::enqueue(RequestId id) {
  Progress& progress = progress_of(id);
  if (setup_.role == ReplicaRole::kDecode) {
    progress.generated = 1;
    progress.cache_arrives = true;
  }
  waiting_.push_back(id);
}

std::int64_t Scheduler::blocks_of(const Request& request) const {
  // The last token is never computed, so it needs no place.
  const std::int64_t tokens = setup_.role == ReplicaRole::kPrefill
                                  ? request.prompt_tokens
                                  : request.prompt_tokens + request.output_tokens - 1;
  return blocks_for(tokens);
}

bool Scheduler::schedule(Batch& batch) {
  batch.work.clear();
  batch.emitting.clear();
  batch.token_steps_ago = 0;
  ++step_;
  const bool budgeted = !reserves(setup_.batching.policy);
  std::int64_t budget = budgeted ? setup_.batching.max_num_batched_tokens : kNoBudget;
  switch (setup_.batching.policy) {
    case BatchingPolicy::kVllm:
    case BatchingPolicy::kOrca:
      if (run_running(batch, budget)) {
        swap_in(batch, budget);
        admit(batch, budget);
      }
      break;
    case BatchingPolicy::kSarathi: {
      const std::int64_t preemptions = preemptions_;
      run_decodes(batch, budget);
      run_chunks(batch, budget);
      if (preemptions == preemptions_) swap_in(batch, budget);
      admit(batch, budget);
      break;
    }
    case BatchingPolicy::kStatic:
      schedule_static(batch);
      break;
  }
  if (batch.work.empty()) {
    --step_;  // not a step
    return false;
  }
  batch.work.swap_out_tokens = leaving_ * setup_.block_tokens;
  leaving_ = 0;
  return true;
}

// Tokens that could be computed now: what is known, short of the last token, which is only sampled.
std::int64_t Scheduler::wanted(const Seat& seat) const {
  if (seat.placeholders > 0 && step_ < seat.sampled_in + setup_.pipeline) return 0;
  return std::min(seat.known + seat.placeholders, seat.target - 1) - seat.computed;
}

std::int64_t Scheduler::limited(std::int64_t tokens, std::int64_t budget) const {
  const BatchingOptions& batching = setup_.batching;
  const std::int64_t threshold = batching.long_prefill_token_threshold;
  const bool splits = batching.chunked_prefill && !reserves(batching.policy);
  if (splits && threshold > 0) tokens = std::min(tokens, threshold);
  return std::min(tokens, budget);
}

// True when nothing was preempted.
bool Scheduler::run_running(Batch& batch, std::int64_t& budget) {
  const std::int64_t preemptions = preemptions_;
  for (std::size_t i = 0; i < running_.size() && budget > 0; ++i) {
    Seat& seat = seats_[static_cast<std::size_t>(running_[i])];
    const std::int64_t tokens = limited(wanted(seat), budget);
    if (tokens <= 0) continue;
    if (tokens == 1 && batch.work.decodes >= decode_cap_) continue;
    if (!make_room(i, seat.computed + tokens)) break;
    run(seat, tokens, batch);
    budget -= tokens;
  }
  return preemptions == preemptions_;
}

void Scheduler::run_decodes(Batch& batch, std::int64_t& budget) {
  for (std::size_t i = 0; i < running_.size() && budget > 0; ++i) {
    Seat& seat = seats_[static_cast<std::size_t>(running_[i])];
    if (wanted(seat) != 1 || batch.work.decodes >= decode_cap_) continue;
    if (!make_room(i, seat.computed + 1)) break;
    run(seat, 1, batch);
    --budget;
  }
}

// Chunks never preempt those of this very step. Prompts that hold all blocks between them while
// nothing else can run would wait for each other forever: the one admitted last goes.
void Scheduler::run_chunks(Batch& batch, std::int64_t& budget) {
  fill_with_chunks(batch, budget);
  const auto is_prompt = [this](std::int32_t index) {
    return wanted(seats_[static_cast<std::size_t>(index)]) > 1;
  };
  while (batch.work.empty() && running_.size() > 1 && std::ranges::all_of(running_, is_prompt)) {
    preempt_last();
    fill_with_chunks(batch, budget);
  }
}

void Scheduler::fill_with_chunks(Batch& batch, std::int64_t& budget) {
  for (std::size_t i = 0; i < running_.size() && budget > 0; ++i) {
    Seat& seat = seats_[static_cast<std::size_t>(running_[i])];
    if (wanted(seat) <= 1) continue;
    const std::int64_t tokens = limited(wanted(seat), budget);
    if (!grow(seat, seat.computed + tokens)) continue;
    run(seat, tokens, batch);
    budget -= tokens;
  }
}

// Blocks for the seat's first `tokens` tokens; false, and nothing taken, where there are too few.
bool Scheduler::grow(Seat& seat, std::int64_t tokens) {
  const std::int64_t more = blocks_for(tokens) - static_cast<std::int64_t>(seat.blocks.size());
  if (more > pool_.free()) return false;
  for (std::int64_t i = 0; i < more; ++i) seat.blocks.push_back(pool_.take());
  return true;
}

void Scheduler::release_blocks(Seat& seat) {
  for (std::size_t i = seat.blocks.size(); i > 0; --i) pool_.release(seat.blocks[i - 1]);
  seat.blocks.clear();
}

void Scheduler::run(Seat& seat, std::int64_t tokens, Batch& batch) {
  if (tokens == 1) {
    batch.work.add_decode(seat.computed);
  } else {
    batch.work.add_chunk(tokens, seat.computed);
  }
  if (seat.named) {
    const std::int64_t from = seat.computed / setup_.block_tokens;
    const std::int64_t to = (seat.computed + tokens) / setup_.block_tokens;
    for (std::int64_t i = from; i < to; ++i)
      pool_.name(seat.blocks[static_cast<std::size_t>(i)], content_of(seat.request, i));
  }
  if (seat.placeholders > 0) {
    const std::int64_t ago = step_ - seat.sampled_in;
    batch.token_steps_ago = batch.token_steps_ago == 0 ? ago : std::min(batch.token_steps_ago, ago);
  }
  seat.computed += static_cast<std::int32_t>(tokens);
  if (seat.computed < seat.known + seat.placeholders) return;
  ++batch.work.emitting;
  batch.emitting.push_back(seat.request);
  seat.sampled_in = step_;
  if (setup_.asynchronous) ++seat.placeholders;
}

void Scheduler::admit(Batch& batch, std::int64_t& budget) {
  const auto seats = static_cast<std::size_t>(setup_.batching.max_num_seqs);
  if (!swapped_.empty()) return;  // whoever is on the host comes first
  while (!waiting_.empty() && budget > 0 && running_.size() < seats) {
    if (!admit_first(batch, budget)) return;
  }
}

bool Scheduler::admit_first(Batch& batch, std::int64_t& budget) {
  const RequestId id = waiting_.front();
  Request& request = requests_.list[id];
  Progress& progress = progress_of(id);
  const bool whole = reserves(setup_.batching.policy);
  const std::int64_t known = request.prompt_tokens + progress.generated;
  const bool shares = request.prefix != 0 || request.session != 0 || request.hashes != 0;
  std::int64_t hits = 0, computed = 0;
  if (progress.cache_arrives) {
    computed = known - 1;
  } else if (setup_.prefix_caching && (shares || request.preemptions > 0)) {
    hits = hits_of(id, known - 1, request.preemptions > 0);
    computed = hits * setup_.block_tokens;
  }
  std::int64_t tokens = known - computed;
  if (!setup_.batching.chunked_prefill && tokens > budget) return false;
  tokens = limited(tokens, budget);
  if (tokens == 1 && batch.work.decodes >= decode_cap_) return false;

  const std::int64_t need = whole ? blocks_of(request) : blocks_for(computed + tokens);
  std::int64_t unheld = 0;  // hits that would leave the list of free blocks
  for (std::int64_t i = 0; i < hits; ++i) unheld += pool_.is_free(pool_.find(content_of(id, i)));
  // All that is known of it must fit, though only the chunk takes blocks now (vLLM since 0.19:
  // scheduler_reserve_full_isl): a prompt that is half done cannot be the next to be preempted.
  if (std::max(need, blocks_for(known)) - hits + unheld > pool_.free()) return false;

  waiting_.pop_front();
  if (free_seats_.empty()) {
    free_seats_.push_back(static_cast<std::int32_t>(seats_.size()));
    seats_.emplace_back();
  }
  const std::int32_t index = free_seats_.back();
  free_seats_.pop_back();
  running_.push_back(index);
  Seat& seat = seats_[static_cast<std::size_t>(index)];
  seat.request = id;
  seat.known = static_cast<std::int32_t>(known);
  seat.computed = static_cast<std::int32_t>(computed);
  seat.placeholders = 0;
  seat.target =
      request.prompt_tokens + (setup_.role == ReplicaRole::kPrefill ? 1 : request.output_tokens);
  seat.cohort = -1;
  seat.named = shares && setup_.prefix_caching;
  seat.done = false;
  seat.host_blocks = 0;
  progress.seat = index;
  if (request.preemptions == 0)
    request.cached_tokens = static_cast<std::int32_t>(hits * setup_.block_tokens);
  hit_tokens_ += hits * setup_.block_tokens;
  for (std::int64_t i = 0; i < hits; ++i) {
    const BlockId block = pool_.find(content_of(id, i));
    pool_.hold(block);
    seat.blocks.push_back(block);
  }
  grow(seat, need * setup_.block_tokens);
  run(seat, tokens, batch);
  budget -= tokens;
  return true;
}

// A batch of its own per micro-batch: the first that is not in flight runs; where there is none and
// a micro-batch is free, a new batch is formed of what waits.
void Scheduler::schedule_static(Batch& batch) {
  const auto begin = running_.begin();
  const auto ready = std::find_if(begin, running_.end(), [&](std::int32_t index) {
    return wanted(seats_[static_cast<std::size_t>(index)]) > 0;
  });
  std::int64_t budget = kNoBudget;
  if (ready != running_.end()) {
    const std::int32_t cohort = seats_[static_cast<std::size_t>(*ready)].cohort;
    for (const std::int32_t index : running_) {
      Seat& seat = seats_[static_cast<std::size_t>(index)];
      if (seat.cohort == cohort) run(seat, wanted(seat), batch);
    }
    const Cohort& padded = cohorts_[static_cast<std::size_t>(cohort)];
    for (std::int32_t i = 0; i < padded.padding; ++i) batch.work.add_decode(padded.padding_context);
    return;
  }
  auto free =
      std::find_if(cohorts_.begin(), cohorts_.end(), [](const Cohort& c) { return !c.in_use; });
  if (free == cohorts_.end()) {
    if (static_cast<int>(cohorts_.size()) >= setup_.in_flight_batches) return;
    free = cohorts_.insert(cohorts_.end(), Cohort{});
  }
  const std::int64_t most = ceil_div(setup_.batching.max_num_seqs, setup_.in_flight_batches);
  const auto cohort = static_cast<std::int32_t>(free - cohorts_.begin());
  for (std::int64_t i = 0; i < most && !waiting_.empty() && admit_first(batch, budget); ++i) {
    seats_[static_cast<std::size_t>(running_.back())].cohort = cohort;
    ++free->live;
    free->in_use = true;
  }
}

void Scheduler::update(const Batch& batch, SimTime now) {
  finished_.clear();
  for (const RequestId id : batch.emitting) {
    Progress& progress = progress_[id];
    if (progress.to_discard > 0) {
      --progress.to_discard;
      continue;
    }
    Request& request = requests_.list[id];
    ++progress.generated;
    if (request.first_token == kNotYet) request.first_token = now;
    const std::int32_t last = setup_.role == ReplicaRole::kPrefill ? 1 : request.output_tokens;
    Seat& seat = seats_[static_cast<std::size_t>(progress.seat)];
    ++seat.known;
    if (setup_.asynchronous) --seat.placeholders;
    if (progress.generated == last) leave(seat, now);
  }
  if (finished_.empty()) return;
  std::erase_if(running_,
                [&](std::int32_t index) { return seats_[static_cast<std::size_t>(index)].done; });
}

void Scheduler::leave(Seat& seat, SimTime now) {
  finished_.push_back(seat.request);
  seat.done = true;
  Progress& progress = progress_[seat.request];
  if (setup_.role == ReplicaRole::kPrefill) return;  // until it is sent
  requests_.list[seat.request].finish = now;
  if (seat.cohort >= 0) {
    Cohort& cohort = cohorts_[static_cast<std::size_t>(seat.cohort)];
    --cohort.live;
    ++cohort.padding;
    cohort.padding_context = std::max<std::int64_t>(cohort.padding_context, seat.computed);
    if (cohort.live == 0) cohort = {};
  }
  if (seat.host_blocks > 0) {  // its last token was in flight when it went
    host_held_ -= seat.host_blocks;
    seat.host_blocks = 0;
    std::erase(swapped_, progress.seat);
  }
  release_blocks(seat);
  free_seats_.push_back(progress.seat);
  progress.seat = -1;
}

void Scheduler::release_sent(RequestId id) {
  Progress& progress = progress_[id];
  release_blocks(seats_[static_cast<std::size_t>(progress.seat)]);
  free_seats_.push_back(progress.seat);
  progress.seat = -1;
}

}  // namespace plumbline
