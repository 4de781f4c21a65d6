// The loop of one serving engine: schedule, submit, wait, update.
//
// While fewer than D steps are in flight and there is something to run, the engine schedules; else
// it waits for the oldest step, hands out its tokens, and goes on.  Arrivals are seen when it
// schedules, not before.  D is 1 for a synchronous engine with one stage, 2 for an asynchronous
// one, as many as stages (or one more) with a pipeline.
// Source: vLLM, v1/engine/core.py, step_with_batch_queue.
//
// Replicas in lock-step (experts spread over data-parallel ranks) are one loop with a scheduler per
// rank; a rank without work runs along.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/serving/pipeline.h"
#include "sim/serving/scheduler.h"

namespace plumbline {

/// Use of the cache over time: at most kMost points, each the highest value of its interval.
class UseOverTime {
 public:
  static constexpr std::size_t kMost = 512;
  struct Point {
    SimTime at = 0;  ///< beginning of the interval
    std::int64_t blocks = 0;
    std::int64_t running = 0, waiting = 0;
  };
  void sample(SimTime at, std::int64_t blocks, std::int64_t running, std::int64_t waiting);
  const std::vector<Point>& points() const { return points_; }

 private:
  SimTime width_ = 1'000'000'000;  // 1 ms, doubled whenever there are too many points
  std::vector<Point> points_;
};

struct ReplicaSetup {
  SchedulerSetup scheduler;
  Pipeline::Options pipeline;
  int in_flight_batches = 1;  ///< D
  int ranks = 1;              ///< schedulers that step together
};

class Replica {
 public:
  /// `prices` and `requests` must outlive the replica.
  Replica(const ReplicaSetup& setup, const StepPrices& prices, Requests& requests);

  Scheduler& scheduler(std::size_t rank) { return *ranks_[rank].scheduler; }
  std::size_t ranks() const { return ranks_.size(); }

  /// Takes the engine from `now` to its next decision.
  /// @returns when that is, or kNotYet: it sleeps until something arrives
  SimTime advance(SimTime now);
  bool asleep() const { return asleep_; }
  void wake() { asleep_ = false; }

  /// Requests that left in the last `advance`, at its time.
  const std::vector<RequestId>& finished() const { return finished_; }

  const Pipeline& pipeline() const { return pipeline_; }
  const UseOverTime& use_over_time() const { return use_over_time_; }
  std::int64_t peak_blocks() const { return peak_blocks_; }
  std::int64_t steps() const { return steps_; }
  std::int64_t tokens() const { return tokens_; }

 private:
  struct Rank {
    std::unique_ptr<Scheduler> scheduler;
    std::vector<Batch> batches;  // a ring of D
  };

  bool schedule(std::size_t slot);
  SimTime submit(SimTime now);
  void take_back(SimTime now);

  ReplicaSetup setup_;
  const StepPrices& prices_;
  Pipeline pipeline_;
  std::vector<Rank> ranks_;
  std::vector<SimTime> done_;  // a ring of D
  std::vector<const StepWork*> works_;
  std::size_t oldest_ = 0, in_flight_ = 0;
  bool blocked_ = false, asleep_ = true;
  IdleCause last_wait_ = IdleCause::kLackOfWork;
  std::vector<RequestId> finished_;
  UseOverTime use_over_time_;
  std::int64_t peak_blocks_ = 0, steps_ = 0, tokens_ = 0;
};

}  // namespace plumbline
