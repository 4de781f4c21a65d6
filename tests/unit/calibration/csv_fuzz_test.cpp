// Damaged sample files by the hundred: reading, fitting or importing one may end in an InputError
// that names the file, and in nothing else. The mutations follow from the round alone, so a failure
// repeats.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

#include "calibration/fit_profile.h"
#include "calibration/import.h"
#include "calibration/measured_samples.h"
#include "sim/cluster/read_profile.h"
#include "sim/core/diagnostic.h"
#include "sim/kernels/csv_table.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

const std::string kProfiles = std::string(PLUMBLINE_SOURCE_DIR) + "/hardware_profiles/";

struct Seed {
  std::string name, text;
};

/// The head and ten rows of every committed sample file, and the layouts that none of them has.
std::vector<Seed> seeds() {
  std::vector<Seed> all{
      {"x_gemm_bf16_nt.csv",
       "layout,accumulate,role,m,n,k,latency_us,p10_us,p90_us,windows,stopped,sm_mhz,power_w\n"
       "nt,1,fit,1024,1024,1024,9,8,10,7,converged,1980,500\n"
       "nt,1,fit,4096,1024,1024,19,18,20,7,converged,1980,500\n"},
      {"x_host.csv",
       "direction,bytes,latency_us,p10_us,p90_us,windows\nh2d,1024,8,8,9,7\nh2d,1048576,30,29,31,"
       "7\n"
       "h2d,4194304,90,89,91,7\nd2h,1024,8,8,9,7\nd2h,1048576,31,29,32,7\nd2h,4194304,95,90,99,"
       "7\n"},
      {"x_peer.csv",
       "direction,bytes,latency_us\none_way,1024,8\none_way,1048576,12\none_way,4194304,20\n"
       "bidirectional,1024,9\nbidirectional,1048576,13\nbidirectional,4194304,24\n"},
      {"x_overhead.csv",
       "kind,latency_us,p10_us,p90_us,windows\nlaunch,2.5,2.4,2.6,9\ngraph_node,1.3,1.2,1.4,9\n"},
      {"x_elementwise.csv",
       "kernel,rows,columns,bytes,latency_us\nadd,64,8192,3145728,4\nadd,128,8192,6291456,6\n"
       "rope,64,8192,2097152,3.4\n"},
      {"x_send_recv.csv",
       "rank,num_workers,devices_per_node,bytes,min_us,median_us,max_us\n0,2,2,1024,8,9,10\n"
       "0,2,2,1048576,11,12,13\n0,2,2,4194304,20,21,22\n"},
      {"mha_decode_h20_32-8-128.csv",
       "dtype,kv_dtype,batch_size,kv_len,latency_us,mfu\nbf16,bf16,4,4096,30,0.1\n"},
      {"gemm_h800_data.csv", "m,k,n,latency_us,mfu\n64,256,512,1,0.00848\n"},
      {"elementwise_llama2_70b_h100.csv",
       "num_tokens,num_tensor_parallel_workers,add_us,act_us\n128,2,5,6\n"},
      {"x_llama31_8b_attention.csv",
       "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n16,0,0,0,5\n0,0,4,512,9\n"}};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(kProfiles + "samples")) {
    if (entry.path().extension() == ".csv") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const fs::path& path : files) {
    const std::string text = read_file(path.string());
    std::size_t end = 0;
    for (int line = 0; line < 11 && end < text.size(); ++line) {
      end = std::min(text.find('\n', end), text.size() - 1) + 1;
    }
    all.push_back({path.filename().string(), text.substr(0, end)});
  }
  return all;
}

/// One or two small damages, of the kinds that people, editors and full disks do.
std::string mutated(std::string text, std::mt19937& random) {
  static const std::vector<std::string> kPieces{",",
                                                "\n",
                                                "\r\n",
                                                ",,",
                                                "-1",
                                                "0",
                                                "1e400",
                                                "nan",
                                                "inf",
                                                "1e9",
                                                "-0",
                                                " ",
                                                "\"",
                                                "\xff",
                                                "nt",
                                                "all_reduce",
                                                "h2d",
                                                "99999999999999999999",
                                                "",
                                                "\n\n",
                                                "1e-9",
                                                "half",
                                                "m",
                                                "role",
                                                std::string(1, '\0')};
  const auto below = [&](std::size_t bound) { return random() % std::max<std::size_t>(bound, 1); };
  for (std::size_t i = 0, count = 1 + below(2); i < count; ++i) {
    const std::size_t at = below(text.size() + 1);
    switch (below(5)) {
      case 0:
        text.insert(at, kPieces[below(kPieces.size())]);
        break;
      case 1:
        text.erase(at, 1 + below(12));
        break;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(random());
        break;
      case 3:
        text.insert(at, text.substr(below(text.size() + 1), below(60)));
        break;
      default: {  // another value in place of a cell
        const std::size_t start = std::min(text.find_first_of(",\n", at), text.size());
        const std::size_t from = std::min(start + 1, text.size());
        const std::size_t stop = std::min(text.find_first_of(",\n", from), text.size());
        text.replace(from, stop - from, kPieces[below(kPieces.size())]);
      }
    }
  }
  return text;
}

