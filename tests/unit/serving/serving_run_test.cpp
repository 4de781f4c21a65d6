// Whole runs whose answer has a closed form, and laws that hold for every run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "models/model_spec.h"
#include "sim/core/rng.h"
#include "sim/engine/event_loop.h"
#include "sim/serving/check_serving.h"
#include "tests/unit/serving/serving_fakes.h"

namespace plumbline {
namespace {

using test::at;
using test::at_once;
using test::Bench;

// P micro-batches on P stages of time t: a token takes a whole round, P t.
TEST(ServingRun, AFullPipelineGivesATokenPerRequestEveryPStageTimes) {
  for (const int stages : {1, 2, 4, 8}) {
    Bench bench;
    bench.pipeline_of(std::vector<double>(static_cast<std::size_t>(stages), 1e-3));
    bench.options.batching.max_num_seqs = stages;
    bench.options.batching.max_num_batched_tokens = 10;  // one prompt to a micro-batch
    const ServingRun run = bench.run(at_once(stages, 10, 101));
    for (const Request& request : run.requests) {
      EXPECT_DOUBLE_EQ(at(request.finish - request.first_token) / 100, stages * 1e-3);
    }
    // Stage s is idle only while the pipeline fills and drains: P - 1 of all its slots.
    const double slots = 101.0 * stages;
    EXPECT_NEAR(run.result.bubble_fraction, (stages - 1) / (slots + stages - 1), 1e-12);
  }
}

TEST(ServingRun, FewerRequestsThanStagesLeaveStagesWithoutWork) {
  Bench bench;
  bench.pipeline_of({1e-3, 1e-3, 1e-3, 1e-3});
  const ServingRun run = bench.run(at_once(1, 10, 1001));
  EXPECT_DOUBLE_EQ(run.result.tpot_s.p50, 4e-3);
  EXPECT_NEAR(run.result.bubble_fraction, 0.75, 1e-3);
  EXPECT_NEAR(run.result.bubble_by_cause[0], run.result.bubble_fraction, 1e-12);
}

TEST(ServingRun, TheSlowestStageSetsThePaceAndTheOthersWaitForIt) {
  Bench bench;
  bench.pipeline_of({1e-3, 1e-3, 2e-3});
  bench.options.batching.max_num_batched_tokens = 10;
  const ServingRun run = bench.run(at_once(3, 10, 1001));
  EXPECT_NEAR(run.result.tpot_s.p50, 3 * 2e-3, 1e-6);
  EXPECT_NEAR(run.result.bubble_fraction, (0.5 + 0.5 + 0) / 3, 2e-3);
  const double imbalance =
      run.result.bubble_by_cause[static_cast<std::size_t>(IdleCause::kStageImbalance)];
  EXPECT_NEAR(imbalance, 1.0 / 3, 5e-3);
}

TEST(ServingRun, WithTheExchangeBeforeTheLaunchThePeriodIsTheSumOverPMinusOnePlusTheHost) {
  Bench bench;
  bench.pipeline_of({1.0e-3, 1.2e-3, 0.8e-3, 1.0e-3});
  bench.prices.host_s = 0.3e-3;
  bench.options.handover = StageHandover::kSynchronous;
  bench.options.batching.max_num_batched_tokens = 10;
  const ServingRun run = bench.run(at_once(3, 10, 2001));
  // Three requests in three micro-batches: a token each every three periods.
  EXPECT_NEAR(run.result.tpot_s.p50 / 3, 4.0e-3 / 3 + 0.3e-3, 1e-9);
}

TEST(ServingRun, ASynchronousEngineShowsItsHostTimeAnAsynchronousOneHidesIt) {
  Bench bench;
  bench.prices.host_s = 0.4e-3;
  EXPECT_NEAR(bench.run(at_once(4, 10, 101)).result.tpot_s.p50, 1.4e-3, 1e-9);
  bench.resources.in_flight_batches = 2;
  bench.resources.asynchronous = true;
  EXPECT_NEAR(bench.run(at_once(4, 10, 101)).result.tpot_s.p50, 1.0e-3, 1e-9);
  bench.prices.host_s = 1.5e-3;  // longer than the step: the host sets the pace
  // (The first token is seen only when the second step has been scheduled: 0.5 ms of 100 steps.)
  EXPECT_NEAR(bench.run(at_once(4, 10, 101)).result.tpot_s.p50, 1.5e-3 - 0.5e-3 / 100, 1e-9);
}

// Four micro-batches on four stages of 1 ms: a token that comes back through a host of 0.4 ms makes
// a round of 4.4 ms, one that the last stage hands to the first a round of 4 ms.
TEST(ServingRun, AnAsynchronousPipelineHandsTokensOnWithoutTheHost) {
  Bench bench;
  bench.pipeline_of({1e-3, 1e-3, 1e-3, 1e-3});
  bench.prices.host_s = 0.4e-3;
  bench.options.batching.max_num_batched_tokens = 10;
  const auto tpot = [&bench](int requests) {
    return bench.run(at_once(requests, 10, 101)).result.tpot_s.p50;
  };
  EXPECT_NEAR(tpot(4), 4.4e-3, 1e-9);
  bench.resources.asynchronous = true;
  bench.resources.in_flight_batches = 5;
  EXPECT_NEAR(tpot(4), 4.0e-3, 1e-5);
  // With fewer micro-batches than stages nothing else can be scheduled before the token is back.
  EXPECT_NEAR(tpot(2), 4.4e-3, 1e-5);
  // Two stages, 0.5 ms from one to the other: the token is back after 1 + 0.5 + 1 + 0.5 ms, when
  // stage 0 has long been free.
  bench.pipeline_of({1e-3, 1e-3});
  bench.resources.in_flight_batches = 3;
  bench.prices.hop_s = 0.5e-3;
  EXPECT_NEAR(tpot(2), 3.0e-3, 1e-5);
}

// One request at a time, every 10 ms, 3 steps of 1 ms each: nobody waits (D/D/1 below saturation);
// every 2 ms with one seat, request i waits i (3 - 2) ms.
TEST(ServingRun, EvenArrivalsToOneSeatWaitAsInDD1) {
  Bench bench;
  bench.options.batching.max_num_seqs = 1;
  for (const double gap : {10e-3, 2e-3}) {
    std::vector<Request> requests;
    for (int i = 0; i < 50; ++i) requests.push_back(Bench::request(i * gap, 8, 3));
    const ServingRun run = bench.run(requests);
    for (int i = 0; i < 50; ++i) {
      const double wait = std::max(0.0, 3e-3 - gap) * i;
      EXPECT_NEAR(at(run.requests[static_cast<std::size_t>(i)].first_token) - i * gap, wait + 1e-3,
                  1e-9);
    }
  }
}

TEST(ServingRun, UsersOfAClosedLoopWaitForTheirAnswers) {
  Bench bench;
  Traffic traffic;
  traffic.users = 4;
  traffic.requests.list = at_once(40, 8, 10);
  const ServingRun run = bench.run(std::move(traffic));
  // 4 users in step: ten rounds of 10 steps.
  EXPECT_NEAR(run.result.duration_s, 10 * 10e-3, 1e-9);
  EXPECT_EQ(run.requests[39].arrival, to_sim_time(Seconds(90e-3)));
}

TEST(ServingRun, LittlesLawHoldsForTheRequestsInTheSystem) {
  Bench bench;
  bench.options.requests.rate_per_s = 300;
  bench.options.requests.count = 20000;
  bench.options.requests.prompt.fixed = 20;
  bench.options.requests.output.kind = TokenDistribution::Kind::kExponential;
  bench.options.requests.output.mean = 30;
  const ServingRun run = bench.run(make_traffic(bench.options.requests, 3));
  // The mean number in the system by sweeping over arrivals and departures, against rate x time.
  std::vector<std::pair<SimTime, int>> events;
  for (const Request& request : run.requests) {
    events.emplace_back(request.arrival, 1);
    events.emplace_back(request.finish, -1);
  }
  std::ranges::sort(events);
  double area = 0, inside = 0;
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    inside += events[i].second;
    area += inside * at(events[i + 1].first - events[i].first);
  }
  EXPECT_NEAR(area / run.result.duration_s, run.result.requests_per_s * run.result.e2e_s.mean,
              1e-6 * area);
  EXPECT_NEAR(run.result.requests_per_s, 300, 10);
}

TEST(ServingRun, ARequestLongerThanThePoolDoesNotFit) {
  Bench bench;
  bench.resources.kv.blocks = 10;
  const ServingRun run = bench.run(at_once(1, 150, 12));  // 161 tokens: 11 blocks
  EXPECT_EQ(run.result.why_not,
            "request 0 needs 11 blocks of the key-value cache, the pool has 10");
}

// What `call` is refused for, as "path: problem".
template <typename Call>
std::vector<std::string> refusals(const Call& call) {
  std::vector<std::string> out;
  try {
    call();
  } catch (const InputError& error) {
    for (const Diagnostic& problem : error.diagnostics()) {
      out.push_back(problem.path + ": " + problem.problem);
    }
  }
  return out;
}

TEST(ServingRun, RequestsThatTheEngineWouldRefuseOrNeverRunAreInputErrors) {
  using testing::AllOf;
  using testing::HasSubstr;
  using testing::StartsWith;
  Bench bench;
  bench.options.batching.max_num_batched_tokens = 64;
  bench.options.batching.chunked_prefill = false;
  std::vector<Request> requests = at_once(3, 32, 8);
  EXPECT_THAT(refusals([&] { bench.run(requests); }), testing::IsEmpty());
  requests.push_back(Bench::request(1, 100, 8));
  EXPECT_THAT(refusals([&] { bench.run(requests); }),
              testing::ElementsAre(AllOf(StartsWith("serving.batching.max_num_batched_tokens: 64"),
                                         HasSubstr("request 3 (100 tokens of prompt, 8 of output)"),
                                         HasSubstr("serving.batching.chunked_prefill"))));
  bench.options.batching.chunked_prefill = true;
  bench.options.max_model_len = 107;
  bench.options.requests.prefix = PrefixSharing{1.0, 101, 1};
  EXPECT_THAT(
      refusals([&] { bench.run(requests); }),
      testing::ElementsAre(StartsWith("serving.max_model_len: 107 is exceeded by request 3"),
                           StartsWith("serving.requests.prefix.tokens: 101 tokens")));
  bench.options.max_model_len = 108;
  bench.options.requests.prefix->tokens = 100;
  EXPECT_EQ(bench.run(requests).result.slo_attainment, 1.0);
}

TEST(ServingRun, ARequestThatNeverFinishesIsNoStatistic) {
  std::vector<Request> requests = at_once(2, 8, 4);
  requests[0].first_token = requests[0].finish = 1;
  EXPECT_THAT(refusals([&] { check_finished(requests); }),
              testing::ElementsAre(testing::StartsWith("serving: 1 of 2 requests never finish; the "
                                                       "first is request 1 (8 tokens")));
  requests[1].first_token = requests[1].finish = 1;
  EXPECT_THAT(refusals([&] { check_finished(requests); }), testing::IsEmpty());
  // A static batch cannot be cut in two: what the plan refuses would wait for ever.
  Bench bench;
  bench.replicas = 2;
  bench.options.disaggregated = Disaggregated{1, 1};
  bench.options.batching.policy = BatchingPolicy::kStatic;
  bench.options.batching.max_num_seqs = 8;
  EXPECT_THAT(refusals([&] { bench.run(at_once(40, 100, 3)); }), testing::SizeIs(1));
  ParallelPlan plan;
  plan.data = 2;
  const auto problems = plan_problems(ModelSpec(), plan, bench.options);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].path, "serving.batching.policy");
}

