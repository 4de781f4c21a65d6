#include "sim/serving/pipeline.h"

#include <algorithm>
#include <numeric>

namespace plumbline {
namespace {

SimTime& of(IdleByCause& causes, IdleCause cause) {
  return causes[static_cast<std::size_t>(cause)];
}

// Moves min(rest, part) to the cause.
void charge(IdleByCause& causes, IdleCause cause, SimTime part, SimTime& rest) {
  const SimTime taken = std::clamp<SimTime>(part, 0, rest);
  of(causes, cause) += taken;
  rest -= taken;
}

}  // namespace

Pipeline::Pipeline(const StepPrices& prices, const Options& options)
    : prices_(prices), options_(options) {
  const auto stages = static_cast<std::size_t>(options.stages);
  use_.resize(stages);
  recent_.assign(stages, std::vector<SimTime>(stages, 0));
  times_.resize(stages);
  parts_.resize(stages);
  now_.resize(stages);
  before_.resize(stages);
  recent_sum_.resize(stages);
  recent_chunked_.resize(stages);
}

// A gap before stage 0: the host's share is known; what the pipeline made it wait for is told by
// the steps in flight: how much more the slowest stage had to do than stage 0, then hops.
void Pipeline::explain_first(SimTime gap, const Wait& wait, IdleByCause& causes) const {
  SimTime rest = gap;
  charge(causes, IdleCause::kHost, wait.host, rest);
  if (wait.cause == IdleCause::kStageImbalance) {
    const SimTime slowest = *std::max_element(recent_sum_.begin(), recent_sum_.end());
    charge(causes, IdleCause::kStageImbalance, slowest - recent_sum_.front(), rest);
    charge(causes, IdleCause::kHop, hops_, rest);
    const bool chunked =
        std::any_of(recent_chunked_.begin(), recent_chunked_.end(), [](char c) { return c != 0; });
    charge(causes, chunked ? IdleCause::kPrefillDecode : IdleCause::kCohortDrift, rest, rest);
  }
  charge(causes, wait.cause, rest, rest);
}

// A gap before a later stage: `causes` holds what the stage ahead waited for before this step, and
// that much is handed on; then the stage ahead took longer for this step than this stage will, or
// than this stage did for the step before.
void Pipeline::explain_next(std::size_t stage, SimTime gap, bool chunked,
                            IdleByCause& causes) const {
  SimTime rest = gap;
  IdleByCause mine{};
  for (std::size_t cause = 0; cause < kIdleCauses; ++cause) {
    charge(mine, static_cast<IdleCause>(cause), causes[cause], rest);
  }
  charge(mine, IdleCause::kStageImbalance, now_[stage - 1] - now_[stage], rest);
  const bool mixed = chunked || last_chunked_;
  charge(mine, mixed ? IdleCause::kPrefillDecode : IdleCause::kCohortDrift,
         now_[stage] - before_[stage], rest);
  charge(mine, IdleCause::kHop, rest, rest);
  causes = mine;
}

// What the step takes on every stage: `now_`.
void Pipeline::price(std::span<const StepWork* const> ranks) {
  bool swaps = false;
  for (const StepWork* rank : ranks) {
    swaps = swaps || rank->swap_out_tokens > 0 || rank->swap_in_tokens > 0;
  }
  if (ranks.size() == 1) {
    prices_.stage_times(*ranks.front(), times_, parts_);
  } else {
    for (std::size_t s = 0; s < now_.size(); ++s) {
      times_[s] = prices_.lock_step_time(static_cast<int>(s), ranks, &parts_[s]);
    }
  }
  for (std::size_t s = 0; s < now_.size(); ++s) {
    if (swaps) {
      Seconds longest;
      for (const StepWork* rank : ranks) {
        longest = max(longest, prices_.swap_time(static_cast<int>(s), *rank));
      }
      times_[s] += longest;
      parts_[s].of(StepPart::kSwap) += longest.base();
    }
    now_[s] = to_sim_time(times_[s]);
  }
}

SimTime Pipeline::submit(std::span<const StepWork* const> ranks, SimTime ready, SimTime host,
                         Wait wait) {
  const auto stages = static_cast<int>(use_.size());
  bool chunked = false;
  for (const StepWork* rank : ranks) chunked = chunked || !rank->chunks.empty();
  price(ranks);
  IdleByCause causes{};
  SimTime arrival = ready, hops = 0;
  for (int s = 0; s < stages; ++s) {
    const auto stage = static_cast<std::size_t>(s);
    StageUse& use = use_[stage];
    const SimTime start = std::max(arrival, use.last_end);
    if (use.steps == 0) {
      use.first_start = start;
    } else if (const SimTime gap = start - use.last_end; gap > 0) {
      if (s == 0) {
        explain_first(gap, wait, causes);
      } else {
        explain_next(stage, gap, chunked, causes);
      }
      for (std::size_t c = 0; c < kIdleCauses; ++c) use.idle[c] += causes[c];
    } else {
      causes = {};
    }
    use.last_end = start + now_[stage];
    use.busy += now_[stage];
    ++use.steps;
    if (options_.keep_spans) {
      StageSpan span{start, use.last_end, steps_, s, 0, 0, 0};
      for (const StepWork* rank : ranks) {
        span.decodes += static_cast<std::int32_t>(rank->decodes);
        span.chunks += static_cast<std::int32_t>(rank->chunks.size());
        span.tokens += rank->total_tokens();
      }
      spans_.push_back(span);
    }
    arrival = use.last_end;
    if (stages > 1) {
      const bool last = s + 1 == stages;
      Seconds longest;
      for (const StepWork* rank : ranks) longest = max(longest, prices_.hop_time(s, *rank));
      const SimTime hop = to_sim_time(longest) + (options_.host_on_hops && !last ? host : 0);
      hops += hop;
      arrival += hop;
    }
  }
  auto& slot = recent_[oldest_];
  for (std::size_t s = 0; s < slot.size(); ++s) {
    recent_sum_[s] += now_[s] - slot[s];
    slot[s] = now_[s];
  }
  recent_chunked_[oldest_] = chunked ? 1 : 0;
  oldest_ = (oldest_ + 1) % recent_.size();
  before_.swap(now_);
  hops_ = hops;
  last_chunked_ = chunked;
  ++steps_;
  return arrival;
}

}  // namespace plumbline
