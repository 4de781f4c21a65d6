// Small files in other tools' formats, written for these tests: what is read, converted and
// refused.
#include "calibration/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "calibration/measured_samples.h"
#include "sim/cluster/read_profile.h"
#include "sim/core/diagnostic.h"
#include "sim/kernels/sha256.h"

namespace plumbline {
namespace {

using testing::Contains;
using testing::HasSubstr;

class Import : public testing::Test {
 protected:
  ~Import() override { std::filesystem::remove(path_); }

  ImportResult read(const std::string& text, ImportOptions options = {}) {
    std::ofstream(path_) << text;
    options.path = path_;
    return import_samples(options);
  }
  std::string refusal(const std::string& text, ImportOptions options = {}) {
    try {
      read(text, std::move(options));
    } catch (const InputError& error) {
      return error.what();
    }
    ADD_FAILURE() << "was taken";
    return "";
  }

  const std::string path_ = testing::TempDir() + "/import_" +
                            testing::UnitTest::GetInstance()->current_test_info()->name() + ".txt";
};

std::string devices(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) {
    text += "#  Rank  " + std::to_string(i) +
            " Group  0 Pid   100 on node01 device  0 [0000:04:00] NVIDIA Example GPU\n";
  }
  return text;
}

// 1 MiB in 50 us: 20.97 GB/s of algorithm, 2 * 3/4 of it on the bus of four.
std::string nccl_text(const std::string& program, int ranks, const std::string& rows) {
  return program + "# nThread 1 nGpus 4\n# Using devices\n" + devices(ranks) +
         "#       size         count      type   redop    root     time   algbw   busbw #wrong\n"
         "#        (B)    (elements)                               (us)  (GB/s)  (GB/s)\n" +
         rows + "# Avg bus bandwidth    : 31.46\n";
}
constexpr const char* kReduceRow =
    "     1048576        262144     float     sum      -1    50.00   20.97   31.46      0    51.00 "
    "  "
    "20.56   30.84      0\n";

TEST_F(Import, NcclTextGivesBytesMicrosecondsAndTheNumberOfRanks) {
  const ImportResult result =
      read(nccl_text("# Collective test starting: all_reduce_perf\n", 4, kReduceRow));
  EXPECT_EQ(result.format, "nccl-tests");
  ASSERT_EQ(result.tables.size(), 1u);
  EXPECT_EQ(result.tables[0].csv,
            "op_name,nccl_dtype,num_gpus,bytes,latency_us\nall_reduce,half,4,1048576,50\n");
  EXPECT_EQ(result.hardware, "NVIDIA Example GPU");
  EXPECT_THAT(result.notes, Contains(HasSubstr("measured on float")));
}

TEST_F(Import, NcclWithoutANameIsToldByTheBusShareOrAsksForIt) {
  EXPECT_THAT(read(nccl_text("", 4, kReduceRow)).tables[0].csv, HasSubstr("all_reduce,half,4"));
  // A gather and an exchange share (n-1)/n and reduce nothing.
  const std::string gather =
      nccl_text("", 4, "1048576 65536 float none -1 50.00 20.97 15.73 0 51.00 20.56 15.42 0\n");
  EXPECT_THAT(refusal(gather), HasSubstr("which collective"));
  EXPECT_THAT(read(gather, {.operation = "all_gather"}).tables[0].csv,
              HasSubstr("all_gather,half,4,1048576,50"));
}

TEST_F(Import, NcclFilesThatContradictThemselvesAreRefusedOrConvertedAloud) {
  const char* name = "# Collective test starting: all_reduce_perf\n";
  // Elements where bytes should stand: 262144 of 4 bytes are not 262144 bytes.
  EXPECT_THAT(refusal(nccl_text(name, 4, "262144 262144 float sum -1 50.00 5.24 7.86 0\n")),
              HasSubstr("elements"));
  // Milliseconds: 1 MiB in "0.05" at 20.97 GB/s.
  const ImportResult ms =
      read(nccl_text(name, 4, "1048576 262144 float sum -1 0.05 20.97 31.46 0\n"));
  EXPECT_THAT(ms.tables[0].csv, HasSubstr(",1048576,50\n"));
  EXPECT_THAT(ms.notes, Contains(HasSubstr("milliseconds")));
  // Bus bandwidth in both columns: the ring of 8 devices cannot be that of 4.
  EXPECT_THAT(refusal(nccl_text(name, 8, kReduceRow)), HasSubstr("8 devices"));
  EXPECT_THAT(refusal(nccl_text(name, 4, "1048576 262144 float sum -1 50.00 31.46 31.46 0\n")),
              HasSubstr("column swapped"));
  EXPECT_THAT(refusal(nccl_text(name, 4, "")), HasSubstr("no line of results"));
}

TEST_F(Import, NcclJsonIsTheSameTable) {
  const std::string json = R"({"args": ["./reduce_scatter_perf", "-J", "out.json"],
    "nccl_version": 22703, "config": {"nthreads": 1, "devices": [{"rank": 0, "device_info": "X"},
    {"rank": 1, "device_info": "X"}]}, "results": [{"size": 1048576, "count": 131072,
    "type": "float", "redop": "sum", "root": "-1", "out_of_place": {"time": 50.0, "alg_bw": 20.97,
    "bus_bw": 10.49, "nwrong": 0}, "in_place": {"time": 49.0, "alg_bw": 21.4, "bus_bw": 10.7}}]})";
  EXPECT_EQ(read(json).tables[0].csv,
            "op_name,nccl_dtype,num_gpus,bytes,latency_us\nreduce_scatter,half,2,1048576,50\n");
  EXPECT_THAT(refusal(R"({"results": [{"size": 1}]})"), HasSubstr("no line of results"));
  EXPECT_THAT(refusal("{\"a\": "), HasSubstr("no JSON of nccl-tests"));
}