class CsvFuzz : public testing::Test {
 protected:
  CsvFuzz() : folder_(fs::temp_directory_path() / ("plumbline_csv_" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
    std::ofstream(folder_ / "gpu.yaml")
        << "schema: plumbline.device/1\nname: mine\nmemory_bytes: 100e9\nusable_memory_bytes: "
           "99e9\n"
           "memory_bandwidth: {peak: 3e12, streaming: 2e12}\nmultiprocessors: 100\n"
           "power_limit_w: 500\nkernel_latency_us: 3\npeak_flops: {bf16: 1e15, fp8: 2e15}\n"
           "default_links: {intra_node: nvlink4, inter_node: ib_ndr400}\n";
    std::ofstream(folder_ / "link.yaml")
        << "schema: plumbline.link/1\nname: mine\npeak_bytes_per_s: 5e10\np2p_latency_us: 5\n"
           "p2p_bytes_per_s: 4e10\ncollective_bytes_per_s: 3e10\ncollective_latency_us: 5\n";
  }
  ~CsvFuzz() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  /// `use` of a seed and of every damaged copy of it.
  void survives(const Seed& seed, unsigned rounds, const std::function<void()>& use) {
    for (unsigned round = 0; round <= rounds; ++round) {
      std::mt19937 random(round);
      const std::string text = round == 0 ? seed.text : mutated(seed.text, random);
      std::ofstream(path(seed.name), std::ios::binary) << text;
      try {
        use();
        ++read_;
      } catch (const InputError& error) {
        ++refused_;
        for (const Diagnostic& problem : error.diagnostics()) {
          EXPECT_FALSE(problem.at.file.empty())
              << seed.name << " round " << round << ": " << to_string(problem) << "\n"
              << text;
        }
      } catch (const std::exception& error) {
        FAIL() << seed.name << " round " << round << ": " << error.what() << "\n" << text;
      }
    }
    fs::remove(path(seed.name));
  }

  fs::path folder_;
  int read_ = 0, refused_ = 0;
};

TEST_F(CsvFuzz, CheckedSamplesHavePricesOrProblems) {
  const DeviceSpec device = read_device(kProfiles + "h100_sxm_80g.yaml");
  const KernelTimes kernels(device, read_link(kProfiles + "nvlink4.yaml"),
                            read_link(kProfiles + "ib_ndr400.yaml"));
  for (const Seed& seed : seeds()) {
    survives(seed, 80, [&] {
      for (const MeasuredSample& sample : read_measured(path(seed.name), device).samples) {
        const Seconds price = sample.price(kernels).burst;
        EXPECT_TRUE(std::isfinite(price.base()) && price > Seconds(0)) << seed.name;
        EXPECT_TRUE(std::isfinite(sample.time.base()) && sample.time > Seconds(0)) << seed.name;
      }
    });
  }
  EXPECT_GT(read_, refused_ / 10);
  EXPECT_GT(refused_, read_ / 10);
}

TEST_F(CsvFuzz, FittedSamplesGiveAProfileThatCanBeReadOrProblems) {
  for (const Seed& seed : seeds()) {
    for (const char* profile : {"gpu.yaml", "link.yaml"}) {
      survives(seed, 30, [&] {
        const std::string text = fit_profile({path(profile), {path(seed.name)}}).text;
        EXPECT_EQ(text.find("nan"), std::string::npos) << seed.name << "\n" << text;
        std::ofstream(path("fitted.yaml")) << text;
        if (std::string(profile) == "gpu.yaml") {
          read_device(path("fitted.yaml"));
        } else {
          read_link(path("fitted.yaml"));
        }
      });
    }
  }
  EXPECT_GT(read_, 100);
  EXPECT_GT(refused_, 100);
}

TEST_F(CsvFuzz, ImportedFilesBecomeSamplesOrProblems) {
  for (const Seed& seed : seeds()) {
    survives(seed, 30, [&] { import_samples({.path = path(seed.name)}); });
  }
  EXPECT_GT(refused_, 0);
}

}  // namespace
}  // namespace plumbline
