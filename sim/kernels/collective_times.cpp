// Inside a domain: log-log between measured sizes and, by bus bandwidth, between group sizes.
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

}  // namespace

double ring_share(Collective op, double ranks) {
  const double share = (ranks - 1) / ranks;
  return op == Collective::kAllReduce || op == Collective::kEngineAllReduce ? 2 * share : share;
}

CollectiveTimes::CollectiveTimes(const DeviceSpec& device, const LinkSpec& intra_node,
                                 const LinkSpec& inter_node)
    : intra_(intra_node), inter_(inter_node), fabric_(device.fabric_fraction) {
  intra_.p2p_bandwidth.value = fabric_ * intra_.p2p_bandwidth.value;
  intra_.collective_bandwidth.value = fabric_ * intra_.collective_bandwidth.value;
  // The device's own table of this fabric first: a later file only adds group sizes.
  bool own = false;
  for (const SampleFile& file : device.samples) {
    if (file.operation != "collective" || file.link != intra_.name) continue;
    read_table(read_samples(file));
    own = true;
  }
  if (!own) {
    for (const SampleFile& file : intra_.samples) {
      if (file.operation == "collective") read_table(read_samples(file));
    }
  }
  calibrated_ = own;
}

void CollectiveTimes::read_table(const CsvTable& csv) {
  const std::size_t op = csv.column("op_name"), dtype = csv.column("nccl_dtype"),
                    ranks = csv.column("num_gpus"), bytes = csv.column("bytes"),
                    time = csv.column("latency_us");
  std::array<std::map<int, Curve>, kNames.size()> read;
  for (std::size_t row = 0; row < csv.rows(); ++row) {
    if (csv.text(row, dtype) != "half") continue;  // int8 moves the same bytes in the same time
    const auto name = std::find(kNames.begin(), kNames.end(), csv.text(row, op));
    if (name == kNames.end()) continue;
    const auto which = static_cast<std::size_t>(name - kNames.begin());
    Curve& curve = read[which][static_cast<int>(csv.number(row, ranks))];
    curve.log_bytes.push_back(std::log(csv.number(row, bytes)));
    curve.log_seconds.push_back(std::log(csv.number(row, time) * 1e-6));
  }
  for (std::size_t i = 0; i < tables_.size(); ++i) tables_[i].merge(read[i]);
}

Seconds CollectiveTimes::on_curve(const Curve& curve, Bytes bytes) const {
  if (fabric_ != 1.0) {
    // A thinner fabric stretches what a transfer takes beyond its latency.
    const Seconds latency(std::exp(curve.log_seconds.front()));
    return latency + (on_full_fabric(curve, bytes) - latency) / fabric_;
  }
  return on_full_fabric(curve, bytes);
}

Seconds CollectiveTimes::on_full_fabric(const Curve& curve, Bytes bytes) const {
  const std::vector<double>& x = curve.log_bytes;
  const std::vector<double>& y = curve.log_seconds;
  const double at = std::log(bytes.base());
  if (at <= x.front()) return Seconds(std::exp(y.front()));
  if (at >= x.back()) {
    // Beyond the table the last two points' bandwidth holds.
    const std::size_t last = x.size() - 1;
    const double slope =
        (std::exp(y[last]) - std::exp(y[last - 1])) / (std::exp(x[last]) - std::exp(x[last - 1]));
    return Seconds(std::exp(y[last]) + std::max(0.0, slope) * (bytes.base() - std::exp(x[last])));
  }
  const auto i = static_cast<std::size_t>(std::upper_bound(x.begin(), x.end(), at) - x.begin());
  return Seconds(std::exp(y[i - 1] + (y[i] - y[i - 1]) * (at - x[i - 1]) / (x[i] - x[i - 1])));
}

Seconds CollectiveTimes::by_form(Collective op, Bytes bytes, int ranks) const {
  const double hops = op == Collective::kAllReduce ? 2.0 * (ranks - 1) : ranks - 1;
  return hops * intra_.collective_latency.value +
         ring_share(op, ranks) * bytes / intra_.collective_bandwidth.value;
}

KernelPrice CollectiveTimes::inside(Collective op, Bytes bytes, int ranks) const {
  KernelPrice price;
  const std::map<int, Curve>& curves = tables_[index(op)];
  if (ranks <= 1 || bytes.base() <= 0) return price;
  price.extrapolated = !calibrated_;
  if (curves.empty()) {
    price.burst = by_form(op, bytes, ranks);
  } else if (const auto above = curves.lower_bound(ranks); above == curves.end()) {
    // A larger group than was measured keeps the bus bandwidth and pays more hops.
    const auto& [most, curve] = *curves.rbegin();
    price.burst = (ring_share(op, ranks) / ring_share(op, most)) * on_curve(curve, bytes) +
                  std::log2(static_cast<double>(ranks) / most) * intra_.collective_latency.value;
    price.extrapolated = true;
  } else if (above->first == ranks || above == curves.begin()) {
    price.burst =
        (ring_share(op, ranks) / ring_share(op, above->first)) * on_curve(above->second, bytes);
  } else {
    const auto below = std::prev(above);
    const double low =
        std::log(on_curve(below->second, bytes).base() / ring_share(op, below->first));
    const double high =
        std::log(on_curve(above->second, bytes).base() / ring_share(op, above->first));
    const double part = std::log2(static_cast<double>(ranks) / below->first) /
                        std::log2(static_cast<double>(above->first) / below->first);
    price.burst = Seconds(ring_share(op, ranks) * std::exp(low + part * (high - low)));
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
