// A session and a reader that have seen other scenarios answer as new ones do.
#include "sim/run/session.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sim/report/report.h"
#include "sim/scenario/scenario_reader.h"

namespace plumbline {
namespace {

using Point = std::vector<Override>;

const std::string kRoot = PLUMBLINE_SOURCE_DIR;
const std::string kFile = kRoot + "/scenarios/01_first_run.yaml";
const DataFolders kFolders{kRoot + "/models", kRoot + "/hardware_profiles"};

/// The whole result, or the whole error.
template <typename Read, typename Simulate>
std::string outcome(Read&& read, Simulate&& simulate) {
  try {
    Result result = simulate(read()).result;
    result.engine.wall_s = 0;
    return to_json(result);
  } catch (const InputError& error) {
    return error.what();
  }
}

std::string alone(const Point& point) {
  return outcome([&] { return read_scenario(kFile, point, kFolders); },
                 [](const Scenario& scenario) { return simulate(scenario); });
}

/// Asks a reader and a session for all points, twice over.
void expect_same(const std::vector<Point>& points) {
  ScenarioReader reader(kFile, kFolders);
  SimulationSession session;
  for (int round = 0; round < 2; ++round) {
    for (const Point& point : points) {
      std::string what;
      for (const auto& [path, value] : point) what += path + "=" + value + " ";
      EXPECT_EQ(outcome([&] { return reader.read(point); },
                        [&](const Scenario& scenario) { return session.simulate(scenario); }),
                alone(point))
          << what;
    }
  }
}

TEST(SimulationSession, GivesEachPointOfASweepWhatItGetsAlone) {
  std::vector<Point> points;
  for (const char* schedule : {"1f1b", "gpipe", "zb_h1", "{name: interleaved_1f1b}", "pipedream"}) {
    for (const char* length : {"2048", "3072"}) {
      for (const char* recompute : {"none", "{granularity: full, layers_per_stage: 1}"}) {
        points.push_back({{"schedule", schedule},
                          {"training.sequence_length", length},
                          {"training.recompute", recompute}});
      }
    }
  }
  expect_same(points);
}

TEST(SimulationSession, KeepsModelsClustersAndShardingsApart) {
  expect_same({{{"parallelism", "{tensor: 4, pipeline: 8}"}},
               {{"parallelism", "{tensor: 4, pipeline: 8}"}, {"cluster.gpu", "h100_sxm_80g"}},
               {{"cluster.gpu", "h100_sxm_80g"}, {"parallelism.tensor", "8"}},
               {{"cluster.power_limit_w", "500"}},
               {{"cluster.inter_node", "ethernet_100"}},
               {{"cluster.inter_node", "ib_ndr400"}},
               {{"model", "llama3_8b"}},
               {{"model", "mixtral_8x7b"}},
               {{"parallelism", "{tensor: 2, pipeline: 4, zero_stage: 3}"}},
               {{"parallelism", "{tensor: 2, pipeline: 8, zero_stage: 3}"}},
               {{"training.precision", "fp8"}},
               {{"training.pipeline_transfer", "blocking"}},
               {{"training.layers_per_stage", "balanced"}}});
}

TEST(SimulationSession, TakesEveryPowerLimitForItself) {
  // At another limit, at the card's own, without one, on another card, and through a cluster that
  // a later setting replaces, in both orders.
  const Override limit{"cluster.power_limit_w", "350"};
  const Override whole{"cluster", "{name: selene, nodes: 8}"};
  expect_same({{limit},
               {{"cluster.power_limit_w", "250"}},
               {{"cluster.power_limit_w", "400"}},
               {{"cluster.power_limit_w", "-3"}},
               {{"cluster.power_limit_w", "5000"}},
               {},
               {{"cluster.gpu", "h100_sxm_80g"}, limit},
               {{"cluster.gpu", "h100_sxm_80g"}},
               {limit, {"training.precision", "fp16"}},
               {whole, limit},
               {limit, whole},
               {whole}});
}

TEST(SimulationSession, OffloadsWhatThePointAsksForAndNotWhatAnEarlierOneDid) {
  std::vector<Point> points;
  for (const char* share : {"0", "0.5", "1"}) {
    for (const char* validation : {"false", "true"}) {
      points.push_back({{"training.activation_offload", "{share: " + std::string(share) + "}"},
                        {"training.optimizer_post_validation", validation},
                        {"cluster.host_link", "pcie4_x16"}});
    }
  }
  points.push_back({{"cluster.host_link", "pcie4_x16"}});
  expect_same(points);
}

TEST(SimulationSession, GoesOnAfterPointsThatAreInvalid) {
  expect_same({{{"parallelism.pipeline", "2"}},
               {{"parallelism.pipeline", "7"}},
               {{"parallelism.pipeline", "x"}},
               {{"parallelism.pipeline", "{"}},
               {{"parallelism.pipline", "2"}},
               {{"model", "no_such_model"}},
               {{"cluster.gpu", "h1000"}},
               {{"name.first", "x"}},
               {{"parallelism.pipeline", "4"}}});
}

TEST(SimulationSession, MakesOnceWhatPointsShare) {
  ScenarioReader reader(kFile, kFolders);
  SimulationSession session;
  for (int us = 0; us < 10; ++us) {
    session.simulate(reader.read({{"training.host_us_per_layer", std::to_string(us)}}));
  }
  const SimulationSession::Made made = session.made();
  EXPECT_EQ(made.tables, 1);
  EXPECT_EQ(made.schedules, 2);  // the one that is run, and a short one that tells the placement
  EXPECT_EQ(made.layer_settings, 10);
  EXPECT_EQ(made.lowered, 2);
  EXPECT_EQ(made.repriced, 8);
}

TEST(SimulationSession, ReadsSamplesOnceForAllPowerLimits) {
  ScenarioReader reader(kFile, kFolders);
  SimulationSession session;
  for (int watts = 250; watts < 280; ++watts) {
    session.simulate(reader.read({{"cluster.power_limit_w", std::to_string(watts)}}));
  }
  EXPECT_EQ(session.made().tables, 1);
  EXPECT_EQ(session.made().layer_settings, 30) << "prices are those of each limit";
}

}  // namespace
}  // namespace plumbline