TEST_F(Import, CutlassKeepsTheFastestKernelOfAShapeAndChecksItsUnits) {
  const std::string head =
      "Problem,Provider,OperationKind,Operation,Disposition,Status,gemm_kind,m,n,k,A,B,C,"
      "batch_count,Bytes,Flops,Runtime,GB/s,GFLOPs\n";
  // 2 * 4096^3 flops in 0.2 ms are 687 TFLOP/s.
  const std::string row = ",success,universal,4096,4096,4096,bf16:row,bf16:column,f32:column,1,";
  const ImportResult result =
      read(head + "1,CUTLASS,gemm,slow,passed" + row + "0,0,0.4,0,343597\n" +
           "1,CUTLASS,gemm,fast,passed" + row + "0,0,0.2,0,687194\n" +
           "2,CUTLASS,gemm,bad,failed,failed,universal,8,8,8,bf16:row,"
           "bf16:column,f32:column,1,0,0,0,0,0\n");
  EXPECT_EQ(result.tables[0].name, "gemm_bf16");
  EXPECT_EQ(result.tables[0].csv, "m,n,k,layout,latency_us\n4096,4096,4096,tn,200\n");
  EXPECT_THAT(result.notes, Contains(HasSubstr("2 kernels on 1 shapes")));
  EXPECT_THAT(refusal(head + "1,CUTLASS,gemm,us,passed" + row + "0,0,200,0,687194\n"),
              HasSubstr("Runtime and GFLOPs differ by a factor of 1e+03"));
}

