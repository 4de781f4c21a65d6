#include "sim/serving/replica.h"

#include <algorithm>
#include <cassert>

namespace plumbline {

void UseOverTime::sample(SimTime at, std::int64_t blocks, std::int64_t running,
                         std::int64_t waiting) {
  const SimTime begin = at / width_ * width_;
  if (!points_.empty() && points_.back().at == begin) {
    Point& last = points_.back();
    last.blocks = std::max(last.blocks, blocks);
    last.running = std::max(last.running, running);
    last.waiting = std::max(last.waiting, waiting);
    return;
  }
  if (points_.size() == kMost) {
    const std::vector<Point> old = std::move(points_);
    points_.clear();
    points_.reserve(kMost);
    width_ *= 2;
    for (const Point& point : old) sample(point.at, point.blocks, point.running, point.waiting);
    sample(at, blocks, running, waiting);
    return;
  }
  points_.push_back({begin, blocks, running, waiting});
}

Replica::Replica(const ReplicaSetup& setup, const StepPrices& prices, Requests& requests)
    : setup_(setup),
      prices_(prices),
      pipeline_(prices, setup.pipeline),
      ranks_(static_cast<std::size_t>(setup.ranks)),
      done_(static_cast<std::size_t>(setup.in_flight_batches)),
      works_(static_cast<std::size_t>(setup.ranks)) {
  for (Rank& rank : ranks_) {
    rank.scheduler = std::make_unique<Scheduler>(setup.scheduler, requests);
    rank.batches.resize(done_.size());
  }
}

bool Replica::schedule(std::size_t slot) {
  bool any = false;
  for (std::size_t r = 0; r < ranks_.size(); ++r) {
    any = ranks_[r].scheduler->schedule(ranks_[r].batches[slot]) || any;
    works_[r] = &ranks_[r].batches[slot].work;
  }
  return any;
}

SimTime Replica::submit(SimTime now) {
  const std::size_t slot = (oldest_ + in_flight_) % done_.size();
  Seconds slowest;
  for (const StepWork* work : works_) {
    if (!work->empty()) slowest = max(slowest, prices_.host_time(*work));
    tokens_ += work->total_tokens();
  }
  const SimTime host = to_sim_time(slowest);
  // With the exchange before the launch, the host's time is on the hops instead.
  const SimTime launched = setup_.pipeline.host_on_hops ? now : now + host;
  SimTime ready = launched;
  for (const Rank& rank : ranks_) {
    const auto ago = static_cast<std::size_t>(rank.batches[slot].token_steps_ago);
    if (ago > 0) ready = std::max(ready, done_[(slot + done_.size() - ago) % done_.size()]);
  }
  // Where the token comes after the host is done, it is the pipeline that the step waits for.
  const SimTime shown = ready > launched ? 0 : launched - now;
  done_[slot] = pipeline_.submit(works_, ready, host, {shown, last_wait_});
  ++in_flight_;
  ++steps_;
  std::int64_t blocks = 0, running = 0, waiting = 0;
  for (const Rank& rank : ranks_) {
    blocks += rank.scheduler->pool().held();
    running += static_cast<std::int64_t>(rank.scheduler->running());
    waiting += static_cast<std::int64_t>(rank.scheduler->waiting());
  }
  peak_blocks_ = std::max(peak_blocks_, blocks);
  use_over_time_.sample(now, blocks, running, waiting);
  return launched;
}

void Replica::take_back(SimTime now) {
  for (Rank& rank : ranks_) {
    rank.scheduler->update(rank.batches[oldest_], now);
    const auto& gone = rank.scheduler->finished();
    finished_.insert(finished_.end(), gone.begin(), gone.end());
  }
  oldest_ = (oldest_ + 1) % done_.size();
  --in_flight_;
}

SimTime Replica::advance(SimTime now) {
  finished_.clear();
  if (blocked_) {
    take_back(now);
    blocked_ = false;
  }
  const auto stages = static_cast<std::size_t>(setup_.pipeline.stages);
  if (in_flight_ < done_.size() && schedule((oldest_ + in_flight_) % done_.size())) {
    return submit(now);
  }
  if (in_flight_ >= std::min(stages, done_.size())) {
    last_wait_ = IdleCause::kStageImbalance;  // every stage has a step: the pipeline tells why
  } else {
    std::size_t running = 0;
    for (const Rank& rank : ranks_) running += rank.scheduler->running();
    // Enough requests for a step on every stage, but gathered in too few of them.
    last_wait_ = stages > 1 && running >= stages ? IdleCause::kCohortDrift : IdleCause::kLackOfWork;
  }
  if (in_flight_ > 0) {
    blocked_ = true;
    return std::max(now, done_[oldest_]);
  }
  asleep_ = true;
  last_wait_ = IdleCause::kLackOfWork;
  return kNotYet;
}

}  // namespace plumbline
