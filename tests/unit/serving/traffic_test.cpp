// Arrivals and lengths against the moments of their distributions, traces against their rows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "sim/core/diagnostic.h"
#include "tests/unit/serving/serving_fakes.h"

namespace plumbline {
namespace {

using test::at;
using Kind = TrafficOptions::Kind;

TrafficOptions traffic_of(Kind kind, std::int64_t count) {
  TrafficOptions options;
  options.kind = kind;
  options.count = count;
  options.rate_per_s = 10;
  options.prompt.fixed = 100;
  options.output.fixed = 10;
  return options;
}

struct Gaps {
  double mean = 0, cv = 0;
};

Gaps gaps_of(const Traffic& traffic) {
  const auto& list = traffic.requests.list;
  const auto n = static_cast<double>(list.size());
  double sum = 0, squares = 0, last = 0;
  for (const Request& request : list) {
    const double gap = at(request.arrival) - last;
    last = at(request.arrival);
    sum += gap;
    squares += gap * gap;
  }
  const double mean = sum / n;
  return {mean, std::sqrt(squares / n - mean * mean) / mean};
}

// Tolerances are four standard errors of the mean (and, roughly, of the variation) of n gaps.
TEST(Traffic, GapsHaveTheMeanAndVariationThatTheirNameSays) {
  const Gaps poisson = gaps_of(make_traffic(traffic_of(Kind::kPoisson, 40000), 1));
  EXPECT_NEAR(poisson.mean, 0.1, 0.1 * 4 / 200);
  EXPECT_NEAR(poisson.cv, 1, 0.03);
  for (const double cv : {0.0, 0.5, 2.0}) {
    TrafficOptions options = traffic_of(Kind::kGamma, 40000);
    options.coefficient_of_variation = cv;
    const Gaps gamma = gaps_of(make_traffic(options, 1));
    EXPECT_NEAR(gamma.mean, 0.1, 0.1 * cv * 4 / 200 + 1e-12);
    EXPECT_NEAR(gamma.cv, cv, 0.05 * cv + 1e-6);
  }
}

TEST(Traffic, BurstsComeOnlyWhileOnAndAtTheirRate) {
  TrafficOptions options = traffic_of(Kind::kBursts, 20000);
  options.on_s = 2;
  options.off_s = 3;
  const Traffic traffic = make_traffic(options, 2);
  for (const Request& request : traffic.requests.list) {
    EXPECT_LE(std::fmod(at(request.arrival), 5.0), 2.0 + 1e-9);
  }
  EXPECT_NEAR(gaps_of(traffic).mean, 0.1 * 5 / 2, 0.25 * 4 / 141);
}

// A triangle from 0 to 20 a second and back: an eighth of the requests comes in the first half of
// the rise: 2.5 * 10 / 2 of 10 * 20 / 2.
TEST(Traffic, ADiurnalRateFollowsItsCorners) {
  TrafficOptions options = traffic_of(Kind::kDiurnal, 40000);
  options.rates_per_s = {0, 20};
  options.period_s = 10;
  const Traffic traffic = make_traffic(options, 3);
  int early = 0, late = 0;
  for (const Request& request : traffic.requests.list) {
    const double in_cycle = std::fmod(at(request.arrival), 10.0);
    early += in_cycle < 2.5 ? 1 : 0;
    late += in_cycle >= 7.5 ? 1 : 0;
  }
  EXPECT_NEAR(early / 40000.0, 0.125, 4 * std::sqrt(0.125 * 0.875 / 40000));
  EXPECT_NEAR(late / 40000.0, 0.125, 4 * std::sqrt(0.125 * 0.875 / 40000));
  EXPECT_NEAR(gaps_of(traffic).mean, 0.1, 0.1 * 5 / 200);
}

TEST(Traffic, ALognormalLengthHasItsMeanAndIts99thPercentile) {
  TrafficOptions options = traffic_of(Kind::kPoisson, 100000);
  options.prompt.kind = TokenDistribution::Kind::kLognormal;
  options.prompt.mean = 1000;
  options.prompt.p99 = 4000;
  std::vector<double> lengths;
  for (const Request& request : make_traffic(options, 4).requests.list) {
    lengths.push_back(request.prompt_tokens);
  }
  const Percentiles p = percentiles_of(lengths);
  EXPECT_NEAR(p.mean, 1000, 12);
  EXPECT_NEAR(p.p99, 4000, 150);
}

TEST(Traffic, ADrawDoesNotDependOnTheRateOrOnHowManyThereAre) {
  TrafficOptions options = traffic_of(Kind::kPoisson, 10);
  options.prompt = test::uniform(1, 1000);
  const Traffic few = make_traffic(options, 5);
  options.count = 20;
  options.rate_per_s = 20;
  const Traffic more = make_traffic(options, 5);
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(few.requests.list[i].prompt_tokens, more.requests.list[i].prompt_tokens);
    EXPECT_NEAR(at(few.requests.list[i].arrival), 2 * at(more.requests.list[i].arrival), 1e-9);
  }
}

TEST(Traffic, PrefixesAreSharedByTheShareAndSplitOverTheGroups) {
  TrafficOptions options = traffic_of(Kind::kPoisson, 10000);
  options.prefix = PrefixSharing{0.6, 64, 3};
  int with[4] = {};
  for (const Request& request : make_traffic(options, 6).requests.list) ++with[request.prefix];
  EXPECT_NEAR(with[0], 4000, 4 * 49);
  for (int group = 1; group <= 3; ++group) EXPECT_NEAR(with[group], 2000, 4 * 40);
}

class Trace : public testing::Test {
 protected:
  std::string write(const std::string& text) {
    // A file per test: they run at the same time.
    const std::string path = testing::TempDir() +
                             testing::UnitTest::GetInstance()->current_test_info()->name() +
                             "_trace_test.csv";
    std::ofstream(path) << text;
    return path;
  }
  std::string problem_of(const std::string& text) {
    try {
      read_trace(write(text), 1, 0);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  }
};

TEST_F(Trace, OursIsPutInOrderOfArrivalAndScaled) {
  const Requests requests =
      read_trace(write("arrival_s,prompt_tokens,output_tokens,prefix_id,prefix_tokens,session\n"
                       "2.5,100,7,system,64,\n0.5,20,3,,,alice\n3,30,1,system,99,alice\n"),
                 2, 0);
  ASSERT_EQ(requests.list.size(), 3u);
  EXPECT_DOUBLE_EQ(at(requests.list[0].arrival), 1.0);
  EXPECT_EQ(requests.list[0].prefix, 0u);
  EXPECT_EQ(requests.list[1].prompt_tokens, 100);
  EXPECT_EQ(requests.list[1].prefix_tokens, 64);
  EXPECT_EQ(requests.list[2].prefix, requests.list[1].prefix);
  EXPECT_EQ(requests.list[2].prefix_tokens, 30);  // no longer than the prompt
  EXPECT_EQ(requests.list[2].session, requests.list[0].session);
}

TEST_F(Trace, AzuresTimestampsBecomeSecondsSinceTheFirst) {
  const Requests requests =
      read_trace(write("TIMESTAMP,ContextTokens,GeneratedTokens\n"
                       "2023-11-16 23:59:59.7500000,374,44\n2023-11-17 00:00:01.2500000,396,109\n"),
                 1, 0);
  ASSERT_EQ(requests.list.size(), 2u);
  EXPECT_EQ(requests.list[0].arrival, 0);
  EXPECT_NEAR(at(requests.list[1].arrival), 1.5, 1e-6);
  EXPECT_EQ(requests.list[1].output_tokens, 109);
}

TEST_F(Trace, BurstGptsFailedCallsAreLeftOutAndTheLimitCountsTheOthers) {
  const Requests requests = read_trace(
      write("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
            "5,ChatGPT,472,18,490,Conversation log\n6,GPT-4,1087,0,1087,API log\n"
            "45,ChatGPT,417,276,693,Conversation log\n50,ChatGPT,1,1,2,Conversation log\n"),
      1, 2);
  ASSERT_EQ(requests.list.size(), 2u);
  EXPECT_DOUBLE_EQ(at(requests.list[1].arrival), 40);
}

TEST_F(Trace, MooncakesHashesMakePromptsShareTheirBeginning) {
  Requests requests = read_trace(write("timestamp,input_length,output_length,hash_ids\n"
                                       "0,1100,2,\"[46, 47, 48]\"\n3000,1100,2,\"[46, 47, 99]\"\n"),
                                 1, 0);
  ASSERT_EQ(requests.list.size(), 2u);
  EXPECT_DOUBLE_EQ(at(requests.list[1].arrival), 3);
  EXPECT_EQ(requests.list[0].hashes, 3);
  SchedulerSetup setup;
  setup.blocks = 1000;
  Scheduler scheduler(setup, requests);
  scheduler.enqueue(0);
  Batch batch;
  scheduler.schedule(batch);
  EXPECT_EQ(scheduler.cached_tokens(1), 1024);  // two of three hashes, 512 tokens each
}

TEST_F(Trace, TellsItsProblemsWithTheirLines) {
  EXPECT_THAT(problem_of("a,b\n1,2\n"), testing::HasSubstr("trace_test.csv:1:1: "
                                                           "serving.requests.trace: no trace has "
                                                           "these columns"));
  const std::string text =
      problem_of("arrival_s,prompt_tokens,output_tokens\n1,2,3\n-1,2,3\n1,x,3\n1,2\n");
  EXPECT_THAT(text, testing::HasSubstr(":3:1: serving.requests.trace: is no request"));
  EXPECT_THAT(text, testing::HasSubstr(":4:1: serving.requests.trace: is no request"));
  EXPECT_THAT(text, testing::HasSubstr(":5:1: serving.requests.trace: has 2 fields"));
}

TEST(ServingPercentiles, InterpolateLinearlyBetweenOrderStatistics) {
  std::vector<double> samples{4, 1, 3, 2};
  const Percentiles p = percentiles_of(samples);
  EXPECT_DOUBLE_EQ(p.p50, 2.5);
  EXPECT_DOUBLE_EQ(p.p90, 3.7);
  EXPECT_DOUBLE_EQ(p.p99, 3.97);
  EXPECT_DOUBLE_EQ(p.mean, 2.5);
}

}  // namespace
}  // namespace plumbline