TEST_F(Import, AIConfiguratorCountsElementsAndMilliseconds) {
  const ImportResult nccl = read(
      "framework,version,device,op_name,kernel_source,nccl_dtype,num_gpus,message_size,latency\n"
      "TRTLLM,1.0,Example,all_reduce,NCCL,half,8,1048576,0.05\n"
      "TRTLLM,1.0,Example,all_reduce,NCCL,int8,8,1048576,0.03\n");
  EXPECT_EQ(nccl.tables[0].csv,
            "op_name,nccl_dtype,num_gpus,bytes,latency_us\nall_reduce,half,8,2097152,50\n"
            "all_reduce,int8,8,1048576,30\n");
  EXPECT_THAT(nccl.notes, Contains(HasSubstr("elements")));
  EXPECT_EQ(nccl.software, "TRTLLM 1.0");

  const std::string gemm =
      "framework,version,device,op_name,kernel_source,gemm_dtype,m,n,k,latency\n";
  const ImportResult two = read(gemm +
                                "V,1,X,gemm,k,bfloat16,4096,4096,4096,0.2\n"
                                "V,1,X,gemm,k,fp8,4096,4096,4096,0.1\n"
                                "V,1,X,gemm,k,bfloat16,4096,4096,4096,0.22\n");
  ASSERT_EQ(two.tables.size(), 2u);
  EXPECT_EQ(two.tables[0].csv, "m,n,k,latency_us\n4096,4096,4096,210\n");  // the median of two
  EXPECT_EQ(two.tables[1].name, "gemm_fp8");
  // Microseconds in the column of milliseconds: 0.7 TFLOP/s is no GPU.
  EXPECT_THAT(refusal(gemm + "V,1,X,gemm,k,bfloat16,4096,4096,4096,200\n"),
              HasSubstr("another unit"));
  const std::string attention =
      "framework,version,device,op_name,kernel_source,batch_size,isl,num_heads,"
      "num_key_value_heads,head_dim,attn_dtype,kv_cache_dtype,step,latency\n";
  EXPECT_EQ(
      read(attention + "V,1,X,generation_attention,k,4,1,32,8,128,bfloat16,bfloat16,1023,0.02\n")
          .tables[0]
          .csv,
      "batch_size,kv_len,num_heads,num_kv_heads,latency_us\n4,1024,32,8,20\n");
  const ImportResult prompt =
      read(attention +
           "V,1,X,context_attention,k,1,4096,32,8,128,bfloat16,bfloat16,0,0.4\n"
           "V,1,X,context_attention,k,1,4096,32,8,64,bfloat16,bfloat16,0,0.4\n");
  EXPECT_EQ(prompt.tables[0].csv,
            "batch_size,isl,num_heads,num_kv_heads,latency_us\n1,4096,32,8,400\n");
  EXPECT_THAT(prompt.notes, Contains(HasSubstr("1 rows left out")));
}

TEST_F(Import, VidurShapesFollowFromTheModelAndTheTensorParallelDegree) {
  const ImportResult mlp = read(
      "time_stats.attn_pre_proj.median,time_stats.mlp_up_proj.median,n_head,n_kv_head,n_embd,"
      "n_expanded_embd,use_gated_mlp,num_tokens,num_tensor_parallel_workers\n"
      "0.5,1.5,64,8,8192,28672,True,4096,2\n");
  EXPECT_EQ(mlp.tables[0].csv, "m,n,k,latency_us\n4096,5120,8192,500\n4096,28672,8192,1500\n");
  EXPECT_THAT(mlp.notes, Contains(HasSubstr("written as bf16")));
  const ImportResult reduce = read(
      "time_stats.all_reduce.median,rank,num_workers,size,collective,devices_per_node\n"
      "0.2,0,4,16777216,all_reduce,4\n0.05,0,4,1024,all_reduce,4\n0.9,0,8,16777216,all_reduce,4\n");
  EXPECT_EQ(reduce.tables[0].csv,
            "op_name,nccl_dtype,num_gpus,bytes,latency_us\nall_reduce,half,4,16777216,200\n");
  EXPECT_THAT(reduce.notes, Contains(HasSubstr("below 3 MB")));
}

TEST_F(Import, PlainTablesAreReadByNameAndTheirDtypeByThePeakThatMfuImplies) {
  // m, k, n as one public collection has them: 2 * 4096 * 2048 * 1024 flops in 100 us at an mfu of
  // 0.5805 imply 296 TFLOP/s, twice the bf16 peak of 148.
  const std::string rows = "4096,1024,2048,100,0.5805\n";
  const ImportResult table = read("m,k,n,latency_us,mfu\n" + rows, {.peak_flops = 148e12});
  EXPECT_EQ(table.tables[0].name, "gemm_fp8");
  EXPECT_EQ(table.tables[0].csv, "m,n,k,latency_us\n4096,2048,1024,100\n");
  EXPECT_THAT(table.notes, Contains(HasSubstr("m, k, n")));
  EXPECT_THAT(refusal("m,k,n,latency_us,mfu\n" + rows, {.dtype = "bf16", .peak_flops = 148e12}),
              HasSubstr("its mfu is of the fp8 peak"));
  EXPECT_THAT(refusal("m,k,n,latency_us,mfu\n" + rows, {.peak_flops = 990e12}),
              HasSubstr("another GPU"));
  EXPECT_THAT(refusal(rows), HasSubstr("no header"));
  EXPECT_THAT(read(rows, {.dtype = "fp8", .header = "m,k,n,latency_us,mfu"}).tables[0].csv,
              HasSubstr("4096,2048,1024,100"));
  EXPECT_THAT(refusal("m,n,k,latency\n4096,2048,1024,100\n"), HasSubstr("carries its unit"));
  EXPECT_THAT(refusal("m,n,k,latency_us\n4096,2048,1024,100\n"), HasSubstr("dtype"));
}

