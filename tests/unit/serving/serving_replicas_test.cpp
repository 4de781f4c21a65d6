// Several replicas, and caches that travel: between replicas, or to host memory and back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/serving/serving_fakes.h"

namespace plumbline {
namespace {

using test::at;
using test::at_once;
using test::Bench;

TEST(ServingRun, DisaggregatedPromptsTravelOverTheLinkOneAfterTheOther) {
  Bench bench;
  bench.replicas = 2;
  bench.options.disaggregated = Disaggregated{1, 1};
  bench.transfer = {Seconds(1e-3), Seconds(1e-4)};  // 100 tokens: 11 ms
  const ServingRun run = bench.run(at_once(2, 100, 3));
  EXPECT_EQ(run.result.transfers, 2);
  // Both prompts in one step of 1 ms; caches arrive at 12 and 23 ms, two more tokens take 2 steps.
  EXPECT_NEAR(at(run.requests[0].first_token), 1e-3, 1e-12);
  EXPECT_NEAR(at(run.requests[0].finish), 14e-3, 1e-12);
  EXPECT_NEAR(at(run.requests[1].finish), 25e-3, 1e-12);
}

TEST(ServingRun, ReplicasInLockStepTakeAsLongAsTheSlowest) {
  Bench bench;
  bench.replicas = 2;
  bench.options.data_parallel_lock_step = true;
  bench.prices.per_token_s = 1e-5;
  std::vector<Request> requests{Bench::request(0, 100, 2), Bench::request(0, 300, 2)};
  const ServingRun run = bench.run(requests);
  EXPECT_EQ(run.requests[0].replica, 0);
  EXPECT_EQ(run.requests[1].replica, 1);
  EXPECT_NEAR(at(run.requests[0].first_token), 4e-3, 1e-12);  // with the other's 300 tokens
}

TEST(ServingRun, ReplicasInLockStepMayHaveStages) {
  const auto tpot = [](std::int64_t decodes_at_most) {
    Bench bench;
    bench.pipeline_of({1e-3, 3e-3});
    bench.replicas = 2;
    bench.options.data_parallel_lock_step = true;
    bench.options.batching.max_decodes_per_microbatch = decodes_at_most;
    return bench.run(at_once(4, 1, 41)).result.tpot_s.p50;
  };
  EXPECT_NEAR(tpot(0), 1e-3 + 3e-3, 1e-9) << "both requests of a replica in one step";
  EXPECT_NEAR(tpot(1), 2 * 3e-3, 1e-4) << "a step each: the slowest stage sets the pace";
}

TEST(ServingRun, StagesWaitForWhatIsSwapped) {
  // Both requests hold one block and want a second where there are three: the second goes to the
  // host and comes back, 16 tokens each way.
  const auto finish = [](double per_token, ServingResult* result) {
    Bench bench;
    bench.resources.kv.blocks = 3;
    bench.resources.kv.host_blocks = 8;
    bench.resources.kv.bytes_per_token_by_stage = {10};
    bench.options.preemption = Preemption::kSwap;
    bench.prices.swap_per_token_s = per_token;
    const ServingRun run = bench.run(at_once(2, 16, 20));
    if (result != nullptr) *result = run.result;
    return at(run.requests[1].finish);
  };
  ServingResult result;
  EXPECT_NEAR(finish(1e-3, &result) - finish(0, nullptr), 2 * 16 * 1e-3, 1e-12);
  ASSERT_TRUE(result.swap);
  EXPECT_EQ(result.swap->out, 1);
  EXPECT_EQ(result.swap->in, 1);
  EXPECT_DOUBLE_EQ(result.swap->bytes_out, 160);
  EXPECT_DOUBLE_EQ(result.swap->time_s, 2 * 16 * 1e-3);
  EXPECT_EQ(result.swap->host_peak_tokens, 16);
  EXPECT_EQ(result.preemptions, 1);
}

TEST(ServingRun, RoutersDealInTurnByLoadOrByWhatIsCached) {
  Bench bench;
  bench.replicas = 2;
  std::vector<Request> requests;
  for (int i = 0; i < 4; ++i) {
    requests.push_back(Bench::request(i * 1e-4, 64, i == 0 ? 1000 : 2));
    requests.back().prefix = i == 2 ? 5u : 9u;
    requests.back().prefix_tokens = 48;
  }
  const auto replicas = [&](RouterPolicy router) {
    bench.options.router = router;
    std::vector<int> out;
    for (const Request& request : bench.run(requests).requests) out.push_back(request.replica);
    return out;
  };
  EXPECT_THAT(replicas(RouterPolicy::kRoundRobin), testing::ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(replicas(RouterPolicy::kLeastLoaded), testing::ElementsAre(0, 1, 0, 1));
  // The second and fourth share the first one's beginning, which replica 0 has.
  EXPECT_THAT(replicas(RouterPolicy::kPrefixAware), testing::ElementsAre(0, 0, 1, 0));
}

}  // namespace
}  // namespace plumbline
