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
  T low{}, high{};  ///< the range its sources leave open; both 0: none stated

  friend bool operator==(const Sourced&, const Sourced&) = default;
};

/// Quantiles of |predicted / measured - 1| over shapes of layers that a fit had not seen.
struct HeldOutError {
  int n = 0;  ///< 0: nothing was held out
  double median = 0, p90 = 0;

  friend bool operator==(const HeldOutError&, const HeldOutError&) = default;
};

/// Constants of t = t0 + ((flops/F)^p + (bytes/B)^p)^(1/p), fitted to GEMM samples.
struct GemmFit {
  FlopsPerSecond flops;  ///< F, burst
  BytesPerSecond bytes;  ///< B
  Seconds t0;
  double p = 2.0;
  int neighbours = 8;  ///< samples that correct the form at a shape between them
  /// Rows of the largest tile the kernels work in: m = 129 costs what 192 or 256 do. 1: none seen.
  int row_tile = 1;
  Provenance provenance = Provenance::kMeasured;
  std::string source;
  HeldOutError held_out{};

  friend bool operator==(const GemmFit&, const GemmFit&) = default;
};

/// Constants of t = t0 + flops/F + bytes/B + per_sequence * batch * kv_heads / multiprocessors:
/// attention as serving runs it, one kernel over a paged cache.
struct AttentionFit {
  FlopsPerSecond flops;
  BytesPerSecond bytes;
  Seconds t0;
  Seconds per_sequence;
  HeldOutError held_out{};

  friend bool operator==(const AttentionFit&, const AttentionFit&) = default;
};

/// Hockney's line through one collective's samples on one group size, bandwidth per share of the
/// ring. A statement: prices follow the samples themselves (sim/kernels/collective_curve.h).
struct CollectiveFit {
  Seconds latency;
  BytesPerSecond bus_bandwidth;
  HeldOutError held_out{};  ///< of prices, message sizes left out

  friend bool operator==(const CollectiveFit&, const CollectiveFit&) = default;
};

/// The dimensions that the time of a served model's layers depends on; the layers themselves may be
/// any number.
struct ModelShape {
  std::string name;  ///< for messages; not compared
  int tensor = 1;    ///< tensor-parallel size that the layers were cut by
  double hidden = 0, heads = 0, kv_heads = 0, head_dim = 0, ffn = 0, vocab = 0;
  double experts = 0, expert_ffn = 0, top_k = 0;  ///< 0 without experts
  friend bool operator==(const ModelShape& a, const ModelShape& b) {
    return a.tensor == b.tensor && a.hidden == b.hidden && a.heads == b.heads &&
           a.kv_heads == b.kv_heads && a.head_dim == b.head_dim && a.ffn == b.ffn &&
           a.vocab == b.vocab && a.experts == b.experts && a.expert_ffn == b.expert_ffn &&
           a.top_k == b.top_k;
  }
};

/// A CSV of measured kernels that a profile names. It is read when prices are asked for, and
/// refused when its bytes are not those the profile was fitted to.
struct SampleFile {
  std::string operation;   ///< "gemm", "attention_training", "attention_prefill",
                           ///< "attention_decode", "collective", "serving_layers",
                           ///< "serving_attention", "serving_moe"
  std::string dtype;       ///< of the operands
  std::string link;        ///< collective: the fabric it was measured on
  ModelShape model;        ///< serving_*: the model whose layers they are
  std::string path;        ///< as the file system finds it
  std::string sha256;      ///< 64 hexadecimal digits
  bool inherited = false;  ///< measured on the profile's relative

  friend bool operator==(const SampleFile&, const SampleFile&) = default;
};

/// The device that samples were measured on, where it is not the one they price: efficiencies are
/// taken against these constants and carried over.
struct SampleOrigin {
  std::map<std::string, GemmFit> gemm;  ///< by the dtype the samples have here
  std::optional<AttentionFit> prefill, decode;
  int multiprocessors = 1;
  Bytes l2;

  friend bool operator==(const SampleOrigin&, const SampleOrigin&) = default;
};

