// One row of every layout: is it the kernel it says?
#include "calibration/measured_samples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "sim/cluster/read_profile.h"
#include "sim/core/diagnostic.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

const std::string kFolder = std::string(PLUMBLINE_SOURCE_DIR) + "/hardware_profiles/";

class Layouts : public testing::Test {
 protected:
  Layouts() { fs::create_directories(folder_); }
  ~Layouts() override { fs::remove_all(folder_); }

  MeasuredFile read(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return read_measured((folder_ / name).string(), device_);
  }
  Seconds price(const MeasuredSample& sample) const { return sample.price(kernels_).burst; }
  Seconds gemm(const char* dtype, double m, double n, double k) const {
    GemmQuery query;
    query.dtype = dtype;
    query.m = m;
    query.n = n;
    query.k = k;
    return kernels_.gemm(query).burst;
  }

  fs::path folder_ = fs::temp_directory_path() /
                     ("plumbline_layout_" +
                      std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
  DeviceSpec device_ = read_device(kFolder + "h100_sxm_80g.yaml");
  KernelTimes kernels_{device_, read_link(kFolder + "nvlink4.yaml"),
                       read_link(kFolder + "ib_ndr400.yaml")};
};

TEST_F(Layouts, AiconfiguratorsProductsTellTheDtypeByTheirName) {
  const MeasuredFile file = read("gemm_h100_sxm_bfloat16.csv", "m,n,k,latency_us\n64,512,256,5\n");
  ASSERT_EQ(file.samples.size(), 1u);
  EXPECT_EQ(file.samples[0].operation, "gemm_bf16");
  EXPECT_DOUBLE_EQ(file.samples[0].time.base(), 5e-6);
  EXPECT_EQ(price(file.samples[0]), gemm("bf16", 64, 512, 256));
}

TEST_F(Layouts, AServingCollectionsFp8IsPricedByItsOwnLibrary) {
  const MeasuredFile file = read("gemm_h100_sxm_fp8.csv", "m,n,k,latency_us\n64,512,256,5\n");
  EXPECT_EQ(file.samples[0].operation, "gemm_fp8");
  EXPECT_EQ(price(file.samples[0]), gemm("fp8_cutlass", 64, 512, 256));
}

TEST_F(Layouts, InfersimsColumnsAreMKNAndItsMfuTellsTheDtype) {
  // 2 * 64 * 512 * 256 flops in 1 us is 16.78 TFLOP/s: 0.00848 of 1979, the fp8 peak.
  const MeasuredFile file =
      read("gemm_h800_data.csv", "m,k,n,latency_us,mfu\n64,256,512,1,0.00848\n");
  EXPECT_EQ(file.samples[0].operation, "gemm_fp8");
  EXPECT_EQ(price(file.samples[0]), gemm("fp8_cutlass", 64, 512, 256));
}

TEST_F(Layouts, VidursProductsHaveMedians) {
  const MeasuredFile file = read(
      "gemm_h100.csv", "model,op,tp,m,n,k,median_us,std_us\nllama,mlp_up,1,64,512,256,7,0.1\n");
  EXPECT_DOUBLE_EQ(file.samples[0].time.base(), 7e-6);
  EXPECT_EQ(price(file.samples[0]), gemm("bf16", 64, 512, 256));
}

TEST_F(Layouts, OurOwnProductsNameLayoutAndAccumulation) {
  const MeasuredFile file =
      read("mine_gemm_bf16.csv", "m,n,k,layout,accumulate,latency_us\n4096,4096,4096,nt,1,250\n");
  EXPECT_GT(price(file.samples[0]), gemm("bf16", 4096, 4096, 4096));
}

TEST_F(Layouts, PromptsThatRanADecodeKernelAreDecodes) {
  const MeasuredFile file = read("attention_prefill_b200_sxm.csv",
                                 "batch_size,isl,num_heads,num_kv_heads,latency_us,kernel_source\n"
                                 "1,1,8,8,9,trtllmdecode\n1,2048,8,8,50,trtllmprefill\n");
  ASSERT_EQ(file.samples.size(), 2u);
  EXPECT_EQ(file.samples[0].operation, "attention_decode");
  EXPECT_EQ(file.samples[1].operation, "attention_prefill");
  EXPECT_THAT(file.notes, testing::SizeIs(1));
}

TEST_F(Layouts, HeadsStandInTheNameOfInfersimsAttention) {
  const MeasuredFile file =
      read("mha_decode_h20_32-8-128.csv",
           "dtype,kv_dtype,batch_size,kv_len,latency_us,mfu\nbf16,bf16,4,4096,30,0.1\n");
  DecodeQuery query;
  query.batch = 4;
  query.heads = 32;
  query.kv_heads = 8;
  query.kv_tokens = 4096;
  EXPECT_EQ(price(file.samples.at(0)), kernels_.attention_decode(query).burst);
}

TEST_F(Layouts, AFileWithoutItsHeaderIsReadByItsName) {
  const MeasuredFile file = read("mha_decode_h20_64-2-128.csv",
                                 "bf16,bf16.1,1,1024,25.4893,0.009\nbf16,bf16,1,4096,84.6,0.011\n");
  EXPECT_EQ(file.samples.size(), 2u);
}

TEST_F(Layouts, NcclTablesGiveAllFourCollectives) {
  const MeasuredFile file =
      read("nccl_h100_sxm.csv",
           "op_name,nccl_dtype,num_gpus,bytes,latency_us\nall_reduce,half,8,1048576,25\n"
           "all_gather,half,8,1048576,17\nreduce_scatter,half,8,1048576,15\n"
           "alltoall,half,8,1048576,16\n");
  std::vector<std::string> operations;
  for (const MeasuredSample& sample : file.samples) operations.push_back(sample.operation);
  EXPECT_THAT(operations,
              testing::ElementsAre("all_reduce", "all_gather", "reduce_scatter", "alltoall"));
}

TEST_F(Layouts, VidursTransfersCrossNodesWhereANodeHoldsFewer) {
  const char* header = "rank,num_workers,devices_per_node,bytes,min_us,median_us,max_us\n";
  const MeasuredFile file =
      read("h100_dgx_send_recv.csv",
           std::string(header) + "0,2,1,1048576,1,40,99\n0,2,2,1048576,1,10,99\n");
  EXPECT_EQ(file.samples[0].operation, "send_recv");
  EXPECT_EQ(price(file.samples[0]), kernels_.send_recv(Bytes(1048576), false).burst);
  EXPECT_EQ(price(file.samples[1]), kernels_.send_recv(Bytes(1048576), true).burst);
}

TEST_F(Layouts, TrainingAttentionGivesForwardAndBackward) {
  const MeasuredFile file =
      read("h200_attention_training.csv",
           "head_dim_qk,head_dim_vo,causal,seqlen,fwd_tflops,bwd_tflops\n128,128,1,8192,644,541\n");
  ASSERT_EQ(file.samples.size(), 2u);
  EXPECT_NEAR(file.samples[0].time.base(), 1.708e-3, 0.002e-3);  // as its source prints it
  EXPECT_EQ(file.samples[1].operation, "attention_backward");
  EXPECT_NEAR(file.samples[1].time.base(), 5.083e-3, 0.005e-3);
}

TEST_F(Layouts, LayersOfAModelAreProductsAndTraffic) {
  const MeasuredFile file = read("RTX4090_llama31_8b_dense.csv",
                                 "layer,tokens,time_us\nqkv_proj,128,50\nact_fn,128,5\n"
                                 "embedding,128,4\n");
  ASSERT_EQ(file.samples.size(), 2u);
  EXPECT_EQ(price(file.samples[0]), gemm("bf16", 128, 6144, 4096));
  EXPECT_EQ(price(file.samples[1]), kernels_.elementwise(Bytes(6.0 * 14336 * 128)).burst);
  EXPECT_THAT(file.notes, testing::SizeIs(1));  // the embedding
}

TEST_F(Layouts, ElementwiseAndMemoryAreBytes) {
  EXPECT_EQ(read("mine_elementwise.csv", "kernel,bytes,latency_us\nadd,1000000,5\n")
                .samples.at(0)
                .operation,
            "elementwise");
  EXPECT_EQ(
      read("mine_memory.csv", "kind,bytes,latency_us\nd2d,1000000,5\n").samples.at(0).operation,
      "memory");
}

TEST_F(Layouts, AnUnknownLayoutIsAnErrorThatNamesItsColumns) {
  try {
    read("odd.csv", "apples,pears\n1,2\n");
    FAIL() << "an unknown layout was read";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("apples, pears"));
  }
}

}  // namespace
}  // namespace plumbline
