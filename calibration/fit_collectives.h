// Measured collectives -> Hockney's line per operation and group size, and how far prices are off
// at message sizes and group sizes that nobody measured.
#pragma once

#include <vector>

#include "calibration/fit_kernels.h"
#include "sim/kernels/collective_times.h"

namespace plumbline {

struct CollectiveFitResult {
  Collective op = Collective::kAllReduce;
  int ranks = 0;
  /// latency + bytes / bandwidth, bytes as nccl-tests count them; `form` is the line's own error.
  LinkFit line;
  BytesPerSecond bus_bandwidth;     ///< of the line: bandwidth times the ring's share
  Bytes smallest, largest;          ///< that were measured
  std::vector<double> size_errors;  ///< predicted / measured - 1, every size but the ends left out
  std::vector<double>
      group_errors;  ///< the same from the other groups; empty: they do not reach it
};

/// In the order of the operations, then of ranks. What is predicted is what a run is priced by
/// (CollectiveCurve, collective_time).
/// @throws InputError for a group with fewer than three sizes
std::vector<CollectiveFitResult> fit_collectives(const CollectiveTable& table);

}  // namespace plumbline
