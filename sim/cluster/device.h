// A GPU and a link as data: what a hardware profile says, in SI units.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/core/units.h"

namespace plumbline {

/// Where a number comes from; every result that rests on kDatasheet says so.
enum class Provenance { kMeasured, kDerived, kDatasheet };

/// A number of a profile with its origin.
template <typename T>
struct Sourced {
  T value{};
  Provenance provenance = Provenance::kDatasheet;
  std::string source;
};

/// Constants of t = t0 + ((flops/F)^p + (bytes/B)^p)^(1/p), fitted to GEMM samples.
struct GemmFit {
  FlopsPerSecond flops;     ///< F, burst
  BytesPerSecond bytes;     ///< B
  Seconds t0;
  double p = 2.0;
};

/// One GPU. Rates are dense (no sparsity); `samples` files are read only when a price needs them.
struct DeviceSpec {
  std::string name;       ///< "h100_sxm_80g"
  std::string summary;
  std::string profile_path;
  Bytes memory;
  Bytes usable_memory;
  BytesPerSecond memory_bandwidth_peak;
  /// Achieved by streaming kernels (elementwise, optimizer).
  Sourced<BytesPerSecond> memory_bandwidth_streaming;
  std::map<std::string, FlopsPerSecond> peak_flops;  ///< "bf16", "fp16", "fp8", "fp32", ...
  std::map<std::string, GemmFit> gemm;               ///< by dtype
  /// Sustained over burst rate of tensor-core kernels, by dtype (<= 1).
  std::map<std::string, Sourced<double>> sustained;
  Seconds kernel_latency;  ///< floor of an elementwise kernel inside a busy stream
  int multiprocessors = 0;
  double power_limit_w = 0.0;
  bool calibrated = false;           ///< has measured kernels of its own
  std::string nearest_relative;      ///< whose kernel forms price it otherwise
  std::vector<std::string> notes;    ///< stated assumptions, printed with results
};

/// A link type: intra-node fabric or NIC.
struct LinkSpec {
  std::string name;  ///< "ib_ndr400"
  std::string summary;
  std::string profile_path;
  bool switched_fabric = false;     ///< NVSwitch: every pair at full rate
  BytesPerSecond peak;              ///< one direction, per GPU (fabric) or per NIC
  Sourced<Seconds> p2p_latency;     ///< send/recv alpha
  Sourced<BytesPerSecond> p2p_bandwidth;         ///< send/recv beta, one direction
  Sourced<BytesPerSecond> collective_bandwidth;  ///< per NIC inside a collective's ring
  Sourced<Seconds> collective_latency;           ///< per hop of a ring
  double bidirectional_slowdown = 1.0;  ///< both directions at once over one way
  bool calibrated = false;
  std::vector<std::string> notes;
};

/// A homogeneous cluster.
struct Cluster {
  std::string name;
  DeviceSpec device;
  LinkSpec intra_node;
  LinkSpec inter_node;
  int gpus_per_node = 8;
  int nodes = 1;
  int gpus_per_nvlink_domain = 8;
  int nics_per_node = 8;
  std::optional<double> power_limit_w;  ///< what the scenario says, when it says

  int gpus() const { return gpus_per_node * nodes; }
};

}  // namespace plumbline
