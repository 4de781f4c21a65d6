// Collectives inside one fabric domain from measured tables, between nodes by hierarchical rings.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/cluster/device.h"
#include "sim/kernels/collective_curve.h"
#include "sim/kernels/csv_table.h"
#include "sim/kernels/kernel_times.h"

namespace plumbline {

/// What of the buffer crosses the slowest link of a ring of n: 2(n-1)/n for all-reduce, (n-1)/n
/// for the others. bytes * share / time is the bus bandwidth of nccl-tests.
double ring_share(Collective op, double ranks);

/// "all_reduce", "all_gather", "reduce_scatter", "alltoall" or "custom_all_reduce" (an engine's
/// own kernel), as nccl-tests and sample files call it.
std::optional<Collective> collective_called(std::string_view name);
std::string_view to_string(Collective op);

/// Curves of one operation by ranks, of the rows that a sample file has in half precision: int8
/// moves the same bytes in the same time.
/// @throws InputError for a row whose size, time or group is not above zero, with its line
using CollectiveTable = std::array<std::map<int, CollectiveCurve>, 5>;  ///< by Collective, ranks
CollectiveTable read_collectives(const CsvTable& csv);

/// A group of `ranks` on the full fabric. Latency is linear in the ranks, the hops of a ring; what
/// a byte takes goes by bus bandwidth, geometrically in log2(ranks). Left out, groups of 4 GPUs are
/// met from 2 and 8 within 3.5 to 6.3 % in the median over five GPUs (by bus bandwidth alone: 11 to
/// 18 %), groups of 8 from 2 and 4 within 6 to 10 % (9 to 15 %).
/// @param curves of the operation, not empty
/// @param hop latency of each doubling beyond twice the largest group that was measured
Seconds collective_time(Collective op, const std::map<int, CollectiveCurve>& curves, Bytes bytes,
                        int ranks, Seconds hop);

class CollectiveTimes {
 public:
  CollectiveTimes(const DeviceSpec& device, const LinkSpec& intra_node, const LinkSpec& inter_node);

  /// @param intra, inter what-if factors on the rates inside and between nodes
  KernelPrice price(const CollectiveQuery& query, double intra, double inter) const;
  KernelPrice send_recv(Bytes bytes, bool same_node, bool bidirectional) const;

 private:
  KernelPrice inside(Collective op, Bytes bytes, int ranks) const;
  Seconds by_form(Collective op, Bytes bytes, int ranks) const;

  LinkSpec intra_, inter_;
  CollectiveTable tables_;
  double fabric_ = 1.0;
  bool calibrated_ = false;
};

}  // namespace plumbline
