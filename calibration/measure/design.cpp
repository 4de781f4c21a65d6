#include "calibration/measure/design.h"

#include <algorithm>
#include <array>

namespace plumbline::measure {
namespace {

using List = std::vector<std::int64_t>;

constexpr std::array kStreaming{
    StreamingKernel{"rmsnorm", 4, "read x; write y"},
    StreamingKernel{"layernorm", 4, "read x; write y"},
    StreamingKernel{"rmsnorm_backward", 6, "read x, dy; write dx"},
    StreamingKernel{"residual_add", 6, "read x, residual; write sum"},
    StreamingKernel{"swiglu", 6, "read gate, value; write y (an element is one of y)"},
    StreamingKernel{"swiglu_backward", 10, "read gate, value, dy; write dgate, dvalue"},
    StreamingKernel{"gelu", 4, "read x; write y"},
    StreamingKernel{"rope", 4, "read x; write y"},
    StreamingKernel{"cross_entropy", 2, "read logits, once"},
    StreamingKernel{"cross_entropy_backward", 4, "read logits; write dlogits"},
    StreamingKernel{"adam", 30,
                    "read master, m, v, gradient in fp32; write them but the last, and bf16"},
    StreamingKernel{"embedding_gather", 4, "read rows of the table; write them"},
    StreamingKernel{"embedding_scatter", 10, "read dy; add into rows of an fp32 gradient"},
    StreamingKernel{"cast_fp8", 3, "read bf16; write fp8"},
    StreamingKernel{"cast_transpose_fp8", 4, "read bf16; write fp8 and its transpose"},
};

struct Shape {
  std::int64_t n, k;
};
// Forward products of real models' layers, after tensor parallelism: held out of every fit.
constexpr Shape kHeldOut[] = {
    {6144, 4096},   {4096, 4096},  {28672, 4096}, {4096, 14336},  // Llama-3 8B
    {10240, 8192},  {8192, 8192},  {7168, 8192},  {8192, 3584},   // Llama-3 70B, whole and tp 8
    {12288, 12288}, {4608, 12288}, {6144, 12288}, {12288, 6144},  // GPT-3 175B, whole and tp 8
};

class Builder {
 public:
  Builder(const DeviceFacts& facts, const DesignOptions& options)
      : facts_(facts), only_(options.only) {}

  void add(Site site) {
    const auto wanted = [&](const std::string& word) {
      return word == site.operation || word == site.dtype || word == site.role;
    };
    if (!only_.empty() && std::none_of(only_.begin(), only_.end(), wanted)) return;
    if (facts_.memory_bytes > 0 && footprint_bytes(site, facts_) > 0.8 * facts_.memory_bytes)
      return;
    // Quick and essential sites come first; the grids then add what is not there yet.
    if (std::find(sites_.begin(), sites_.end(), site) == sites_.end()) {
      sites_.push_back(std::move(site));
    }
  }
  void gemm(const char* layout, const char* dtype, const char* role, const List& ms, const List& ns,
            const List& ks, bool accumulate = false) {
    for (const auto k : ks) {
      for (const auto n : ns) {
        for (const auto m : ms) {
          Site site{"gemm", layout, dtype, role};
          site.m = m;
          site.n = n;
          site.k = k;
          site.accumulate = accumulate;
          add(std::move(site));
        }
      }
    }
  }
  void held_out(const char* dtype, const List& ms) {
    for (const Shape& shape : kHeldOut) gemm("tn", dtype, "held_out", ms, {shape.n}, {shape.k});
  }
  void sized(const char* operation, const char* name, const char* dtype, const char* regime,
             const List& bytes, int ranks = 1) {
    for (const std::int64_t size : bytes) {
      Site site{operation, name, dtype, "fit", regime};
      site.bytes = size;
      site.ranks = ranks;
      add(std::move(site));
    }
  }
  void streaming(const List& rows, std::int64_t columns) {
    for (const StreamingKernel& kernel : kStreaming) {
      for (const std::int64_t m : rows) {
        Site site{"elementwise", std::string(kernel.name)};
        site.m = m;
        site.n = columns;
        site.bytes = static_cast<std::int64_t>(kernel.bytes_per_element * static_cast<double>(m) *
                                               static_cast<double>(columns));
        add(std::move(site));
      }
    }
  }
  std::vector<Site> take() && { return std::move(sites_); }

