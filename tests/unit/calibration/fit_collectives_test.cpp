// Collectives of a fabric that is known: what the fit finds, and what leaving out can and cannot
// see.
#include "calibration/fit_collectives.h"

#include <gtest/gtest.h>

#include <string>

#include "sim/core/diagnostic.h"

namespace plumbline {
namespace {

/// 4 us and 2 us for each rank beyond two, 300 GB/s on the bus whatever the group; `odd` times as
/// long at 64 kB of 4 ranks.
CollectiveTable known_fabric(double odd = 1) {
  std::string text = "op_name,nccl_dtype,num_gpus,bytes,latency_us\n";
  for (const int ranks : {2, 4, 8}) {
    const double share = ring_share(Collective::kAllGather, ranks);
    for (double bytes = 1000; bytes < 1e9; bytes *= 4) {
      const double time = 4 + 2 * (ranks - 2) + share * bytes / 300e9 * 1e6;
      text += "all_gather,half," + std::to_string(ranks) + "," + std::to_string(bytes) + "," +
              std::to_string(ranks == 4 && bytes == 64000 ? odd * time : time) + "\n";
    }
  }
  return read_collectives(CsvTable::parse(text, "known.csv"));
}

TEST(FitCollectives, FindsLatencyAndBusBandwidthOfEveryGroup) {
  const auto fits = fit_collectives(known_fabric());
  ASSERT_EQ(fits.size(), 3u);
  for (const CollectiveFitResult& fit : fits) {
    EXPECT_EQ(fit.op, Collective::kAllGather);
    EXPECT_NEAR(fit.line.latency.base(), (4 + 2 * (fit.ranks - 2)) * 1e-6, 1e-11) << fit.ranks;
    EXPECT_NEAR(fit.bus_bandwidth.base() / 300e9, 1, 1e-6) << fit.ranks;
    EXPECT_EQ(fit.size_errors.size(), 8u);  // ten sizes without the two ends
    EXPECT_LT(summarize(fit.size_errors).p90_abs, 1e-6) << fit.ranks;
  }
}

TEST(FitCollectives, PredictsAGroupFromTheOthersUpToTwiceTheLargest) {
  const auto fits = fit_collectives(known_fabric());
  EXPECT_TRUE(fits[0].group_errors.empty());  // 2 lies below 4 and 8
  EXPECT_EQ(fits[1].group_errors.size(), 10u);
  EXPECT_LT(summarize(fits[1].group_errors).p90_abs, 1e-6);
  EXPECT_EQ(fits[2].group_errors.size(), 10u);
  EXPECT_LT(summarize(fits[2].group_errors).p90_abs, 1e-6);
}

TEST(FitCollectives, SeesASizeThatItsNeighboursDoNotTell) {
  const ErrorSummary error = summarize(fit_collectives(known_fabric(1.5))[1].size_errors);
  // One of eight is half as slow again; its two neighbours are pulled by it.
  EXPECT_GT(error.p90_abs, 0.15);
  EXPECT_LT(error.median_abs, 0.02);
}

TEST(FitCollectives, NeedsThreeSizesOfAGroup) {
  CollectiveTable table{};
  CollectiveCurve& curve = table[0][2];
  curve.add(Bytes(1e3), Seconds(1e-5));
  curve.add(Bytes(1e6), Seconds(2e-5));
  curve.finish();
  EXPECT_THROW(fit_collectives(table), InputError);
}

}  // namespace
}  // namespace plumbline
