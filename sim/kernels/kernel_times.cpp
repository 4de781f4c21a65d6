#include "sim/kernels/kernel_times.h"

#include <utility>

#include "sim/kernels/attention_times.h"
#include "sim/kernels/collective_times.h"
#include "sim/kernels/gemm_times.h"

namespace plumbline {
namespace {

KernelPrice faster(KernelPrice price, double factor) {
  price.burst = price.burst / factor;
  price.sustained = price.sustained / factor;
  return price;
}

DeviceSpec device_of(const Cluster& cluster) {
  if (!cluster.power_limit_w) return cluster.device;
  return at_power_limit(cluster.device, *cluster.power_limit_w);
}

}  // namespace

struct KernelTimes::Tables {
  Tables(const DeviceSpec& device, const LinkSpec& intra, const LinkSpec& inter)
      : Tables(GemmTimes(device), AttentionTimes(device),
               std::make_shared<const CollectiveTimes>(device, intra, inter), device, intra,
               inter) {}

  /// With the samples of `other`, which is of a device that differs in its sustained rates alone.
  Tables(const Tables& other, const DeviceSpec& device, const LinkSpec& intra,
         const LinkSpec& inter)
      : Tables(other.gemm.at_rates_of(device), other.attention.at_rates_of(device),
               other.collectives, device, intra, inter) {}

  Tables(GemmTimes products, AttentionTimes fused, std::shared_ptr<const CollectiveTimes> between,
         const DeviceSpec& device, const LinkSpec& intra, const LinkSpec& inter)
      : gemm(std::move(products)),
        attention(std::move(fused)),
        collectives(std::move(between)),
        latency(device.kernel_latency),
        streaming(device.memory_bandwidth_streaming.value),
        notes(device.notes),
        calibrated(device.memory_bandwidth_streaming.provenance != Provenance::kDatasheet) {
    const auto append = [this](const std::vector<std::string>& more) {
      notes.insert(notes.end(), more.begin(), more.end());
    };
    append(attention.notes());
    append(intra.notes);
    if (inter.name != intra.name) append(inter.notes);
  }

  GemmTimes gemm;
  AttentionTimes attention;
  std::shared_ptr<const CollectiveTimes> collectives;
  Seconds latency;
  BytesPerSecond streaming;
  std::vector<std::string> notes;
  bool calibrated;
};

KernelTimes::KernelTimes(const DeviceSpec& device, const LinkSpec& intra_node,
                         const LinkSpec& inter_node, const HardwareScale& scale)
    : tables_(std::make_shared<const Tables>(device, intra_node, inter_node)), scale_(scale) {}

KernelTimes::KernelTimes(const Cluster& cluster, const HardwareScale& scale)
    : KernelTimes(device_of(cluster), cluster.intra_node, cluster.inter_node, scale) {}

KernelTimes KernelTimes::scaled(const HardwareScale& scale) const {
  KernelTimes other = *this;
  other.scale_.gemm *= scale.gemm;
  other.scale_.memory *= scale.memory;
  other.scale_.intra_node *= scale.intra_node;
  other.scale_.inter_node *= scale.inter_node;
  return other;
}

KernelTimes KernelTimes::at_power_limit_of(const Cluster& cluster) const {
  KernelTimes other = *this;
  other.tables_ = std::make_shared<const Tables>(*tables_, device_of(cluster), cluster.intra_node,
                                                 cluster.inter_node);
  return other;
}

KernelPrice KernelTimes::gemm(const GemmQuery& query) const {
  return faster(tables_->gemm.price(query), scale_.gemm);
}

KernelPrice KernelTimes::attention(const AttentionQuery& query) const {
  return faster(tables_->attention.prefill(query), scale_.gemm);
}

KernelPrice KernelTimes::attention_decode(const DecodeQuery& query) const {
  return faster(tables_->attention.decode(query), scale_.memory);
}

KernelPrice KernelTimes::elementwise(Bytes traffic, double kernels) const {
  KernelPrice price;
  price.burst = kernels * tables_->latency + traffic / (scale_.memory * tables_->streaming);
  price.sustained = price.burst;
  price.extrapolated = !tables_->calibrated;
  return price;
}

KernelPrice KernelTimes::collective(const CollectiveQuery& query) const {
  return tables_->collectives->price(query, scale_.intra_node, scale_.inter_node);
}

KernelPrice KernelTimes::send_recv(Bytes bytes, bool same_node, bool bidirectional) const {
  return faster(tables_->collectives->send_recv(bytes, same_node, bidirectional),
                same_node ? scale_.intra_node : scale_.inter_node);
}

const std::vector<std::string>& KernelTimes::notes() const { return tables_->notes; }

std::vector<std::string> KernelTimes::notes(std::string_view dtype) const {
  return tables_->gemm.notes(dtype);
}

}  // namespace plumbline
