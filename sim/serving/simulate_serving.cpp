// The loop over events: arrivals first, then engines in the order of their numbers, then caches
// that have arrived.
//
// Engines do not go through the engine's EventLoop: between two decisions of a replica nothing can
// change what its stages do, so a step is timed on all of them when it is submitted (Pipeline), and
// only decisions are events, in the engine's EventQueue.  A step costs one event instead of a task
// graph; a test holds the times against those that the engine gives the same steps as a graph.

#include "sim/serving/simulate_serving.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>

#include "sim/core/rng.h"
#include "sim/engine/event_queue.h"
#include "sim/serving/check_serving.h"

namespace plumbline {
namespace {

// Where a request can be put: a replica and its rank.
struct Place {
  std::size_t replica = 0, rank = 0;
};

class Simulation {
 public:
  Simulation(const ServingSetup& setup, Traffic traffic)
      : setup_(setup), traffic_(std::move(traffic)), think_(setup.seed, "think time") {
    const ServingOptions& options = setup.options;
    const int prefill = options.disaggregated ? options.disaggregated->prefill_replicas : 0;
    const bool together = options.data_parallel_lock_step && !options.disaggregated;
    const int engines = together ? 1 : setup.replicas;
    for (int e = 0; e < engines; ++e) {
      const ReplicaRole role = !options.disaggregated ? ReplicaRole::kWhole
                               : e < prefill          ? ReplicaRole::kPrefill
                                                      : ReplicaRole::kDecode;
      replicas_.push_back(std::make_unique<Replica>(replica_setup(role, together), setup.prices,
                                                    traffic_.requests));
      for (std::size_t rank = 0; rank < replicas_.back()->ranks(); ++rank) {
        (role == ReplicaRole::kDecode ? decode_ : entry_).push_back({replicas_.size() - 1, rank});
      }
    }
    egress_.resize(replicas_.size());
    ingress_.resize(replicas_.size());
  }

  // Empty, or why a request can never be served.
  std::string never_fits() {
    std::int64_t need = 0;
    std::size_t which = 0;
    const std::vector<Place>& last = decode_.empty() ? entry_ : decode_;
    for (std::size_t i = 0; i < traffic_.requests.list.size(); ++i) {
      const std::int64_t blocks = scheduler_at(last.front()).blocks_of(traffic_.requests.list[i]);
      if (blocks > need) {
        need = blocks;
        which = i;
      }
    }
    const std::int64_t pool = setup_.resources.kv.blocks;
    if (need <= pool) return {};
    return "request " + std::to_string(which) + " needs " + std::to_string(need) +
           " blocks of the key-value cache, the pool has " + std::to_string(pool);
  }

  ServingRun run() {
    std::vector<Request>& list = traffic_.requests.list;
    if (traffic_.users > 0) {
      const std::size_t first =
          std::min<std::size_t>(list.size(), static_cast<std::size_t>(traffic_.users));
      for (std::size_t user = 0; user < first; ++user) push(0, kArrival);
    } else if (!list.empty()) {
      push(list.front().arrival, kArrival);
    }
    while (!queue_.empty()) {
      const EventKey event = queue_.top();
      queue_.pop();
      handle(event_time(event), event_id(event));
    }
    check_finished(list);
    return answer();
  }

 private:
  static constexpr std::uint64_t kArrival = 0;

  // The pool, less blocks that no request could ever come to: a pool without bound must not need
  // memory without bound.  Where prompts share beginnings, idle blocks matter and 2^26 is the most.
  std::int64_t blocks_to_simulate(ReplicaRole role) const {
    std::int64_t longest = 0;
    bool shares = false;
    for (const Request& request : traffic_.requests.list) {
      longest = std::max<std::int64_t>(longest, request.prompt_tokens + request.output_tokens);
      shares = shares || request.prefix != 0 || request.session != 0 || request.hashes != 0;
    }
    const KvCapacity& kv = setup_.resources.kv;
    const std::int64_t most = std::min<std::int64_t>(kv.blocks, std::int64_t{1} << 26);
    if (shares || role == ReplicaRole::kPrefill) return most;
    return std::min(most, setup_.options.batching.max_num_seqs * (longest / kv.block_tokens + 1));
  }

