#include "sim/kernels/collective_times.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/core/diagnostic.h"
#include "tests/unit/kernels/test_device.h"

namespace plumbline {
namespace {

constexpr double kMillion = 1e6;

CollectiveTimes by_form() {
  return {simple_device(), simple_link("fabric", 100, 3), simple_link("network", 10, 5)};
}

// 2 GPUs: 10 us + bytes/50 GB/s at two sizes; 8 GPUs twice the bus bandwidth at the larger one.
CollectiveTimes by_table(const SampleFolder& folder) {
  DeviceSpec device = simple_device();
  SampleFile file = folder.write("collective", "",
                                 "op_name,nccl_dtype,num_gpus,bytes,latency_us\n"
                                 "all_reduce,half,2,1000000,100\nall_reduce,half,2,100000000,1000\n"
                                 "all_reduce,half,8,1000000,150\nall_reduce,half,8,100000000,1200\n"
                                 "all_reduce,int8,8,100000000,999999\n");
  file.link = "fabric";
  device.samples = {file};
  return {device, simple_link("fabric", 100, 3), simple_link("network", 10, 5)};
}

double time(const CollectiveTimes& times, Collective op, double bytes, int ranks, int local,
            double nics = 0) {
  return times.price({op, Bytes(bytes), ranks, local, nics}, 1, 1).burst.base();
}

TEST(RingShare, IsWhatNcclTestsDivideBusBandwidthBy) {
  EXPECT_DOUBLE_EQ(ring_share(Collective::kAllReduce, 8), 1.75);
  EXPECT_DOUBLE_EQ(ring_share(Collective::kAllGather, 8), 0.875);
}

TEST(Collectives, FollowARingWhereNoTableIs) {
  const double bytes = 100 * kMillion;
  EXPECT_NEAR(time(by_form(), Collective::kAllReduce, bytes, 4, 4),
              2 * 3 * 3e-6 + 1.5 * bytes / 100e9, 1e-12);
  EXPECT_NEAR(time(by_form(), Collective::kAllGather, bytes, 4, 4), 3 * 3e-6 + 0.75 * bytes / 100e9,
              1e-12);
}

TEST(Collectives, OfOneRankAreFree) {
  EXPECT_EQ(time(by_form(), Collective::kAllReduce, 1e9, 1, 1), 0);
}

// Lines through by_table's samples: 9 ms over 99 MB for 2 GPUs, 10.5 ms over 99 MB for 8.
constexpr double kPerByte2 = 900e-6 / 99e6, kPerByte8 = 1050e-6 / 99e6;
constexpr double kLatency2 = 100e-6 - 1e6 * kPerByte2, kLatency8 = 150e-6 - 1e6 * kPerByte8;

TEST(Collectives, AnswerMeasuredSizesVerbatimAndBetweenThemByLatencyAndBandwidth) {
  const SampleFolder folder("collective_table");
  const CollectiveTimes times = by_table(folder);
  EXPECT_EQ(time(times, Collective::kAllReduce, 100 * kMillion, 8, 8), 1200 * 1e-6);
  EXPECT_NEAR(time(times, Collective::kAllReduce, 10 * kMillion, 2, 2), 100e-6 + 9e6 * kPerByte2,
              1e-12);
}

TEST(Collectives, ContinueTheLastBandwidthBeyondTheTable) {
  const SampleFolder folder("collective_beyond");
  // From 1 MB to 100 MB: 900 us for 99 MB.
  EXPECT_NEAR(time(by_table(folder), Collective::kAllReduce, 199 * kMillion, 2, 2),
              1000e-6 + 900e-6, 1e-12);
}

TEST(Collectives, BetweenGroupSizesPayForEachRankAndByBusBandwidth) {
  const SampleFolder folder("collective_groups");
  // 4 GPUs are a third of the way from 2 to 8 in ranks, half of it in log2; shares 1, 1.5, 1.75.
  const double latency = kLatency2 + (kLatency8 - kLatency2) / 3;
  const double per_byte = 1.5 * std::sqrt(kPerByte2 / 1.0 * kPerByte8 / 1.75);
  EXPECT_NEAR(time(by_table(folder), Collective::kAllReduce, 100 * kMillion, 4, 4),
              latency + per_byte * 100e6, 1e-12);
}

TEST(Collectives, OfGroupsLargerThanAnyMeasuredPayForEachRankUpToTwiceThenForEachDoubling) {
  const SampleFolder folder("collective_large");
  const CollectiveTimes times = by_table(folder);
  EXPECT_FALSE(times.price({Collective::kAllReduce, Bytes(1e8), 8, 8, 0}, 1, 1).extrapolated);
  const KernelPrice large = times.price({Collective::kAllReduce, Bytes(1e8), 16, 16, 0}, 1, 1);
  EXPECT_TRUE(large.extrapolated);
  const double each = (kLatency8 - kLatency2) / 6;
  EXPECT_NEAR(large.burst.base(), kLatency8 + 8 * each + 1.875 / 1.75 * kPerByte8 * 1e8, 1e-12);
  EXPECT_NEAR(time(times, Collective::kAllReduce, 1e8, 32, 32),
              kLatency8 + 8 * each + 2 * 31.0 / 32 / 1.75 * kPerByte8 * 1e8 + 3e-6, 1e-12);
}

TEST(CollectiveCurve, CarriesWhatTheLineMissesFromSizeToSize) {
  CollectiveCurve curve;
  for (const double bytes : {1e3, 1e4, 1e5, 1e7, 1e8}) {
    curve.add(Bytes(bytes), Seconds((bytes == 1e5 ? 2 : 1) * (10e-6 + bytes / 1e11)));
  }
  curve.finish();
  EXPECT_EQ(curve.at(Bytes(1e5)).base(), 2 * (10e-6 + 1e5 / 1e11));
  // Half way in log(bytes) between a size that misses by this much and one that misses by that.
  const double middle = (curve.log_residual(Bytes(1e5)) + curve.log_residual(Bytes(1e7))) / 2;
  EXPECT_NEAR(curve.log_residual(Bytes(1e6)), middle, 1e-12);
  EXPECT_EQ(curve.at(Bytes(1)), curve.at(Bytes(1e3)));
}

TEST(CollectiveCurve, WithoutALineOfThatKindIsStraightInLogarithms) {
  CollectiveCurve curve;  // twice the bytes in four times the time: a line's latency is below zero
  curve.add(Bytes(1e3), Seconds(1e-6));
  curve.add(Bytes(4e3), Seconds(16e-6));
  curve.finish();
  EXPECT_EQ(curve.seconds_per_byte(), 0);
  EXPECT_NEAR(curve.at(Bytes(2e3)).base(), 4e-6, 1e-15);
}

TEST(CollectiveTable, RefusesWhatNoMeasurementCanBeAndNamesTheLine) {
  const std::string head = "op_name,nccl_dtype,num_gpus,bytes,latency_us\n";
  for (const char* row :
       {"all_reduce,half,0,1024,5\n", "all_reduce,half,2,-1,5\n", "all_reduce,half,2,1024,0\n"}) {
    try {
      read_collectives(CsvTable::parse(head + "all_reduce,half,2,512,5\n" + row, "t.csv"));
      FAIL() << row;
    } catch (const InputError& error) {
      EXPECT_EQ(error.diagnostics()[0].at.line, 3) << row;
    }
  }
}

TEST(Collectives, LeaveANodeOverAllItsMembersNics) {
  const double bytes = 1000 * kMillion;
  // 16 ranks, 8 a node, 2 nodes: 8 NICs of 10 GB/s; two hops of latency for the tree.
  EXPECT_NEAR(time(by_form(), Collective::kAllReduce, bytes, 16, 8),
              2 * 15.0 / 16 * bytes / 80e9 + 2 * 5e-6, 1e-9);
  EXPECT_NEAR(time(by_form(), Collective::kAllReduce, bytes, 16, 8, 2),
              2 * 15.0 / 16 * bytes / 20e9 + 2 * 5e-6, 1e-9);
}

TEST(Collectives, AreBoundByTheFabricWhereTheNetworkIsFaster) {
  CollectiveTimes times(simple_device(), simple_link("fabric", 20, 3),
                        simple_link("network", 100, 5));
  const double bytes = 1000 * kMillion;
  EXPECT_NEAR(time(times, Collective::kAllGather, bytes, 16, 8),
              7 * 3e-6 + 7.0 / 8 * bytes / 20e9 + 5e-6, 1e-9);
}

TEST(Collectives, NeverExceedWhatANodeReaches) {
  LinkSpec network = simple_link("network", 50, 5);
  network.node_collective_cap = BytesPerSecond(40e9);
  CollectiveTimes times(simple_device(), simple_link("fabric", 1000, 3), network);
  const double bytes = 1000 * kMillion;
  EXPECT_NEAR(time(times, Collective::kAllGather, bytes, 16, 8), 15.0 / 16 * bytes / 40e9 + 5e-6,
              1e-9);
}

TEST(Collectives, AnAllToAllSendsTheForeignShareOverItsOwnNic) {
  const double bytes = 160 * kMillion;
  EXPECT_NEAR(time(by_form(), Collective::kAllToAll, bytes, 16, 8), 0.5 * bytes / 10e9 + 5e-6,
              1e-9);
}

TEST(Collectives, GrowWithBytesAndShrinkWithBandwidth) {
  const auto with = [](double network) {
    return CollectiveTimes(simple_device(), simple_link("fabric", 100, 3),
                           simple_link("network", network, 5));
  };
  for (const Collective op : {Collective::kAllReduce, Collective::kAllGather,
                              Collective::kReduceScatter, Collective::kAllToAll}) {
    double before = 0;
    for (double bytes = 1e3; bytes < 1e10; bytes *= 7) {
      const double now = time(with(10), op, bytes, 32, 8);
      EXPECT_GT(now, before);
      EXPECT_LE(time(with(20), op, bytes, 32, 8), now);
      before = now;
    }
  }
}

TEST(Collectives, AThinnerFabricStretchesBytesNotLatency) {
  const SampleFolder folder("collective_fraction");
  DeviceSpec device = simple_device();
  device.fabric_fraction = 0.5;
  SampleFile file = folder.write("collective", "",
                                 "op_name,nccl_dtype,num_gpus,bytes,latency_us\n"
                                 "all_gather,half,8,1000,10\nall_gather,half,8,100000000,1010\n");
  file.link = "fabric";
  device.samples = {file};
  const CollectiveTimes times(device, simple_link("fabric", 100, 3), simple_link("network", 10, 5));
  EXPECT_NEAR(time(times, Collective::kAllGather, 1000, 8, 8), 10e-6, 1e-12);
  EXPECT_NEAR(time(times, Collective::kAllGather, 100 * kMillion, 8, 8), 2010e-6, 1e-12);
}

TEST(SendRecv, IsAlphaPlusBytesOverBeta) {
  const CollectiveTimes times = by_form();
  EXPECT_NEAR(times.send_recv(Bytes(1e6), true, false).burst.base(), 3e-6 + 1e6 / 100e9, 1e-15);
  EXPECT_NEAR(times.send_recv(Bytes(1e6), false, false).burst.base(), 5e-6 + 1e6 / 10e9, 1e-15);
  EXPECT_NEAR(times.send_recv(Bytes(1e6), false, true).burst.base(), 5e-6 + 1.5 * 1e6 / 10e9,
              1e-15);
}

}  // namespace
}  // namespace plumbline