TEST_F(Import, ATraceTiesKernelsToTheOperatorsThatLaunchedThem) {
  const std::string head = R"({"deviceProperties": [{"name": "Example"}], "traceEvents": [)";
  const std::string mm =
      R"({"ph":"X","cat":"cpu_op","name":"aten::mm","ts":1,"dur":5,"args":{"External id":7,
      "Input Dims":[[4096,8192],[8192,1024]],"Input type":["c10::BFloat16","c10::BFloat16"]}},)";
  const std::string addmm =
      R"({"ph":"X","cat":"cpu_op","name":"aten::addmm","ts":9,"dur":5,"args":{"External id":8,
      "Input Dims":[[1024],[4096,8192],[8192,1024]],"Input type":["float","float","float"]}},)";
  const std::string kernels =
      R"({"ph":"X","cat":"kernel","name":"gemm","ts":2,"dur":90,"args":{"External id":7}},
         {"ph":"X","cat":"kernel","name":"splitk","ts":3,"dur":10,"args":{"External id":7}},
         {"ph":"X","cat":"kernel","name":"gemm","ts":4,"dur":400,"args":{"External id":8}},
         {"ph":"X","cat":"kernel","name":"ncclDevKernel_AllGather","ts":6,"dur":300,"args":{
          "External id":9,"Collective name":"_allgather_base","In msg nelems":2097152,
          "Out msg nelems":16777216,"Group size":8,"dtype":"BFloat16"}}]})";
  const ImportResult result = read(head + mm + addmm + kernels);
  EXPECT_EQ(result.format, "kineto");
  ASSERT_EQ(result.tables.size(), 3u);
  EXPECT_EQ(result.tables[0].csv, "m,n,k,latency_us\n4096,1024,8192,100\n");
  EXPECT_EQ(result.tables[1].name, "gemm_fp32");
  EXPECT_EQ(result.tables[2].csv,
            "op_name,nccl_dtype,num_gpus,bytes,latency_us\nall_gather,half,8,33554432,300\n");
  EXPECT_EQ(result.hardware, "Example");
  std::string shapeless = mm;
  shapeless.replace(shapeless.find("\"Input Dims\""), 12, "\"Other\"");
  EXPECT_THAT(refusal(head + shapeless + kernels), HasSubstr("record_shapes=True"));
}

TEST_F(Import, WhatItWritesIsWhatCheckReadsAndItsProvenanceNamesTheSource) {
  const std::string text = "m,n,k,latency_us\n4096,2048,1024,100\n";
  const ImportResult result = read(text, {.dtype = "bf16"});
  const std::string csv = testing::TempDir() + "/imported_gemm_bf16.csv";
  std::ofstream(csv) << result.tables[0].csv;
  const DeviceSpec device =
      read_device(std::string(PLUMBLINE_SOURCE_DIR) + "/hardware_profiles/h100_sxm_80g.yaml");
  const MeasuredFile measured = read_measured(csv, device);
  ASSERT_EQ(measured.samples.size(), 1u);
  EXPECT_EQ(measured.samples[0].operation, "gemm_bf16");
  const std::string yaml = import_provenance(result, "dir/x.csv", {"imported_gemm_bf16.csv"});
  EXPECT_THAT(yaml, HasSubstr("file: \"x.csv\""));
  EXPECT_THAT(yaml, HasSubstr(sha256_hex(text)));
  EXPECT_THAT(yaml, HasSubstr("imported_gemm_bf16.csv: {rows: 1"));
  std::filesystem::remove(csv);
}

}  // namespace
}  // namespace plumbline
