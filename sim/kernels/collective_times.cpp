// Inside a domain: measured sizes verbatim, between them and between group sizes by Hockney's line
// and what it misses (collective_curve.h).
//
// Between nodes the group runs one ring per member of a node, so a node's share of the ring leaves
// over all its NICs at once:
//
//   time = max(inside the node, share(n) * bytes / B_node) + hops * latency
//   B_node = min(NICs the group can use * bandwidth of a NIC in a collective, the node's cap)
//
// An all-to-all has no ring: each rank sends (n - local)/n of its buffer out over its NIC share.
// Sizes are nccl-tests': doc/PERFORMANCE.md of NVIDIA/nccl-tests.
#include "sim/kernels/collective_times.h"

#include <algorithm>
#include <cmath>

#include "sim/kernels/samples.h"

namespace plumbline {
namespace {

constexpr std::array kNames{"all_reduce", "all_gather", "reduce_scatter", "alltoall",
                            "custom_all_reduce"};

std::size_t index(Collective op) { return static_cast<std::size_t>(op); }

// A curve's parts at a message size, per rank's share of the ring: groups differ in these.
struct GroupPart {
  double latency, per_byte, log_residual;
};
GroupPart part_of(Collective op, int ranks, const CollectiveCurve& curve, Bytes bytes) {
  return {curve.latency().base(), curve.seconds_per_byte() / ring_share(op, ranks),
          curve.log_residual(bytes)};
}

}  // namespace

double ring_share(Collective op, double ranks) {
  const double share = (ranks - 1) / ranks;
  return op == Collective::kAllReduce || op == Collective::kEngineAllReduce ? 2 * share : share;
}

std::string_view to_string(Collective op) { return kNames[index(op)]; }

std::optional<Collective> collective_called(std::string_view name) {
  const auto it = std::find(kNames.begin(), kNames.end(), name);
  if (it == kNames.end()) return std::nullopt;
  return static_cast<Collective>(it - kNames.begin());
}

CollectiveTable read_collectives(const CsvTable& csv) {
  const std::size_t op = csv.column("op_name"), dtype = csv.column("nccl_dtype"),
                    ranks = csv.column("num_gpus"), bytes = csv.column("bytes"),
                    time = csv.column("latency_us");
  CollectiveTable table;
  for (std::size_t row = 0; row < csv.rows(); ++row) {
    const auto which = collective_called(csv.text(row, op));
    if (csv.text(row, dtype) != "half" || !which) continue;
    table[index(*which)][static_cast<int>(csv.number_in(row, ranks, 2, 1e6))].add(
        Bytes(csv.number_in(row, bytes, 1, 1e15)),
        Seconds(csv.number_in(row, time, 1e-3, 1e12) * 1e-6));
  }
  for (auto& curves : table) {
    for (auto& [unused, curve] : curves) curve.finish();
  }
  return table;
}

Seconds collective_time(Collective op, const std::map<int, CollectiveCurve>& curves, Bytes bytes,
                        int ranks, Seconds hop) {
  const auto same = curves.find(ranks);
  if (same != curves.end()) return same->second.at(bytes);
  const double share = ring_share(op, ranks);
  const auto part = [&](auto it) { return part_of(op, it->first, it->second, bytes); };
  const auto above = curves.upper_bound(ranks);
  GroupPart group{};
  Seconds more;
  if (above == curves.begin()) {
    group = part(above);  // a smaller group than any measured
  } else if (above == curves.end()) {
    const auto most = std::prev(above);
    group = part(most);
    double hops = std::log2(static_cast<double>(ranks) / most->first);
    if (most != curves.begin()) {
      // Each further rank takes what the last ones took, up to the size that has been held out.
      const auto before = std::prev(most);
      const double each =
          std::max(0.0, (group.latency - part(before).latency) / (most->first - before->first));
      more = Seconds(each * (std::min(ranks, 2 * most->first) - most->first));
      hops = std::max(0.0, hops - 1);
    }
    more += hops * hop;
  } else {
    const auto below = std::prev(above);
    const GroupPart low = part(below), high = part(above);
    const double by_rank =
        static_cast<double>(ranks - below->first) / (above->first - below->first);
    const double by_log = std::log2(static_cast<double>(ranks) / below->first) /
                          std::log2(static_cast<double>(above->first) / below->first);
    group.latency = low.latency + by_rank * (high.latency - low.latency);
    group.per_byte = std::pow(low.per_byte, 1 - by_log) * std::pow(high.per_byte, by_log);
    group.log_residual = low.log_residual + by_log * (high.log_residual - low.log_residual);
  }
  return Seconds(std::exp(group.log_residual) *
                 (group.latency + share * group.per_byte * bytes.base())) +
         more;
}

CollectiveTimes::CollectiveTimes(const DeviceSpec& device, const LinkSpec& intra_node,
                                 const LinkSpec& inter_node)
    : intra_(intra_node), inter_(inter_node), fabric_(device.fabric_fraction) {
  intra_.p2p_bandwidth.value = fabric_ * intra_.p2p_bandwidth.value;
  intra_.collective_bandwidth.value = fabric_ * intra_.collective_bandwidth.value;
  // The device's own table of this fabric first: a later file only adds group sizes.
  const auto merge = [&](const CsvTable& csv) {
    CollectiveTable read = read_collectives(csv);
    for (std::size_t i = 0; i < tables_.size(); ++i) tables_[i].merge(read[i]);
  };
  bool own = false;
  for (const SampleFile& file : device.samples) {
    if (file.operation != "collective" || file.link != intra_.name) continue;
    merge(read_samples(file));
    own = true;
  }
  if (!own) {
    for (const SampleFile& file : intra_.samples) {
      if (file.operation == "collective") merge(read_samples(file));
    }
  }
  calibrated_ = own;
}

Seconds CollectiveTimes::by_form(Collective op, Bytes bytes, int ranks) const {
  const double hops = op == Collective::kAllReduce ? 2.0 * (ranks - 1) : ranks - 1;
  return hops * intra_.collective_latency.value +
         ring_share(op, ranks) * bytes / intra_.collective_bandwidth.value;
}

KernelPrice CollectiveTimes::inside(Collective op, Bytes bytes, int ranks) const {
  KernelPrice price;
  const std::map<int, CollectiveCurve>& curves = tables_[index(op)];
  if (ranks <= 1 || bytes.base() <= 0) return price;
  price.extrapolated = !calibrated_;
  if (curves.empty()) {
    price.burst = by_form(op, bytes, ranks);
  } else {
    price.extrapolated = price.extrapolated || ranks > curves.rbegin()->first;
    price.burst = collective_time(op, curves, bytes, ranks, intra_.collective_latency.value);
    if (fabric_ != 1.0) {
      // A thinner fabric stretches what a transfer takes beyond its latency.
      const Seconds latency =
          collective_time(op, curves, Bytes(1), ranks, intra_.collective_latency.value);
      price.burst = latency + (price.burst - latency) / fabric_;
    }
  }
  price.sustained = price.burst;
  return price;
}

KernelPrice CollectiveTimes::price(const CollectiveQuery& query, double intra, double inter) const {
  const int local = std::clamp(query.ranks_per_node, 1, std::max(1, query.ranks));
  if (query.op == Collective::kEngineAllReduce) {
    CollectiveQuery nccl = query;
    nccl.op = Collective::kAllReduce;
    KernelPrice price = this->price(nccl, intra, inter);
    if (query.ranks > local || !tables_[index(query.op)].count(query.ranks)) return price;
    const KernelPrice own = inside(query.op, query.bytes, query.ranks);
    if (own.burst / intra < price.burst) price.burst = price.sustained = own.burst / intra;
    return price;
  }
  if (query.ranks <= local) {
    KernelPrice price = inside(query.op, query.bytes, query.ranks);
    price.burst = price.burst / intra;
    price.sustained = price.burst;
    return price;
  }
  KernelPrice price;
  if (query.bytes.base() <= 0) return price;
  const double nics = query.nics > 0 ? query.nics : local;
  BytesPerSecond node = nics * inter_.collective_bandwidth.value;
  if (inter_.node_collective_cap.base() > 0) node = min(node, inter_.node_collective_cap);
  const double nodes = static_cast<double>(query.ranks) / local;
  const double ranks = query.ranks;

  const bool exchange = query.op == Collective::kAllToAll;
  const KernelPrice within =
      inside(query.op, exchange ? (local / ranks) * query.bytes : query.bytes, local);
  const Seconds between = exchange ? ((ranks - local) / ranks) * query.bytes / (node / local)
                                   : ring_share(query.op, ranks) * query.bytes / node;
  // All-reduce of small buffers climbs a tree and comes down again; the others pass every node.
  const double hops =
      query.op == Collective::kAllReduce ? 2 * std::ceil(std::log2(nodes)) : nodes - 1;
  price.burst =
      max(within.burst / intra, between / inter) + (hops / inter) * inter_.collective_latency.value;
  price.sustained = price.burst;
  price.extrapolated = within.extrapolated || !inter_.calibrated;
  return price;
}

KernelPrice CollectiveTimes::send_recv(Bytes bytes, bool same_node, bool bidirectional) const {
  const LinkSpec& link = same_node ? intra_ : inter_;
  KernelPrice price;
  price.burst = link.p2p_latency.value + bytes / link.p2p_bandwidth.value *
                                             (bidirectional ? link.bidirectional_slowdown : 1.0);
  price.sustained = price.burst;
  price.extrapolated = !link.calibrated;
  return price;
}

}  // namespace plumbline