TEST(ServingPlan, ExpertsAreSharedByReplicasInLockStepAndByNoOthers) {
  ModelSpec mixture;
  mixture.moe.emplace();
  ParallelPlan plan;
  plan.tensor = 2;
  plan.data = 4;
  ServingOptions options;
  const auto path = [&](int expert, bool lock_step) {
    plan.expert = expert;
    options.data_parallel_lock_step = lock_step;
    const auto problems = plan_problems(mixture, plan, options);
    return problems.empty() ? "" : problems[0].path;
  };
  EXPECT_EQ(path(2, false), "");
  EXPECT_EQ(path(8, false), "parallelism.expert");
  EXPECT_EQ(path(8, true), "");
  EXPECT_EQ(path(2, true), "serving.data_parallel_lock_step");
}

// The stages' times are those that the engine's event loop gives the same steps as a graph.
TEST(ServingRun, StagesRunAsTheEngineRunsTheSameStepsAsATaskGraph) {
  Bench bench;
  bench.pipeline_of({1.0e-3, 1.3e-3, 0.9e-3});
  bench.prices.hop_s = 0.05e-3;
  bench.prices.per_token_s = 2e-6;
  bench.keep_spans = true;
  bench.options.requests.rate_per_s = 400;
  bench.options.requests.count = 200;
  bench.options.requests.prompt = test::uniform(1, 900);
  bench.options.requests.output.fixed = 12;
  const ServingRun run = bench.run(make_traffic(bench.options.requests, 1));
  const std::vector<StageSpan>& spans = run.spans.front();
  ASSERT_EQ(spans.size() % 3, 0u);
  // Steps reach stage 0 when the engine decides; from there on the graph says when each runs.
  TaskGraphBuilder builder;
  const SimTime hop = to_sim_time(Seconds(0.05e-3));
  std::vector<TaskId> tasks;
  const ResourceId stages[] = {builder.add_resource(), builder.add_resource(),
                               builder.add_resource()};
  const TaskId origin = builder.add_task(kNoResource, 0);
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const TaskId task = builder.add_task(stages[i % 3], spans[i].end - spans[i].start);
    if (i % 3 == 0) {
      builder.add_edge(origin, task, spans[i].start);
    } else {
      builder.add_edge(tasks[i - 1], task, hop);
    }
    tasks.push_back(task);
  }
  const Timeline timeline = event_loop(std::move(builder).build());
  for (std::size_t i = 0; i < spans.size(); ++i) {
    ASSERT_EQ(timeline.start[tasks[i]], spans[i].start) << "step " << spans[i].step;
  }
}

