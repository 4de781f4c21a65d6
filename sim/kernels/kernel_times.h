// How long a kernel or a collective takes on a device: measured samples where they exist, fitted
// forms between them, and a flag wherever a price lies outside what was measured.
//
// One KernelTimes is made per (device, links) and asked many times; it reads its sample tables on
// construction and is immutable afterwards, so threads may share it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/cluster/device.h"
#include "sim/core/units.h"

namespace plumbline {

/// A kernel's price.
struct KernelPrice {
  Seconds burst;              ///< short, cool chip: what a microbenchmark reads
  Seconds sustained;          ///< inside a long run at the power limit: what a training step sees
  bool extrapolated = false;  ///< outside the measured range, or from a datasheet
};

enum class GemmLayout {
  kTn,  ///< forward: x [m,k] times w^T
  kNn,  ///< input gradient
  kNt,  ///< weight gradient
};

struct GemmQuery {
  std::string_view dtype;  ///< "bf16", "fp16", "fp8", "mxfp8", "nvfp4", "fp32"
  double m = 0, n = 0, k = 0;
  GemmLayout layout = GemmLayout::kTn;
  bool accumulate_fp32 = false;  ///< reads and writes an fp32 accumulator (main_grad, beta = 1)
  double batch = 1;              ///< strided batch or experts of equal size
};

struct AttentionQuery {
  std::string_view dtype;  ///< of the kernel: bf16 or fp16
  double batch = 1;
  double heads = 1, kv_heads = 1, head_dim = 128, v_head_dim = 128;
  double query_tokens = 0, kv_tokens = 0;
  bool causal = true;
  bool backward = false;
  bool serving = false;  ///< paged kernels of an inference engine instead of training's
};

/// One new token per sequence against a cache, as an inference engine runs it.
struct DecodeQuery {
  std::string_view dtype = "bf16";  ///< of the cache
  double batch = 1;
  double heads = 1, kv_heads = 1, head_dim = 128;
  double kv_tokens = 0;  ///< of each sequence
};

enum class Collective {
  kAllReduce,
  kAllGather,
  kReduceScatter,
  kAllToAll,
  /// One- or two-shot all-reduce of an inference engine inside a node, or NCCL's where that is
  /// faster or nothing else was measured.
  kEngineAllReduce,
};

struct CollectiveQuery {
  Collective op = Collective::kAllReduce;
  /// nccl-tests' size convention: the full vector (all_reduce: the buffer; all_gather and
  /// reduce_scatter: ranks x shard; alltoall: what one rank sends in all).
  Bytes bytes;
  int ranks = 1;
  int ranks_per_node = 1;  ///< members of the group inside one NVLink domain
  /// NIC bandwidth the group can use per node, as NICs; 0: one per member of the node.
  double nics = 0;
};

/// Factors for sensitivities and what-ifs: 1.1 means ten percent faster. `gemm` divides the times
/// of products and attention, `memory` those bytes/bandwidth terms of elementwise kernels, the
/// last two the times of transfers inside and between nodes.
struct HardwareScale {
  double gemm = 1.0, memory = 1.0, intra_node = 1.0, inter_node = 1.0;

  friend bool operator==(const HardwareScale&, const HardwareScale&) = default;
};

class KernelTimes {
 public:
  /// @throws InputError when a sample file is missing or does not match its SHA-256
  KernelTimes(const DeviceSpec& device, const LinkSpec& intra_node, const LinkSpec& inter_node,
              const HardwareScale& scale = {});
  /// The same for a cluster, its power limit applied.
  explicit KernelTimes(const Cluster& cluster, const HardwareScale& scale = {});

  /// @throws InputError (path "training.precision") for a dtype the device has no units for
  /// The same kernels on hardware that is faster or slower by `scale`; shares the tables.
  KernelTimes scaled(const HardwareScale& scale) const;

  /// The kernels of a cluster that differs from this one's in its power limit alone: the clock
  /// changes, the samples are shared.
  KernelTimes at_power_limit_of(const Cluster& cluster) const;

  /// Whether both price from the same tables at the same scale.
  bool same_as(const KernelTimes& other) const {
    return tables_ == other.tables_ && scale_ == other.scale_;
  }

  const HardwareScale& scale() const { return scale_; }

  KernelPrice gemm(const GemmQuery& query) const;
  KernelPrice attention(const AttentionQuery& query) const;
  KernelPrice attention_decode(const DecodeQuery& query) const;
  /// A memory-bound kernel: latency + bytes / streaming bandwidth.
  KernelPrice elementwise(Bytes traffic, double kernels = 1) const;
  KernelPrice collective(const CollectiveQuery& query) const;
  /// One message between two GPUs, the whole transfer; `bidirectional` when both ways are busy.
  KernelPrice send_recv(Bytes bytes, bool same_node, bool bidirectional = false) const;

  /// Sentences for the result's assumptions ("gb200_186g has no kernels of its own: ...").
  const std::vector<std::string>& notes() const;
  /// What pricing products of `dtype` assumes: a stand-in's form, a sustained rate not measured.
  std::vector<std::string> notes(std::string_view dtype) const;

 private:
  struct Tables;
  std::shared_ptr<const Tables> tables_;
  HardwareScale scale_;
};

}  // namespace plumbline
