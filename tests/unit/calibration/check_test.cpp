#include "calibration/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "sim/cluster/read_profile.h"
#include "sim/core/diagnostic.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kFolder = std::string(PLUMBLINE_SOURCE_DIR) + "/hardware_profiles";

TEST(CalibrateCheck, FindsNoErrorInSamplesTheProfileWasFittedTo) {
  const CalibrateCheckReport report = calibrate_check(
      "h100_sxm_80g", kFolder,
      {kFolder + "/samples/h100_gemm_bf16.csv", kFolder + "/samples/h100_nccl.csv"});
  EXPECT_EQ(report.gpu, "h100_sxm_80g");
  const OperationCheck& gemm = report.by_operation.at("gemm_bf16");
  EXPECT_EQ(gemm.error.n, 1485);
  EXPECT_LT(gemm.error.p90_abs, 1e-9);
  EXPECT_EQ(gemm.extrapolated, 0);
  EXPECT_LT(report.by_operation.at("alltoall").error.p90_abs, 1e-9);
  EXPECT_EQ(report.samples, 1485 + 228);
}

TEST(CalibrateCheck, CountsWhatAnotherGpusSamplesLieOutside) {
  const CalibrateCheckReport report =
      calibrate_check("v100_sxm_32g", kFolder, {kFolder + "/samples/a100_attention_decode.csv"});
  const OperationCheck& decode = report.by_operation.at("attention_decode");
  EXPECT_EQ(decode.extrapolated, decode.error.n);
  EXPECT_GT(decode.error.bias, 0.1);  // half of the bandwidth
}

TEST(CalibrateCheck, TakesAProfilesPath) {
  const CalibrateCheckReport report = calibrate_check(kFolder + "/a100_sxm_80g.yaml", kFolder,
                                                      {kFolder + "/samples/a100_nccl.csv"});
  EXPECT_EQ(report.gpu, "a100_sxm_80g");
}

TEST(CalibrateCheck, SuggestsANameForAGpuItDoesNotKnow) {
  try {
    calibrate_check("h100_sxm_80", kFolder, {});
    FAIL() << "an unknown GPU was checked";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'h100_sxm_80g'?"));
  }
}

TEST(CalibrateCheck, PrintsTheKeysOfItsContract) {
  CalibrateCheckReport report;
  report.gpu = "g";
  report.samples = 4;
  report.by_operation["gemm_bf16"] = {{4, 0.25, 0.5, -0.125}, 1};
  report.notes = {"said \"so\""};
  EXPECT_EQ(
      to_json(report),
      "{\n  \"gpu\": \"g\",\n  \"samples\": 4,\n  \"by_operation\": {\n"
      "    \"gemm_bf16\": {\"n\": 4, \"median_abs_error\": 0.25, \"p90_abs_error\": 0.5, "
      "\"bias\": -0.125, \"extrapolated\": 1}\n  },\n  \"notes\": [\"said \\\"so\\\"\"]\n}\n");
  EXPECT_THAT(to_text(report), HasSubstr("gemm_bf16"));
  EXPECT_THAT(to_text(report), HasSubstr("25.0"));
}

}  // namespace
}  // namespace plumbline