// Under every policy, pool size, depth and engine: all tokens come out, in order, every block comes
// back, idle time is explained to the picosecond, and the same run again is the same run.
TEST(ServingRun, KeepsItsLawsUnderEveryPolicy) {
  const RandomStream random(11, "laws");
  for (std::uint64_t i = 0; i < 60; ++i) {
    Bench bench;
    const int stages = 1 + static_cast<int>(random.bits(10 * i) % 4);
    bench.pipeline_of(std::vector<double>(static_cast<std::size_t>(stages), 1e-3));
    bench.prices.stage_s.back() = 1.3e-3;
    bench.prices.per_token_s = 3e-6;
    bench.prices.hop_s = 2e-5;
    bench.prices.host_s = 1e-4;
    bench.options.batching.policy = static_cast<BatchingPolicy>(i % 4);
    bench.options.batching.max_num_seqs = 24;
    bench.options.batching.max_num_batched_tokens = 256;
    bench.options.kv_cache.prefix_caching = random.bits(10 * i + 1) % 2 == 0;
    bench.resources.asynchronous = random.bits(10 * i + 2) % 2 == 0;
    if (bench.resources.asynchronous) bench.resources.in_flight_batches = stages + 1;
    bench.resources.kv.blocks = 40 + static_cast<std::int64_t>(random.bits(10 * i + 3) % 100);
    if (i % 5 == 4) bench.options.handover = StageHandover::kSynchronous;
    if (i % 3 == 2) {
      bench.options.preemption = Preemption::kSwap;
      bench.resources.kv.host_blocks = static_cast<std::int64_t>(random.bits(10 * i + 4) % 400);
      bench.resources.kv.bytes_per_token_by_stage.assign(static_cast<std::size_t>(stages), 1);
      bench.prices.swap_per_token_s = 1e-6;
    }
    TrafficOptions& traffic = bench.options.requests;
    traffic.rate_per_s = 200;
    traffic.count = 150;
    traffic.prompt = test::uniform(1, 400);
    traffic.output = test::uniform(1, 60);
    traffic.prefix = PrefixSharing{0.5, 100, 3};

    const ServingRun run = bench.run(make_traffic(traffic, i));
    ASSERT_EQ(run.result.why_not, "");
    std::int64_t least = 0;  // tokens that must have been computed
    for (const Request& request : run.requests) {
      ASSERT_GE(request.first_token, request.arrival);
      ASSERT_GE(request.finish, request.first_token);
      ASSERT_EQ(request.finish == request.first_token, request.output_tokens == 1);
      least += request.prompt_tokens + request.output_tokens - 1;
    }
    const bool padded = bench.options.batching.policy == BatchingPolicy::kStatic;
    const auto& swap = run.result.swap;
    const std::int64_t recomputed = swap ? swap->recomputed : run.result.preemptions;
    const bool exact = recomputed == 0 && !padded;
    if (swap) {
      ASSERT_EQ(swap->out + swap->recomputed, run.result.preemptions);
      ASSERT_LE(swap->in, swap->out);
      ASSERT_LE(swap->host_peak_tokens, swap->host_capacity_tokens);
    }
    const std::int64_t computed = run.result.step_tokens + run.result.prefix_hit_tokens;
    if (exact) {
      ASSERT_EQ(computed, least) << "case " << i;
    } else {
      ASSERT_GE(computed, least) << "case " << i;
    }
    ASSERT_LE(run.result.peak_blocks, bench.resources.kv.blocks);
    const auto& causes = run.result.bubble_by_cause;
    ASSERT_NEAR(std::accumulate(causes.begin(), causes.end(), 0.0), run.result.bubble_fraction,
                1e-9);

    const ServingRun again = bench.run(make_traffic(traffic, i));
    for (std::size_t r = 0; r < run.requests.size(); ++r) {
      ASSERT_EQ(run.requests[r].finish, again.requests[r].finish);
    }
  }
}

}  // namespace
}  // namespace plumbline
