#include "calibration/fit_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <utility>

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

/// calibration/held_out.csv: what every fit errs by on what it has not seen.
std::map<std::string, std::pair<double, double>> stated_errors(const std::string& gpu) {
  const CsvTable csv = CsvTable::parse(
      read_file(std::string(PLUMBLINE_SOURCE_DIR) + "/calibration/held_out.csv"), "held_out.csv");
  std::map<std::string, std::pair<double, double>> errors;
  for (std::size_t row = 0; row < csv.rows(); ++row) {
    if (csv.text(row, csv.column("profile")) != gpu) continue;
    errors[std::string(csv.text(row, csv.column("operation")))] = {
        csv.number(row, csv.column("median")), csv.number(row, csv.column("p90"))};
  }
  return errors;
}

class EveryFittedProfile : public testing::TestWithParam<std::string> {};

// The committed constants are what the committed samples give, to the byte; and no fit errs by more
// than the table of held-out errors says. A change that makes one worse fails here; a change that
// makes one better reprints both with tools/refit-profiles.
TEST_P(EveryFittedProfile, IsReproducedByteForByteAndErrsByWhatTheTableSays) {
  const std::string path = kFolder + "/" + GetParam() + ".yaml";
  const FitProfileResult fit = fit_profile({path, {}});
  EXPECT_EQ(fit.text, read_file(path));
  const auto stated = stated_errors(GetParam());
  EXPECT_EQ(fit.rows.size(), stated.size());
  for (const FittedRow& row : fit.rows) {
    ASSERT_TRUE(stated.count(row.form)) << row.form << " stands in no row of held_out.csv";
    const auto [median, p90] = stated.at(row.form);
    EXPECT_LE(row.cross_validated_median, median + 0.0005 + 1e-12) << row.form;
    EXPECT_LE(row.cross_validated_p90, p90 + 0.0005 + 1e-12) << row.form;
    EXPECT_NEAR(row.cross_validated_median, median, 0.0005 + 1e-12) << row.form << ": reprint it";
  }
}

std::vector<std::string> devices_and_links() {
  std::vector<std::string> names = list_devices(kFolder);
  for (const char* link : {"nvlink3", "nvlink4", "nvlink5", "pcie4_x16", "pcie5_x16"}) {
    names.emplace_back(link);
  }
  return names;
}
INSTANTIATE_TEST_SUITE_P(Folder, EveryFittedProfile, testing::ValuesIn(devices_and_links()),
                         [](const auto& info) { return info.param; });