 private:
  const DeviceFacts& facts_;
  const std::vector<std::string>& only_;
  std::vector<Site> sites_;
};

List powers(std::int64_t first, std::int64_t last, std::int64_t factor) {
  List values;
  for (std::int64_t v = first; v <= last; v *= factor) values.push_back(v);
  return values;
}

void sustained(Builder& out, const DeviceFacts& facts, double seconds) {
  for (const char* dtype : {"bf16", "fp8", "fp16"}) {
    if (dtype == std::string("fp8") && facts.compute_capability < 89) continue;
    Site site{"gemm", "tn", dtype, "sustained", "sustained"};
    site.m = site.n = site.k = 8192;
    Site burst = site;  // the same product in short windows: the other half of the factor
    burst.regime = "cold";
    out.add(std::move(burst));
    site.bytes = static_cast<std::int64_t>(seconds * 1e3);
    out.add(std::move(site));
  }
}

// A few sites of everything: alone they make a usable profile.
void essential(Builder& out, bool fp8) {
  out.gemm("tn", "bf16", "fit", {1, 64, 512, 2048, 8192, 32768}, {1024, 5120, 30720},
           {1024, 4096, 16384});
  out.held_out("bf16", {2048, 8192});
  out.gemm("nn", "bf16", "fit", {2048, 8192}, {2560, 10240}, {2560, 10240});
  out.gemm("nt", "bf16", "fit", {2560, 10240}, {2560, 10240}, {2048, 8192}, true);
  if (fp8) out.gemm("tn", "fp8", "fit", {1024, 8192}, {2560, 10240}, {2048, 8192});
  out.streaming({4096}, 8192);
  for (const char* kind : {"read", "write", "copy"}) {
    out.sized("memory", kind, "bytes", "cold", powers(1 << 20, std::int64_t{1} << 30, 32));
  }
  for (const char* kind : {"launch", "graph_node", "event_handover"}) {
    out.sized("overhead", kind, "none", "cold", {0});
  }
  for (const char* way : {"h2d", "d2h", "bidirectional"}) {
    out.sized("host_copy", way, "bytes", "cold", {1 << 16, 1 << 22, 1 << 28});
  }
}

void grids(Builder& out, bool fp8) {
  const List five{1024, 2560, 5120, 10752, 30720}, depth{1024, 2048, 4096, 8192, 16384};
  const List tokens{1024, 2048, 4096, 8192, 16384}, sides{1024, 2560, 5120, 10240, 16384};
  out.gemm("tn", "bf16", "fit",
           {1, 16, 64, 128, 256, 512, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 16384, 32768}, five,
           depth);
  out.held_out("bf16", {512, 1024, 2048, 3072, 4096, 8192, 16384});
  out.gemm("nn", "bf16", "fit", tokens, sides, sides);
  out.gemm("nt", "bf16", "fit", sides, sides, tokens, true);
  out.gemm("tn", "bf16", "head", {256, 1024, 2048, 4096, 8192, 16384}, {32064, 50304, 128256},
           {4096, 8192});
  if (fp8) {
    out.gemm("tn", "fp8", "fit", {1024, 4096, 8192, 16384}, {2560, 5120, 10240, 28672},
             {2048, 4096, 8192, 16384});
    out.gemm("tn", "fp8_split", "fit", {1024, 4096, 8192, 16384}, {2560, 5120, 10240, 28672},
             {2048, 4096, 8192, 16384});
  }
  out.gemm("tn", "fp16", "fit", {512, 2048, 8192}, {2560, 5120, 10240}, {2048, 4096, 8192});
  out.gemm("tn", "tf32", "fit", {512, 2048, 8192}, {2560, 10240}, {2048, 8192});
  out.gemm("tn", "fp32", "fit", {512, 2048}, {2560, 10240}, {2048, 8192});
  out.streaming({64, 256, 1024, 2048, 8192, 16384}, 8192);
  for (const char* kind : {"read", "write", "copy"}) {
    out.sized("memory", kind, "bytes", "cold", powers(1 << 16, std::int64_t{1} << 31, 2));
    out.sized("memory", kind, "bytes", "hot", powers(1 << 16, std::int64_t{1} << 31, 2));
  }
  for (const char* way : {"h2d", "d2h", "bidirectional"}) {
    out.sized("host_copy", way, "bytes", "cold", powers(1 << 10, 1 << 28, 4));
  }
}

void several_gpus(Builder& out, int gpus, bool full) {
  const List sizes = powers(full ? 512 : 1 << 16, std::int64_t{1} << 29, full ? 4 : 32);
  for (const char* way : {"one_way", "bidirectional"}) {
    out.sized("peer_copy", way, "bytes", "cold", sizes, 2);
  }
  for (int ranks = 2; ranks <= gpus; ranks *= 2) {
    for (const char* name :
         {"all_reduce", "all_gather", "reduce_scatter", "alltoall", "send_recv"}) {
      if (name == std::string("send_recv") && ranks > 2) continue;
      out.sized("collective", name, "half", "cold", sizes, ranks);
    }
  }
}

}  // namespace

std::span<const StreamingKernel> streaming_kernels() { return kStreaming; }

double sustained_seconds(const Site& site) {
  return site.regime == "sustained" ? static_cast<double>(site.bytes) * 1e-3 : 0;
}

double footprint_bytes(const Site& site, const DeviceFacts& facts) {
  // Two sets at least, and twice the L2 in all, so that no set is found there.
  const double one =
      site.operation == "gemm" ? memory_bytes(site) : static_cast<double>(site.bytes);
  return site.regime == "hot" ? one : std::max(2 * one, 2 * facts.l2_bytes + one);
}

double expected_seconds(const Site& site, const DeviceFacts& facts) {
  if (site.regime == "sustained") return 3 + sustained_seconds(site);
  // Rough and high: half of a modern card's rates where nothing is known of this one.
  const auto peak = facts.peak_flops.find(site.dtype);
  const double rate = peak == facts.peak_flops.end() ? 2e14 : 0.6 * peak->second;
  const double bandwidth = facts.peak_bytes_per_s > 0 ? 0.7 * facts.peak_bytes_per_s : 1e12;
  double call = std::max(flops(site) / rate, memory_bytes(site) / bandwidth);
  if (site.operation == "host_copy") call = static_cast<double>(site.bytes) / 2e10;
  if (site.ranks > 1) call = static_cast<double>(site.bytes) / 1e11;
  return 0.02 + 9 * std::max(call, 0.002);
}

std::vector<Site> design(const DeviceFacts& facts, const DesignOptions& options) {
  const bool full = options.extent == Extent::kFull, fp8 = facts.compute_capability >= 89;
  Builder out(facts, options);
  essential(out, fp8);
  if (full) grids(out, fp8);
  if (facts.gpus > 1) several_gpus(out, facts.gpus, full);
  const double seconds = options.sustained_s.value_or(full ? 6 : 0);
  if (seconds > 0) sustained(out, facts, seconds);
  return std::move(out).take();
}

}  // namespace plumbline::measure