  ReplicaSetup replica_setup(ReplicaRole role, bool together) const {
    const ServingOptions& options = setup_.options;
    const bool exchange = options.handover == StageHandover::kSynchronous && setup_.pipeline > 1;
    // Engines of one batch per stage: those policies come from them.
    const bool plain = options.batching.policy == BatchingPolicy::kStatic ||
                       options.batching.policy == BatchingPolicy::kOrca;
    ReplicaSetup made;
    made.in_flight_batches = plain ? setup_.pipeline : setup_.resources.in_flight_batches;
    // With the exchange before the launch a stage waits for its neighbours' last step, which leaves
    // one step less in flight than there are stages.
    if (exchange) made.in_flight_batches = std::max(1, setup_.pipeline - 1);
    if (options.batching.in_flight_batches) {
      made.in_flight_batches = *options.batching.in_flight_batches;
    }
    made.ranks = together ? setup_.replicas : 1;
    made.pipeline = {setup_.pipeline, exchange, setup_.keep_spans};
    SchedulerSetup& scheduler = made.scheduler;
    scheduler.batching = options.batching;
    scheduler.blocks = blocks_to_simulate(role);
    scheduler.block_tokens = setup_.resources.kv.block_tokens;
    scheduler.prefix_caching = options.kv_cache.prefix_caching;
    scheduler.asynchronous = setup_.resources.asynchronous && !plain && !exchange;
    scheduler.in_flight_batches = made.in_flight_batches;
    scheduler.pipeline = setup_.pipeline;
    scheduler.role = role;
    scheduler.preemption = options.preemption;
    scheduler.host_blocks = setup_.resources.kv.host_blocks;
    return made;
  }

  Scheduler& scheduler_at(const Place& place) {
    return replicas_[place.replica]->scheduler(place.rank);
  }
  std::uint64_t engine_event(std::size_t replica) const { return 1 + replica; }
  std::uint64_t transfer_event(RequestId id) const { return 1 + replicas_.size() + id; }
  void push(SimTime at, std::uint64_t id) { queue_.push(event_key(at, id)); }

  void handle(SimTime now, std::uint64_t id) {
    if (id == kArrival) {
      arrive(now);
    } else if (id <= replicas_.size()) {
      advance(id - 1, now);
    } else {
      cache_arrives(static_cast<RequestId>(id - 1 - replicas_.size()), now);
    }
  }

  void arrive(SimTime now) {
    const RequestId id = next_++;
    Request& request = traffic_.requests.list[id];
    request.arrival = now;
    const Place place = route(entry_, id, setup_.options.router);
    request.replica = static_cast<std::uint16_t>(place.replica + place.rank);
    deliver(place, id, now);
    if (traffic_.users == 0 && next_ < traffic_.requests.list.size()) {
      push(traffic_.requests.list[next_].arrival, kArrival);
    }
  }

  void deliver(const Place& place, RequestId id, SimTime now) {
    scheduler_at(place).enqueue(id);
    wake(place.replica, now);
  }

  void wake(std::size_t replica, SimTime now) {
    if (!replicas_[replica]->asleep()) return;
    replicas_[replica]->wake();
    push(now, engine_event(replica));
  }

  Place least_loaded(const std::vector<Place>& places) {
    const auto load = [&](const Place& place) {
      const Scheduler& scheduler = scheduler_at(place);
      return scheduler.running() + scheduler.waiting();
    };
    return *std::ranges::min_element(places, {}, load);
  }

  Place route(const std::vector<Place>& places, RequestId id, RouterPolicy policy) {
    switch (policy) {
      case RouterPolicy::kRoundRobin:
        return places[turn_++ % places.size()];
      case RouterPolicy::kLeastLoaded:
        return least_loaded(places);
      case RouterPolicy::kPrefixAware: {
        // The longest cached beginning; where nobody has one, the least loaded.
        const Place* best = nullptr;
        std::int64_t most = 0;
        for (const Place& place : places) {
          const std::int64_t cached = scheduler_at(place).cached_tokens(id);
          if (cached <= most) continue;
          most = cached;
          best = &place;
        }
        return best ? *best : least_loaded(places);
      }
    }
    return places.front();
  }

  void advance(std::size_t index, SimTime now) {
    Replica& replica = *replicas_[index];
    const SimTime next = replica.advance(now);
    if (next != kNotYet) push(next, engine_event(index));
    if (replica.finished().empty()) return;
    const bool prefill =
        setup_.options.disaggregated && !decode_.empty() &&
        index < static_cast<std::size_t>(setup_.options.disaggregated->prefill_replicas);
    for (const RequestId id : replica.finished()) {
      if (prefill) {
        prefilled(index, id, now);
      } else {
        ended(now);
      }
    }
  }

  // One more request of this user, where there are any left.
  void ended(SimTime now) {
    ++ended_;
    if (traffic_.users == 0) return;
    const std::uint64_t issued = static_cast<std::uint64_t>(traffic_.users) + ended_ - 1;
    if (issued >= traffic_.requests.list.size()) return;
    const Seconds pause = think_.exponential(issued) * traffic_.think_time;
    push(now + to_sim_time(pause), kArrival);
  }

  // Egress of the one and ingress of the other carry one cache at a time.
  void prefilled(std::size_t from, RequestId id, SimTime now) {
    Request& request = traffic_.requests.list[id];
    if (request.output_tokens == 1) {
      request.finish = now;
      replicas_[from]->scheduler(0).release_sent(id);
      ended(now);
      return;
    }
    const Place to = least_loaded(decode_);
    SimTime& out = egress_[from];
    SimTime& in = ingress_[to.replica];
    const SimTime start = std::max({now, out, in});
    const SimTime end =
        start + to_sim_time(setup_.transfer.latency +
                            static_cast<double>(request.prompt_tokens) * setup_.transfer.per_token);
    out = in = end;
    transfer_time_ += end - now;
    sent_.resize(std::max<std::size_t>(sent_.size(), id + 1));
    sent_[id] = {from, to};
    ++transfers_;
    push(end, transfer_event(id));
  }

