// From the files of a measuring session to profiles, without a GPU.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "calibration/fit_profile.h"
#include "calibration/measure/design.h"
#include "calibration/measure/record.h"
#include "calibration/measure/session.h"
#include "calibration/measure/synthetic_device.h"
#include "sim/cluster/read_profile.h"
#include "sim/core/diagnostic.h"

namespace plumbline::measure {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// Every file of a session has a place: in a GPU's profile, in a link's, or it is refused by name.
TEST(MeasuredSession, WritesFilesThatAreFittedOrRefusedByName) {
  const SyntheticParameters parameters;
  SyntheticDevice device(parameters);
  const auto sites = design(device.facts(), {.extent = Extent::kQuick, .only = {}});
  std::vector<Measurement> measured;
  SessionSinks sinks;
  sinks.measured = [&](const Measurement& m) { measured.push_back(m); };
  sinks.progress = [](const SessionProgress&) {};
  sinks.stop = [] { return false; };
  run_session(sites, {}, device, {}, sinks);
  const std::string folder = testing::TempDir() + "/plumbline_fitted_session";
  fs::remove_all(folder);
  write_projections(folder + "/samples", "syn", measured, {});
  const std::string profiles = std::string(PLUMBLINE_SOURCE_DIR) + "/hardware_profiles/";
  std::ofstream(folder + "/gpu.yaml") << hand_written(profiles + "h100_sxm_80g.yaml");
  std::ofstream(folder + "/link.yaml") << hand_written(profiles + "pcie5_x16.yaml");
  std::vector<std::string> of_gpu, of_link;
  for (const auto& entry : fs::directory_iterator(folder + "/samples")) {
    const std::string path = entry.path().string();
    if (entry.path().extension() != ".csv" || path.find("raw.csv") != std::string::npos) continue;
    const bool only_checked =
        path.find("held_out") != std::string::npos || path.find("_memory") != std::string::npos;
    if (only_checked) {
      EXPECT_THROW(fit_profile({folder + "/gpu.yaml", {path}}), InputError) << path;
    } else {
      (path.find("_host") != std::string::npos ? of_link : of_gpu).push_back(path);
    }
  }
  std::ranges::sort(of_gpu);
  EXPECT_EQ(of_gpu.size(), 6u);  // bf16 in three layouts, fp8, streaming kernels, overheads
  ASSERT_EQ(of_link.size(), 1u);
  const std::string gpu = fit_profile({folder + "/gpu.yaml", of_gpu}).text;
  std::ofstream(folder + "/gpu.yaml") << gpu;
  const DeviceSpec fitted = read_device(folder + "/gpu.yaml");
  EXPECT_NEAR(fitted.memory_bandwidth_streaming.value.base() / parameters.streaming_bytes_per_s, 1,
              0.05);
  EXPECT_NEAR(fitted.kernel_latency.base() / parameters.kernel_latency_s, 1, 0.5);
  EXPECT_NEAR(fitted.layout_factor.at("nn").value, 1, 0.02);  // the synthetic device has no layouts
  EXPECT_THAT(gpu, HasSubstr("\n  overhead:"));
  const std::string link = fit_profile({folder + "/link.yaml", of_link}).text;
  std::ofstream(folder + "/link.yaml") << link;
  const LinkSpec host = read_link(folder + "/link.yaml");
  EXPECT_NEAR(host.p2p_bandwidth.value.base() / parameters.host_bytes_per_s, 1, 0.02);
  EXPECT_NEAR(host.p2p_latency.value.base() / parameters.host_latency_s, 1, 0.1);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace plumbline::measure
