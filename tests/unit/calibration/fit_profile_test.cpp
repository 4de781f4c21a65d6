#include "calibration/fit_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "sim/cluster/read_profile.h"
#include "sim/core/diagnostic.h"
#include "sim/kernels/csv_table.h"
#include "sim/kernels/forms.h"
#include "sim/kernels/sha256.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kFolder = std::string(PLUMBLINE_SOURCE_DIR) + "/hardware_profiles";

class EveryFittedProfile : public testing::TestWithParam<std::string> {};

// The committed constants are what the committed samples give, to the byte.
TEST_P(EveryFittedProfile, IsReproducedByteForByteFromItsSamples) {
  const std::string path = kFolder + "/" + GetParam() + ".yaml";
  EXPECT_EQ(fit_profile({path, {}}).text, read_file(path));
}

INSTANTIATE_TEST_SUITE_P(Folder, EveryFittedProfile, testing::ValuesIn(list_devices(kFolder)),
                         [](const auto& info) { return info.param; });

// What docs may claim about shapes nobody measured (sites left out, median and p90).
TEST(FittedProfiles, PredictProductsOfUnseenSitesWithinTheNoiseOfLibraries) {
  struct Case {
    const char* gpu;
    double median, p90;
  };
  for (const Case& c : {Case{"a100_sxm_80g", 0.06, 0.20}, Case{"h100_sxm_80g", 0.045, 0.13},
                        Case{"h200_sxm_141g", 0.045, 0.12}, Case{"b200_sxm_180g", 0.05, 0.15}}) {
    const FitProfileResult result = fit_profile({kFolder + "/" + std::string(c.gpu) + ".yaml", {}});
    ASSERT_FALSE(result.rows.empty());
    EXPECT_EQ(result.rows[0].form, "gemm bf16");
    EXPECT_LT(result.rows[0].cross_validated_median, c.median) << c.gpu;
    EXPECT_LT(result.rows[0].cross_validated_p90, c.p90) << c.gpu;
  }
}

class NewProfile : public testing::Test {
 protected:
  NewProfile() {
    fs::create_directories(folder_ / "samples");
    std::ofstream(profile()) << kHand;
  }
  ~NewProfile() override { fs::remove_all(folder_); }
  std::string profile() const { return (folder_ / "mine.yaml").string(); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  std::string gemm_csv() const {
    GemmFit fit;
    fit.flops = FlopsPerSecond(5e14);
    fit.bytes = BytesPerSecond(2e12);
    fit.t0 = Seconds(5e-6);
    fit.p = 2;
    std::string text = "m,n,k,latency_us\n";
    for (const int m : {1, 64, 1024, 8192}) {
      for (const int n : {512, 2048, 8192}) {
        for (const int k : {512, 2048, 8192}) {
          text += std::to_string(m) + "," + std::to_string(n) + "," + std::to_string(k) + "," +
                  std::to_string(gemm_form(fit, gemm_work("bf16", m, n, k)).base() * 1e6) + "\n";
        }
      }
    }
    return text;
  }

  static constexpr const char* kHand =
      "schema: plumbline.device/1\nname: mine\nmemory_bytes: 100e9\nusable_memory_bytes: 99e9\n"
      "memory_bandwidth: {peak: 3e12, streaming: 2e12}\nmultiprocessors: 100\npower_limit_w: 500\n"
      "kernel_latency_us: 3\npeak_flops: {bf16: 1e15, fp8: 2e15}\n";
  fs::path folder_ = fs::temp_directory_path() /
                     ("plumbline_fit_" +
                      std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
};

TEST_F(NewProfile, TakesSamplesInAndCanBeReadBack) {
  const std::string csv = write("samples/mine_gemm_bf16.csv", gemm_csv());
  const FitProfileResult result = fit_profile({profile(), {csv}});
  EXPECT_EQ(result.text.find(kHand), 0u);
  EXPECT_THAT(result.text, HasSubstr("file: samples/mine_gemm_bf16.csv"));
  EXPECT_THAT(result.text, HasSubstr(sha256_hex(gemm_csv())));
  std::ofstream(profile()) << result.text;
  const DeviceSpec device = read_device(profile());
  EXPECT_TRUE(device.calibrated);
  EXPECT_NEAR(device.gemm.at("bf16").flops.base() / 5e14, 1, 1e-3);
  EXPECT_NEAR(device.gemm.at("bf16").t0.base() / 5e-6, 1, 1e-3);
  EXPECT_EQ(fit_profile({profile(), {}}).text, result.text);
}

TEST_F(NewProfile, ReadsTheDtypeFromTheName) {
  const std::string csv = write("samples/mine_gemm_fp8.csv", gemm_csv());
  EXPECT_THAT(fit_profile({profile(), {csv}}).text, HasSubstr("operation: gemm, dtype: fp8"));
}

TEST_F(NewProfile, FollowsChangedSamplesWithANewChecksum) {
  const std::string csv = write("samples/mine_gemm_bf16.csv", gemm_csv());
  const std::string first = fit_profile({profile(), {csv}}).text;
  std::ofstream(profile()) << first;
  write("samples/mine_gemm_bf16.csv", gemm_csv() + "2,512,512,9.5\n");
  EXPECT_THAT(fit_profile({profile(), {}}).text,
              HasSubstr(sha256_hex(gemm_csv() + "2,512,512,9.5\n")));
}

TEST_F(NewProfile, RefusesSamplesItCannotPlaceOrUse) {
  const std::string odd = write("samples/odd.csv", "a,b\n1,2\n");
  EXPECT_THROW(fit_profile({profile(), {odd}}), InputError);
  const std::string few = write("samples/few_bf16.csv", "m,n,k,latency_us\n1,1,1,1\n");
  EXPECT_THROW(fit_profile({profile(), {few}}), InputError);
  const std::string outside = (fs::temp_directory_path() / "plumbline_outside_gemm.csv").string();
  std::ofstream(outside) << gemm_csv();
  EXPECT_THROW(fit_profile({profile(), {outside}}), InputError);
  fs::remove(outside);
}

}  // namespace
}  // namespace plumbline
