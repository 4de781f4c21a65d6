#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "sim/report/report.h"
#include "tests/unit/report/example_step.h"

namespace plumbline {
namespace {

using Json = nlohmann::json;

Json events(const ExampleStep& example) {
  std::ostringstream out;
  write_chrome_trace(example.input(), out);
  return Json::parse(out.str())["traceEvents"];
}

std::vector<Json> of_phase(const Json& all, const std::string& phase) {
  std::vector<Json> found;
  for (const Json& event : all) {
    if (event["ph"] == phase) found.push_back(event);
  }
  return found;
}

std::int64_t nanoseconds(const Json& us) { return std::llround(us.get<double>() * 1000); }

class EveryKindOfStep : public testing::TestWithParam<ExampleShape> {};

TEST_P(EveryKindOfStep, HasNoTwoSlicesOfAThreadAtTheSameTime) {
  std::map<std::pair<int, int>, std::vector<std::pair<std::int64_t, std::int64_t>>> threads;
  for (const Json& slice : of_phase(events(example_step(GetParam())), "X")) {
    const std::int64_t start = nanoseconds(slice["ts"]);
    EXPECT_GE(slice["dur"].get<double>(), 0);
    threads[{slice["pid"], slice["tid"]}].push_back({start, start + nanoseconds(slice["dur"])});
  }
  ASSERT_FALSE(threads.empty());
  for (auto& entry : threads) {
    auto& slices = entry.second;
    std::sort(slices.begin(), slices.end());
    for (std::size_t i = 1; i < slices.size(); ++i) {
      EXPECT_LE(slices[i - 1].second, slices[i].first)
          << "process " << entry.first.first << ", thread " << entry.first.second;
    }
  }
}

TEST_P(EveryKindOfStep, DrawsAnArrowForEachHopBetweenRanksFromOneOperationToAnother) {
  const ExampleStep example = example_step(GetParam());
  const Json all = events(example);
  std::map<int, Json> starts, ends;
  for (const Json& start : of_phase(all, "s")) {
    EXPECT_TRUE(starts.emplace(start["id"].get<int>(), start).second) << "an id is used twice";
  }
  for (const Json& end : of_phase(all, "f")) {
    EXPECT_TRUE(ends.emplace(end["id"].get<int>(), end).second) << "an id is used twice";
  }
  EXPECT_EQ(static_cast<std::int64_t>(starts.size()), example.step.hops);
  ASSERT_EQ(starts.size(), ends.size());

  std::set<std::tuple<int, int, std::int64_t>> slice_starts;
  for (const Json& slice : of_phase(all, "X")) {
    slice_starts.insert({slice["pid"], slice["tid"], nanoseconds(slice["ts"])});
  }
  for (const auto& entry : starts) {
    ASSERT_TRUE(ends.contains(entry.first));
    const Json& start = entry.second;
    const Json& end = ends[entry.first];
    EXPECT_NE(start["pid"], end["pid"]);
    EXPECT_LT(nanoseconds(start["ts"]), nanoseconds(end["ts"]));
    EXPECT_EQ(start["cat"], end["cat"]);
    EXPECT_EQ(start["name"], end["name"]);
    EXPECT_TRUE(slice_starts.contains({end["pid"], end["tid"], nanoseconds(end["ts"])}));
  }
}

TEST_P(EveryKindOfStep, ShowsEachTransferOnTheSenderAndOnTheReceiver) {
  const ExampleStep example = example_step(GetParam());
  std::int64_t sent = 0, received = 0;
  for (const Json& slice : of_phase(events(example), "X")) {
    sent += slice["cat"] == "send";
    received += slice["cat"] == "receive";
  }
  EXPECT_EQ(sent, example.step.hops);
  EXPECT_EQ(received, example.step.hops);
}

INSTANTIATE_TEST_SUITE_P(
    Reports, EveryKindOfStep,
    testing::Values(ExampleShape{}, ExampleShape{.fold_transfers = true},
                    ExampleShape{.blocking_hops = true}, ExampleShape{.ranks = 1},
                    ExampleShape{.schedule = "interleaved_1f1b", .chunks = 2},
                    ExampleShape{.schedule = "zb_v", .chunks = 2},
                    ExampleShape{.schedule = "dualpipe", .chunks = 2, .microbatches = 20},
                    // Times that are no whole nanoseconds, so that rounding could make overlaps.
                    ExampleShape{.forward_s = 0.0100000012345, .hop_s = 0.0000000016},
                    ExampleShape{.ranks = 64, .microbatches = 64}),
    [](const testing::TestParamInfo<ExampleShape>& info) {
      return "shape_" + std::to_string(info.index);
    });

TEST(ChromeTrace, NamesAProcessPerRankAndAThreadPerStream) {
  std::map<int, std::string> processes;
  std::set<std::string> threads;
  for (const Json& event : of_phase(events(example_step({.ranks = 3})), "M")) {
    if (event["name"] == "process_name") processes[event["pid"]] = event["args"]["name"];
    if (event["name"] == "thread_name") threads.insert(event["args"]["name"]);
  }
  EXPECT_EQ(processes.size(), 3u);
  EXPECT_EQ(processes[0], "rank 0, layers 0-1 +emb");
  EXPECT_EQ(threads, (std::set<std::string>{"compute", "send", "receive", "data-parallel"}));
}

TEST(ChromeTrace, HasASlicePerOperationWithItsStageAndMicrobatch) {
  int operations = 0;
  for (const Json& slice : of_phase(events(example_step({.ranks = 4, .microbatches = 8})), "X")) {
    if (slice["cat"] != "compute" || slice["name"] == "optimizer") continue;
    ++operations;
    const std::string name = slice["name"];
    const std::string stage = std::to_string(slice["args"]["stage"].get<int>());
    const std::string microbatch = std::to_string(slice["args"]["microbatch"].get<int>());
    EXPECT_TRUE(name == stage + "F" + microbatch || name == stage + "B" + microbatch) << name;
  }
  EXPECT_EQ(operations, 4 * 8 * 2);
}

TEST(ChromeTrace, CountsMemoryWhereItWasRecorded) {
  ExampleStep example = example_step({.ranks = 2, .microbatches = 2});
  example.result.training.ranks[1].memory_over_time = {{0.0, 1024}, {0.25, 4096}};
  example.result.training.ranks[0].memory_over_time.clear();

  const auto counters = of_phase(events(example), "C");
  ASSERT_EQ(counters.size(), 2u);
  EXPECT_EQ(counters[1]["pid"], 1);
  EXPECT_EQ(counters[1]["ts"].get<double>(), 250000.0);
  EXPECT_EQ(counters[1]["args"]["bytes"].get<double>(), 4096);
}

TEST(ChromeTrace, OfAStepWithoutTimelineIsEmptyButValid) {
  const Result result;
  const Schedule schedule;
  const LoweredStep step;
  const Timeline timeline;
  std::ostringstream out;
  write_chrome_trace({result, schedule, step, timeline}, out);
  EXPECT_TRUE(Json::parse(out.str())["traceEvents"].empty());
}

}  // namespace
}  // namespace plumbline
