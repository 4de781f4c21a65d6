#include "calibration/measure/gpu/verify.h"

#include <algorithm>
#include <cmath>

#include "calibration/measure/design.h"
#include "calibration/measure/gpu/gemm.h"
#include "calibration/measure/gpu/host_numbers.h"
#include "calibration/measure/gpu/kernels.h"
#include "calibration/measure/gpu/references.h"

namespace plumbline::measure::gpu {
namespace {

// Rows that fill no tile, columns that fill no multiple of a block's vectors.
constexpr std::int64_t kRows = 37, kColumns = 1152;

class Buffer {
 public:
  Buffer(const Part& part, std::uint64_t seed, cudaStream_t stream)
      : part_(part), memory_(static_cast<std::size_t>(part.count) * size_of(part.element)) {
    fill_uniform(memory_.data(), part.count, part.element, seed, part.limit, stream);
  }
  void* data() const { return memory_.data(); }
  Array read(cudaStream_t stream) const {
    std::vector<char> bytes(memory_.bytes());
    check(cudaStreamSynchronize(stream), "verify");
    check(cudaMemcpy(bytes.data(), memory_.data(), bytes.size(), cudaMemcpyDeviceToHost), "verify");
    return to_double(part_.element, bytes.data(), part_.count);
  }
  const Part& part() const { return part_; }

 private:
  Part part_;
  Memory memory_;
};

/// @param scale  of the terms that were summed, per element: fp32 sums lose against that
double worst_of(const Array& got, const Array& wanted, Element element, double scale) {
  double worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    // One rounding of the output (fp8: subnormals below 2^-6), and fp32 arithmetic with fast
    // exponentials.
    const double absolute = element == Element::kFp8 ? std::ldexp(1, -10) : 4e-6 * scale;
    const double tolerance = 1.01 * epsilon_of(element) * std::abs(wanted[i]) + absolute;
    const double error = std::abs(got[i] - wanted[i]) / tolerance;
    worst = std::isnan(error) ? HUGE_VAL : std::max(worst, error);
  }
  return worst;
}

void verify_streaming(Machine& machine, const std::string& kernel, std::vector<Verified>& out) {
  std::vector<Buffer> buffers;
  std::vector<void*> pointers;
  std::vector<Array> before;
  std::uint64_t seed = 17;
  for (const Part& part : parts_of(kernel, kRows, kColumns)) {
    buffers.emplace_back(part, ++seed, machine.stream);
    pointers.push_back(buffers.back().data());
    before.push_back(buffers.back().read(machine.stream));
  }
  launch_streaming(kernel, pointers.data(), kRows, kColumns, machine.stream);
  check(cudaGetLastError(), kernel.c_str());
  const std::vector<Array> wanted = reference(kernel, before, kRows, kColumns);
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const Array got = buffers[i].read(machine.stream);
    const Part& part = buffers[i].part();
    const double worst = part.output        ? worst_of(got, wanted[i], part.element, 4)
                         : got == before[i] ? 0
                                            : HUGE_VAL;  // an input that was written to
    out.push_back({kernel + " " + part.name, worst, ""});
  }
}

Array product(const Site& s, const Array& a, const Array& b, const Array& c) {
  Array out(c.size());
  for (std::int64_t i = 0; i < s.m; ++i) {
    for (std::int64_t j = 0; j < s.n; ++j) {
      double sum = s.accumulate ? c[static_cast<std::size_t>(i * s.n + j)] : 0;
      for (std::int64_t l = 0; l < s.k; ++l) {
        const std::int64_t at_a = s.name == "nt" ? l * s.m + i : i * s.k + l;
        const std::int64_t at_b = s.name == "tn" ? j * s.k + l : l * s.n + j;
        sum += a[static_cast<std::size_t>(at_a)] * b[static_cast<std::size_t>(at_b)];
      }
      out[static_cast<std::size_t>(i * s.n + j)] = sum;
    }
  }
  return out;
}

void verify_gemm(Machine& machine, const Site& site, std::vector<Verified>& out) {
  Verified row{"gemm " + site.name + " " + site.dtype + (site.accumulate ? " into fp32" : ""), 0,
               ""};
  try {
    if (!machine.cublaslt) throw Unsupported(machine.no_cublaslt);
    const Gemm gemm(*machine.cublaslt, site);
    const Element in = operand_of(site), result = output_of(site);
    const Buffer a({"a", in, site.m * site.k}, 3, machine.stream);
    const Buffer b({"b", in, site.n * site.k}, 5, machine.stream);
    const Buffer c({"c", result, site.m * site.n}, 7, machine.stream);
    const Array wanted =
        product(site, a.read(machine.stream), b.read(machine.stream), c.read(machine.stream));
    gemm.enqueue(a.data(), b.data(), c.data(), machine.workspace.data(), machine.stream);
    // Tensor cores take tf32 at 10 mantissa bits; fp8 with the fast accumulator keeps about 14.
    const double extra = site.dtype == "tf32" ? 200 : site.dtype == "fp8" ? 50 : 1;
    const double scale = extra * static_cast<double>(site.k) / 3;
    row.worst = worst_of(c.read(machine.stream), wanted, result, scale);
  } catch (const Unsupported& why) {
    row.left_out = why.what();
  }
  out.push_back(std::move(row));
}

}  // namespace

std::vector<Verified> verify(Machine& machine) {
  std::vector<Verified> out;
  for (const StreamingKernel& kernel : streaming_kernels()) {
    verify_streaming(machine, std::string(kernel.name), out);
  }
  const Buffer from({"from", Element::kFp32, 4096}, 9, machine.stream);
  const Buffer to({"to", Element::kFp32, 4096}, 10, machine.stream);
  launch_memory_copy(from.data(), to.data(), 4 * 4096, machine.stream);
  out.push_back(
      {"memory copy", from.read(machine.stream) == to.read(machine.stream) ? 0 : HUGE_VAL, ""});
  for (const char* dtype : {"bf16", "fp16", "fp8", "fp8_split", "tf32", "fp32"}) {
    for (const char* layout : {"tn", "nn", "nt"}) {
      Site site{"gemm", layout, dtype};
      site.m = 144;
      site.n = 208;
      site.k = 272;
      if (bytes_of(dtype) == 1 && site.name != "tn") continue;
      verify_gemm(machine, site, out);
      site.accumulate = true;
      if (site.name == "nt" && site.dtype == "bf16") verify_gemm(machine, site, out);
    }
  }
  return out;
}

}  // namespace plumbline::measure::gpu
