// Collectives inside one fabric domain from measured tables, between nodes by hierarchical rings.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "sim/cluster/device.h"
#include "sim/kernels/csv_table.h"
#include "sim/kernels/kernel_times.h"

namespace plumbline {

/// What of the buffer crosses the slowest link of a ring of n: 2(n-1)/n for all-reduce, (n-1)/n
/// for the others. bytes * share / time is the bus bandwidth of nccl-tests.
double ring_share(Collective op, double ranks);

class CollectiveTimes {
 public:
  CollectiveTimes(const DeviceSpec& device, const LinkSpec& intra_node, const LinkSpec& inter_node);

  /// @param intra, inter what-if factors on the rates inside and between nodes
  KernelPrice price(const CollectiveQuery& query, double intra, double inter) const;
  KernelPrice send_recv(Bytes bytes, bool same_node, bool bidirectional) const;

 private:
  /// Times of one collective on one group size by bytes, natural logarithms.
  struct Curve {
    std::vector<double> log_bytes, log_seconds;
  };

  void read_table(const CsvTable& csv);
  KernelPrice inside(Collective op, Bytes bytes, int ranks) const;
  Seconds on_curve(const Curve& curve, Bytes bytes) const;
  Seconds on_full_fabric(const Curve& curve, Bytes bytes) const;
  Seconds by_form(Collective op, Bytes bytes, int ranks) const;

  LinkSpec intra_, inter_;
  std::array<std::map<int, Curve>, 5> tables_;  ///< by Collective, then ranks
  double fabric_ = 1.0;
  bool calibrated_ = false;
};

}  // namespace plumbline
