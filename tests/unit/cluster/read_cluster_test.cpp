#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "sim/cluster/read_profile.h"

namespace plumbline {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::string kFolder = std::string(PLUMBLINE_SOURCE_DIR) + "/hardware_profiles";

struct Reading {
  Cluster cluster;
  std::vector<std::string> problems;
  std::vector<std::string> assumptions;
};

Reading read(const std::string& yaml, const std::string& base = ".") {
  Reading reading;
  Diagnostics out;
  const YamlNode root = YamlNode::parse("cluster: " + yaml, "a.yaml", out);
  reading.cluster = read_cluster(root.child("cluster"), kFolder, base, out, &reading.assumptions);
  for (const Diagnostic& d : out.list()) reading.problems.push_back(to_string(d));
  return reading;
}

TEST(ReadCluster, TakesAMapOfNames) {
  const Reading r = read(
      "{gpu: a100_sxm_80g, gpus_per_node: 8, nodes: 8, intra_node: nvlink3,"
      " inter_node: ib_hdr200, nics_per_node: 4, power_limit_w: 300}");
  EXPECT_THAT(r.problems, IsEmpty());
  EXPECT_EQ(r.cluster.device.name, "a100_sxm_80g");
  EXPECT_EQ(r.cluster.gpus(), 64);
  EXPECT_EQ(r.cluster.nics_per_node, 4);
  EXPECT_EQ(r.cluster.gpus_per_nvlink_domain, 8);
  EXPECT_EQ(r.cluster.power_limit_w, 300.0);
  EXPECT_EQ(r.cluster.inter_node.name, "ib_hdr200");
}

TEST(ReadCluster, StatesTheDefaultsItTook) {
  const Reading r =
      read("{gpu: h100_sxm_80g, nodes: 2, intra_node: nvlink4, inter_node: ib_ndr400}");
  EXPECT_THAT(r.assumptions, testing::UnorderedElementsAre("cluster: 8 GPUs per node",
                                                           "cluster: 8 GPUs in an NVLink domain",
                                                           "cluster: a NIC per GPU"));
}

TEST(ReadCluster, TakesANamedClusterAndKeepsWhatIsOverridden) {
  const Reading r = read("{name: selene, nodes: 64}");
  EXPECT_THAT(r.problems, IsEmpty());
  EXPECT_EQ(r.cluster.gpus(), 512);
  EXPECT_EQ(r.cluster.device.name, "a100_sxm_80g");
  EXPECT_EQ(r.cluster.name, "selene");
}

TEST(ReadCluster, KnowsTheNvl72Rack) {
  const Reading r = read("gb200_nvl72");
  EXPECT_THAT(r.problems, IsEmpty());
  EXPECT_EQ(r.cluster.gpus(), 72);
  EXPECT_EQ(r.cluster.gpus_per_nvlink_domain, 72);
}

TEST(ReadCluster, NeedsNoNetworkForOneNode) {
  const Reading r = read("{gpu: h100_sxm_80g, nodes: 1, intra_node: nvlink4}");
  EXPECT_THAT(r.problems, IsEmpty());
}

TEST(ReadCluster, SuggestsTheNearestNameAndListsTheOthers) {
  const Reading r =
      read("{gpu: h100_sxm_80gb, nodes: 1, intra_node: nvlink9, inter_node: ib_ndr400}");
  ASSERT_THAT(r.problems, SizeIs(2));
  EXPECT_THAT(r.problems[0],
              HasSubstr("a.yaml:1:16: cluster.gpu: no GPU is called 'h100_sxm_80gb'"));
  EXPECT_THAT(r.problems[0], HasSubstr("did you mean 'h100_sxm_80g'?"));
  EXPECT_THAT(r.problems[0], HasSubstr("mi300x_192g"));
  EXPECT_THAT(r.problems[1], HasSubstr("no link is called 'nvlink9'"));
}

TEST(ReadCluster, RefusesUnknownKeysAndMissingOnes) {
  const Reading r = read("{gpus: h100_sxm_80g, nodes: 2, intra_node: nvlink4}");
  EXPECT_THAT(r.problems, testing::Contains(HasSubstr("unknown key")));
  EXPECT_THAT(r.problems, testing::Contains(HasSubstr("cluster.gpu: is missing")));
  EXPECT_THAT(r.problems, testing::Contains(HasSubstr("cluster.inter_node: is missing")));
}

TEST(ReadCluster, RefusesADomainThatCutsANode) {
  const Reading r = read(
      "{gpu: h100_sxm_80g, nodes: 2, gpus_per_node: 8, gpus_per_nvlink_domain: 6,"
      " intra_node: nvlink4, inter_node: ib_ndr400}");
  ASSERT_THAT(r.problems, SizeIs(1));
  EXPECT_THAT(r.problems[0], HasSubstr("do not divide each other"));
}

class ProfileFile : public testing::Test {
 protected:
  ProfileFile() { std::filesystem::create_directories(folder_); }
  ~ProfileFile() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() /
      ("plumbline_profile_" +
       std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
};

TEST_F(ProfileFile, MayBeTheUsersOwnByPath) {
  write("mine.yaml",
        "schema: plumbline.device/1\nname: mine\nmemory_bytes: 100e9\nusable_memory_bytes: 99e9\n"
        "memory_bandwidth: {peak: 2e12, streaming: 1.8e12}\nmultiprocessors: 100\n"
        "power_limit_w: 500\nkernel_latency_us: 3\npeak_flops: {bf16: 1e15}\n"
        "stated_gemm: {bf16: {flops_per_s: 7e14, bytes_per_s: 1.8e12, t0_us: 4, p: 2}}\n");
  const Reading r = read("{gpu: mine.yaml, nodes: 1, intra_node: nvlink4}", folder_.string());
  EXPECT_THAT(r.problems, IsEmpty());
  EXPECT_EQ(r.cluster.device.name, "mine");
  EXPECT_EQ(r.cluster.device.gemm.at("bf16").t0.base(), 4e-6);
}

TEST_F(ProfileFile, ReportsEveryProblemAtOnceWithItsPlace) {
  const std::string path = write(
      "bad.yaml",
      "schema: plumbline.device/1\nname: bad\nmemory_bytes: 10e9\nusable_memory_bytes: lots\n"
      "memory_bandwidth: {peak: 2e12, streaming: {value: 1e12, source: nowhere}}\n"
      "multiprocessors: 100\npower_limit_w: 500\nkernel_latency_us: 3\npeak_flops: {bf16: 1e15}\n"
      "kernel_latancy_us: 3\nsamples: [{operation: gem, file: a.csv, sha256: 12}]\n");
  try {
    read_device(path);
    FAIL() << "the profile was accepted";
  } catch (const InputError& error) {
    const std::string text = error.what();
    EXPECT_THAT(text, HasSubstr("bad.yaml:4:22: usable_memory_bytes"));
    EXPECT_THAT(text, HasSubstr("no source is called 'nowhere'"));
    EXPECT_THAT(text, HasSubstr("kernel_latancy_us"));
    EXPECT_THAT(text, HasSubstr("'gemm'"));
    EXPECT_THAT(text, HasSubstr("hexadecimal"));
  }
}

}  // namespace
}  // namespace plumbline