/// One GPU. Rates are dense (no sparsity); `samples` files are read only when a price needs them.
struct DeviceSpec {
  std::string name;  ///< "h100_sxm_80g"
  std::string summary;
  std::string profile_path;
  Bytes memory;
  Bytes usable_memory;
  BytesPerSecond memory_bandwidth_peak;
  /// Achieved by streaming kernels (elementwise, optimizer).
  Sourced<BytesPerSecond> memory_bandwidth_streaming;
  std::map<std::string, FlopsPerSecond> peak_flops;  ///< "bf16", "fp16", "fp8", "fp32", ...
  std::map<std::string, GemmFit> gemm;               ///< by dtype
  std::optional<AttentionFit> prefill, decode;       ///< serving kernels
  std::map<std::string, CollectiveFit> collectives;  ///< "all_reduce_8", on its usual fabric
  /// Time relative to TN of the layouts "nn" and "nt".
  std::map<std::string, Sourced<double>> layout_factor;
  /// Traffic per output element of a product that accumulates in fp32.
  Sourced<double> accumulate_bytes;
  /// Backward over forward rate of fused attention where only the forward was measured.
  Sourced<double> attention_backward_rate{1.0, Provenance::kDatasheet, ""};
  /// Sustained over burst rate of tensor-core kernels, by dtype (<= 1).
  std::map<std::string, Sourced<double>> sustained;
  Seconds kernel_latency;  ///< floor of an elementwise kernel inside a busy stream
  int multiprocessors = 0;
  Bytes l2;  ///< size of the last cache in front of the memory; 0: not stated
  double power_limit_w = 0.0;
  /// Clock under load ~ power^exponent: 1/3 where voltage falls with the clock, 1 at its floor.
  Sourced<double> power_exponent{2.0 / 3.0, Provenance::kDatasheet, ""};
  std::vector<SampleFile> samples;
  std::optional<SampleOrigin> origin;  ///< of the inherited ones among `samples`
  bool calibrated = false;             ///< has measured kernels of its own
  std::string nearest_relative;        ///< whose kernel forms price it otherwise
  /// Product rate of this device over its relative's: attention rates measured there times this.
  double relative_flops = 1.0;
  std::string intra_link, inter_link;  ///< that its usual systems have, by name
  double fabric_fraction = 1.0;        ///< of its link that this GPU has (H800: 4/9)
  std::vector<std::string> notes;      ///< stated assumptions, printed with results

  friend bool operator==(const DeviceSpec&, const DeviceSpec&) = default;
};

/// A link type: intra-node fabric or NIC.
struct LinkSpec {
  std::string name;  ///< "ib_ndr400"
  std::string summary;
  std::string profile_path;
  bool switched_fabric = false;                  ///< NVSwitch: every pair at full rate
  BytesPerSecond peak;                           ///< one direction, per GPU (fabric) or per NIC
  Sourced<Seconds> p2p_latency;                  ///< send/recv alpha
  Sourced<BytesPerSecond> p2p_bandwidth;         ///< send/recv beta, one direction
  Sourced<BytesPerSecond> collective_bandwidth;  ///< per NIC inside a collective's ring
  Sourced<Seconds> collective_latency;           ///< per hop of a ring
  double bidirectional_slowdown = 1.0;           ///< both directions at once over one way
  /// What a node reaches inside a collective over this link, whatever its NICs; 0: no such bound.
  BytesPerSecond node_collective_cap;
  std::vector<SampleFile> samples;  ///< collectives inside one domain of this fabric
  bool calibrated = false;
  std::vector<std::string> notes;

  friend bool operator==(const LinkSpec&, const LinkSpec&) = default;
};

/// A homogeneous cluster.
struct Cluster {
  std::string name;
  DeviceSpec device;
  LinkSpec intra_node;
  LinkSpec inter_node;
  std::optional<LinkSpec> host_link;  ///< of a GPU to host memory, where it is stated
  int gpus_per_node = 8;
  int nodes = 1;
  int gpus_per_nvlink_domain = 8;
  int nics_per_node = 8;
  std::optional<double> power_limit_w;  ///< what the scenario says, when it says

  int gpus() const { return gpus_per_node * nodes; }
  friend bool operator==(const Cluster&, const Cluster&) = default;
};

/// The device under another power limit: sustained rates fall (or rise, never above burst) with
/// power^power_exponent. The law is an assumption and is added to the notes.
DeviceSpec at_power_limit(DeviceSpec device, double watts);

}  // namespace plumbline
