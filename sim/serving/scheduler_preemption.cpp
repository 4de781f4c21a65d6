// Preemption: where the cache has no room, the request that came last gives up its blocks, and is
// computed again or swapped to host memory and back.
#include <algorithm>

#include "sim/serving/scheduler.h"

namespace plumbline {

// The same, at the price of those admitted last; false when the seat itself had to go.
bool Scheduler::make_room(std::size_t position, std::int64_t tokens) {
  while (true) {
    const std::int32_t self = running_[position];
    if (grow(seats_[static_cast<std::size_t>(self)], tokens)) return true;
    preempt_last();
    if (position >= running_.size()) return false;
  }
}

void Scheduler::preempt_last() {
  const std::int32_t index = running_.back();
  Seat& seat = seats_[static_cast<std::size_t>(index)];
  running_.pop_back();
  ++requests_.list[seat.request].preemptions;
  ++preemptions_;
  if (setup_.preemption == Preemption::kSwap) {
    if (swap_out(index)) return;
    ++swaps_.recomputed;
  }
  if (setup_.prefix_caching) {
    // What it computed may still be there when it comes back.
    for (std::size_t i = 0; i < static_cast<std::size_t>(seat.computed / setup_.block_tokens); ++i)
      pool_.name(seat.blocks[i], content_of(seat.request, static_cast<std::int64_t>(i)));
  }
  Progress& progress = progress_of(seat.request);
  // Tokens in flight are void: they will be sampled again.
  const std::int32_t in_flight =
      setup_.asynchronous ? seat.placeholders : (seat.computed >= seat.known ? 1 : 0);
  progress.to_discard = static_cast<std::uint8_t>(progress.to_discard + in_flight);
  progress.seat = -1;
  progress.cache_arrives = false;
  waiting_.push_front(seat.request);
  release_blocks(seat);
  free_seats_.push_back(index);
}

// The request keeps its seat; its tokens in flight come back to it as if it ran.
bool Scheduler::swap_out(std::int32_t index) {
  Seat& seat = seats_[static_cast<std::size_t>(index)];
  const auto blocks = static_cast<std::int64_t>(seat.blocks.size());
  if (host_held_ + blocks > setup_.host_blocks) return false;
  seat.host_blocks = blocks;
  host_held_ += blocks;
  leaving_ += blocks;
  ++swaps_.out;
  swaps_.blocks_out += blocks;
  swaps_.peak_blocks = std::max(swaps_.peak_blocks, host_held_);
  release_blocks(seat);
  swapped_.push_front(index);  // the last admitted goes first, so the first admitted returns first
  return true;
}

void Scheduler::swap_in(Batch& batch, std::int64_t& budget) {
  const auto seats = static_cast<std::size_t>(setup_.batching.max_num_seqs);
  while (!swapped_.empty() && budget > 0 && running_.size() < seats) {
    const std::int32_t index = swapped_.front();
    Seat& seat = seats_[static_cast<std::size_t>(index)];
    const std::int64_t tokens = limited(wanted(seat), budget);
    if (tokens <= 0) return;  // its last token is still on its way
    if (tokens == 1 && batch.work.decodes >= decode_cap_) return;
    const std::int64_t need = std::max(seat.host_blocks, blocks_for(seat.computed + tokens));
    if (need > pool_.free()) return;
    swapped_.pop_front();
    running_.push_back(index);
    grow(seat, need * setup_.block_tokens);
    batch.work.swap_in_tokens += seat.host_blocks * setup_.block_tokens;
    host_held_ -= seat.host_blocks;
    ++swaps_.in;
    swaps_.blocks_in += seat.host_blocks;
    seat.host_blocks = 0;
    run(seat, tokens, batch);
    budget -= tokens;
  }
}

}  // namespace plumbline