  void cache_arrives(RequestId id, SimTime now) {
    const Sent& sent = sent_[id];
    Replica& from = *replicas_[sent.from];
    from.scheduler(0).release_sent(id);
    if (!from.scheduler(0).idle()) wake(sent.from, now);
    deliver(sent.to, id, now);
  }

  ServingRun answer() {
    ServingRun run;
    ServingResult& result = run.result;
    result.gpus = setup_.replicas * setup_.gpus_per_replica;
    result.replicas = setup_.replicas;
    result.kv = setup_.resources.kv;
    result.stage_memory = setup_.resources.stages;
    std::vector<const Pipeline*> pipelines;
    SwapCounts swaps;
    for (const auto& replica : replicas_) {
      result.peak_blocks = std::max(
          result.peak_blocks, replica->peak_blocks() / static_cast<std::int64_t>(replica->ranks()));
      result.steps += replica->steps();
      result.step_tokens += replica->tokens();
      for (std::size_t rank = 0; rank < replica->ranks(); ++rank) {
        result.preemptions += replica->scheduler(rank).preemptions();
        result.prefix_hit_tokens += replica->scheduler(rank).hit_tokens();
        swaps.add(replica->scheduler(rank).swaps());
      }
      pipelines.push_back(&replica->pipeline());
      if (setup_.keep_spans) run.spans.push_back(replica->pipeline().spans());
    }
    for (const UseOverTime::Point& point : replicas_.front()->use_over_time().points()) {
      result.cache_over_time.push_back(
          {to_seconds(point.at).base(), static_cast<double>(point.blocks),
           static_cast<double>(point.running), static_cast<double>(point.waiting)});
    }
    result.transfers = transfers_;
    if (transfers_ > 0) {
      result.transfer_s = to_seconds(transfer_time_).base() / static_cast<double>(transfers_);
    }
    measure_requests(traffic_.requests.list, setup_.options.slo, result);
    measure_stages(pipelines, result);
    if (setup_.options.preemption == Preemption::kSwap) result.swap = swapped(swaps, result);
    run.requests = std::move(traffic_.requests.list);
    return run;
  }

  SwapResult swapped(const SwapCounts& swaps, const ServingResult& result) const {
    const KvCapacity& kv = setup_.resources.kv;
    SwapResult out;
    out.out = swaps.out;
    out.in = swaps.in;
    out.recomputed = swaps.recomputed;
    const double block = kv.block_tokens;
    double token = 0;  // of a replica: its stages, each over its tensor group
    for (const double bytes : kv.bytes_per_token_by_stage) token += bytes;
    token *= static_cast<double>(setup_.gpus_per_replica) / setup_.pipeline;
    out.bytes_out = static_cast<double>(swaps.blocks_out) * block * token;
    out.bytes_in = static_cast<double>(swaps.blocks_in) * block * token;
    out.host_capacity_tokens = static_cast<double>(kv.host_blocks) * block;
    out.host_peak_tokens = static_cast<double>(swaps.peak_blocks) * block;
    out.time_s = result.busy_parts_s[static_cast<std::size_t>(StepPart::kSwap)];
    return out;
  }

  struct Sent {
    std::size_t from = 0;
    Place to;
  };

  const ServingSetup& setup_;
  Traffic traffic_;
  RandomStream think_;
  std::vector<std::unique_ptr<Replica>> replicas_;
  std::vector<Place> entry_, decode_;
  std::vector<SimTime> egress_, ingress_;  // when a replica's link is free again
  std::vector<Sent> sent_;                 // by RequestId
  EventQueue queue_;
  std::size_t next_ = 0, turn_ = 0;
  std::uint64_t ended_ = 0;
  std::int64_t transfers_ = 0;
  SimTime transfer_time_ = 0;
};

}  // namespace

ServingRun simulate_serving(const ServingSetup& setup, Traffic traffic) {
  ServingRun refused;
  refused.result.kv = setup.resources.kv;
  refused.result.stage_memory = setup.resources.stages;
  refused.result.gpus = setup.replicas * setup.gpus_per_replica;
  refused.result.replicas = setup.replicas;
  nothing_served(refused.result);
  if (!setup.resources.fits) {
    refused.result.why_not = setup.resources.why_not;
    return refused;
  }
  if (traffic.requests.list.empty()) return refused;
  check_requests(setup.options, traffic.requests.list);
  Simulation simulation(setup, std::move(traffic));
  refused.result.why_not = simulation.never_fits();
  if (!refused.result.why_not.empty()) return refused;
  return simulation.run();
}

}  // namespace plumbline