// What the project aims at, on sites that no fit has seen; what misses its aim stands in
// calibration/README.md with what is known of the cause.
TEST(FittedProfiles, ErrOnUnseenSitesByNoMoreThanTheirAims) {
  struct Case {
    const char *gpu, *operation;
    double median, p90;
  };
  for (const Case& c : {Case{"a100_sxm_80g", "gemm bf16", 0.05, 0.16},
                        Case{"h100_sxm_80g", "attention_decode", 0.03, 0.10},
                        Case{"h200_sxm_141g", "attention_decode", 0.03, 0.10},
                        Case{"h200_sxm_141g", "attention_prefill", 0.04, 0.15},
                        Case{"h100_sxm_80g", "gemm bf16", 0.04, 0.12},
                        Case{"h200_sxm_141g", "gemm bf16", 0.04, 0.12},
                        Case{"b200_sxm_180g", "gemm bf16", 0.05, 0.16},
                        Case{"h100_sxm_80g", "gemm fp8_cutlass", 0.06, 0.20},
                        Case{"h100_sxm_80g", "attention_prefill", 0.04, 0.15},
                        Case{"b200_sxm_180g", "attention_prefill", 0.04, 0.15}}) {
    const auto [median, p90] = stated_errors(c.gpu).at(c.operation);
    EXPECT_LE(median, c.median) << c.gpu << " " << c.operation;
    EXPECT_LE(p90, c.p90) << c.gpu << " " << c.operation;
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

// A custom all-reduce is another kernel than NCCL's: both stand in the profile.
TEST_F(NewProfile, KeepsNcclsCollectivesBesideAnEnginesOwn) {
  const std::string head = "op_name,nccl_dtype,num_gpus,bytes,latency_us\n";
  const auto rows = [](const std::string& name, int slower) {
    std::string text;
    for (int size = 1024; size < 1 << 24; size *= 4) {
      text += name + ",half,8," + std::to_string(size) + "," +
              std::to_string(slower + size / 100000) + "\n";
    }
    return text;
  };
  std::ofstream(profile(), std::ios::app) << "default_links: {intra_node: f, inter_node: n}\n";
  const std::string nccl = write("samples/mine_nccl.csv", head + rows("all_reduce", 15));
  const std::string own =
      write("samples/mine_custom_allreduce.csv", head + rows("custom_all_reduce", 5));
  std::ofstream(profile() + ".first") << fit_profile({profile(), {nccl}}).text;
  fs::rename(profile() + ".first", profile());
  const std::string both = fit_profile({profile(), {own}}).text;
  EXPECT_THAT(both, HasSubstr("mine_nccl.csv"));
  EXPECT_THAT(both, HasSubstr("mine_custom_allreduce.csv"));
  EXPECT_THAT(both, HasSubstr("\n    all_reduce_8:"));
  EXPECT_THAT(both, HasSubstr("\n    custom_all_reduce_8:"));
  // NCCL measured again takes the place of NCCL.
  const std::string again = write("samples/again_nccl.csv", head + rows("all_reduce", 16));
  std::ofstream(profile()) << both;
  const std::string replaced = fit_profile({profile(), {again}}).text;
  EXPECT_EQ(replaced.find("mine_nccl.csv"), std::string::npos);
  EXPECT_THAT(replaced, HasSubstr("mine_custom_allreduce.csv"));
  const std::string mixed =
      write("samples/mixed.csv", head + rows("all_reduce", 15) + rows("custom_all_reduce", 5));
  EXPECT_THROW(fit_profile({profile(), {mixed}}), InputError);
}

// What was measured to be predicted must not come into a fit: by its name, by its column.
TEST_F(NewProfile, RefusesWhatWasHeldOut) {
  std::string with_role = "role," + gemm_csv();
  for (std::size_t at = with_role.find('\n'); at + 1 < with_role.size();
       at = with_role.find('\n', at + 1)) {
    with_role.insert(at + 1, "fit,");
  }
  EXPECT_NO_THROW(fit_profile({profile(), {write("samples/a_gemm_bf16.csv", with_role)}}));
  with_role.replace(with_role.rfind("fit,"), 4, "held_out,");
  const std::vector<std::pair<std::string, std::string>> held_out{
      {"a_gemm_bf16_held_out.csv", gemm_csv()},
      {"a_gemm_bf16_head.csv", gemm_csv()},
      {"a_gemm_bf16_sustained.csv", gemm_csv()},
      {"a_gemm_fp8_split.csv", gemm_csv()},
      {"renamed.csv", with_role}};
  for (const auto& [name, text] : held_out) {
    EXPECT_THROW(fit_profile({profile(), {write("samples/" + name, text)}}), InputError) << name;
  }
}

// Products in NN take 1.1 times, in NT the same plus 3 bytes an output element at 2 TB/s.
TEST_F(NewProfile, FitsLayoutsAgainstTheForwardProducts) {
  GemmFit truth;
  truth.flops = FlopsPerSecond(5e14);
  truth.bytes = BytesPerSecond(2e12);
  truth.t0 = Seconds(5e-6);
  truth.p = 2;
  std::string nn = "layout,accumulate,m,n,k,latency_us\n", nt = nn;
  for (const int m : {1024, 8192}) {
    for (const int n : {512, 2048, 8192}) {
      for (const int k : {512, 2048, 8192}) {
        const double tn = gemm_form(truth, gemm_work("bf16", m, n, k)).base() * 1e6;
        const std::string shape =
            std::to_string(m) + "," + std::to_string(n) + "," + std::to_string(k) + ",";
        nn += "nn,0," + shape + std::to_string(1.1 * tn) + "\n";
        nt += "nt,1," + shape + std::to_string(tn + 3.0 * m * n / 2e12 * 1e6) + "\n";
      }
    }
  }
  const std::string tn = write("samples/mine_gemm_bf16.csv", gemm_csv());
  const FitProfileResult fit = fit_profile({profile(),
                                            {tn, write("samples/mine_gemm_bf16_nn.csv", nn),
                                             write("samples/mine_gemm_bf16_nt.csv", nt)}});
  std::ofstream(profile()) << fit.text;
  const DeviceSpec device = read_device(profile());
  EXPECT_NEAR(device.layout_factor.at("nn").value, 1.1, 1e-3);
  EXPECT_NEAR(device.layout_factor.at("nt").value, 1.0, 1e-3);
  EXPECT_NEAR(device.accumulate_bytes.value, 3.0, 0.01);
  EXPECT_EQ(device.accumulate_bytes.provenance, Provenance::kMeasured);
  EXPECT_EQ(fit_profile({profile(), {}}).text, fit.text);
  EXPECT_THROW(
      fit_profile({profile(), {write("samples/both.csv", nn + nt.substr(nt.find('\n') + 1))}}),
      InputError);
}

TEST_F(NewProfile, TakesStreamingAndLaunchesFromWhatWasMeasured) {
  std::string streaming = "kernel,rows,columns,bytes,latency_us\n";
  for (const char* kernel : {"add", "rope", "swiglu"}) {
    for (double bytes = 1e6; bytes < 1e10; bytes *= 8) {
      streaming += std::string(kernel) + ",1,1," + std::to_string(bytes) + "," +
                   std::to_string(2.5 + bytes / 2.4e12 * 1e6) + "\n";
    }
  }
  // 9 windows spread by 0.1 us: 1.2533 * 0.1 / 2.5631 / 3 / 4 = 0.41 %.
  const std::string overhead =
      write("samples/mine_overhead.csv",
            "kind,latency_us,p10_us,p90_us,windows\nlaunch,4,3.95,4.05,9\ngraph_node,1,0.1,9,1\n");
  const std::string launches = fit_profile({profile(), {overhead}}).text;
  EXPECT_THAT(launches, HasSubstr("launch_us: 0.0041, graph_node_us: unidentified"));
  EXPECT_THAT(launches, HasSubstr("identified: [launch_us]"));
  std::ofstream(profile()) << launches;
  EXPECT_NEAR(read_device(profile()).kernel_latency.base(), 4e-6, 1e-12);
  const std::string streams =
      fit_profile({profile(), {write("samples/mine_elementwise.csv", streaming)}}).text;
  std::ofstream(profile()) << streams;
  const DeviceSpec device = read_device(profile());
  EXPECT_NEAR(device.memory_bandwidth_streaming.value.base() / 2.4e12, 1, 1e-3);
  EXPECT_NEAR(device.kernel_latency.base(), 2.5e-6, 1e-8);
}

TEST_F(NewProfile, OfALinkTakesCopiesAndMessages) {
  const std::string link =
      write("link.yaml",
            "schema: plumbline.link/1\nname: mine\npeak_bytes_per_s: 6e10\np2p_latency_us: 5\n"
            "p2p_bytes_per_s: 4e10\ncollective_bytes_per_s: 3e10\ncollective_latency_us: 5\n");
  const auto copies = [](const char* slow, const char* fast) {
    std::string text = "direction,bytes,latency_us\n";
    for (double bytes = 1024; bytes < 1e9; bytes *= 8) {
      const auto row = [&](const char* way, double rate) {
        text += std::string(way) + "," + std::to_string(bytes) + "," +
                std::to_string(9 + bytes / rate * 1e6) + "\n";
      };
      row(slow, 50e9);
      if (fast) row(fast, 55e9);
      row("bidirectional", 40e9);
    }
    return text;
  };
  std::ofstream(folder_ / "fitted.yaml")
      << fit_profile({link, {write("samples/mine_host.csv", copies("d2h", "h2d"))}}).text;
  LinkSpec read = read_link((folder_ / "fitted.yaml").string());
  EXPECT_NEAR(read.p2p_bandwidth.value.base() / 50e9, 1, 1e-3);  // the slower way
  EXPECT_NEAR(read.p2p_latency.value.base(), 9e-6, 1e-8);
  EXPECT_NEAR(read.bidirectional_slowdown, 1.25, 1e-3);
  EXPECT_TRUE(read.calibrated);
  // NCCL's messages are what a pipeline sends: they go before copies.
  const std::string messages = write(
      "samples/mine_send_recv.csv",
      "rank,num_workers,devices_per_node,bytes,min_us,median_us,max_us\n0,2,2,1000,19,20.04,21\n"
      "0,2,2,1000000,50,60,70\n0,2,2,4000000,150,180,190\n");
  const std::string peers = write("samples/mine_peer.csv", copies("one_way", nullptr));
  std::ofstream(folder_ / "peers.yaml") << fit_profile({link, {peers, messages}}).text;
  read = read_link((folder_ / "peers.yaml").string());
  EXPECT_NEAR(read.p2p_bandwidth.value.base() / 25e9, 1, 1e-3);
  EXPECT_NEAR(read.p2p_latency.value.base(), 20e-6, 1e-7);
  EXPECT_NEAR(read.bidirectional_slowdown, 1.25, 1e-3);
  EXPECT_EQ(fit_profile({(folder_ / "peers.yaml").string(), {}}).text,
            read_file((folder_ / "peers.yaml").string()));
  // A link's samples are no GPU's, and the other way round.
  EXPECT_THROW(fit_profile({profile(), {peers}}), InputError);
  EXPECT_THROW(fit_profile({link, {write("samples/a_gemm_bf16.csv", gemm_csv())}}), InputError);
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
