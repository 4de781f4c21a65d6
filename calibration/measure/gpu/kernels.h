// The kernels of our own: streaming operations of a layer, memory, and tools of measuring.
//
// C++17 without any library, because nvcc compiles what includes it. Launchers put one kernel (or
// what they say) on a stream and never wait; errors are found by cudaGetLastError.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <string>
#include <vector>

namespace plumbline::measure::gpu {

enum class Element { kBf16, kFp16, kFp8, kFp32, kInt32 };
int size_of(Element element);

/// Uniform in [-1, 1], or whole numbers in [0, limit) for kInt32; the same seed, the same bytes.
void fill_uniform(void* data, std::int64_t count, Element element, std::uint64_t seed,
                  std::int64_t limit, cudaStream_t stream);

/// One array of a streaming kernel.
struct Part {
  const char* name;
  Element element;
  std::int64_t count;
  std::int64_t limit = 0;  ///< of whole numbers
  bool output = false;
};

/// The arrays that a streaming kernel takes for [rows, columns], in order; empty for a name that is
/// none of ours. REQUIRES: columns a multiple of 64, at most 16384.
std::vector<Part> parts_of(const std::string& kernel, std::int64_t rows, std::int64_t columns);

/// @param parts  device pointers, as `parts_of` lists them, each 16-byte aligned
void launch_streaming(const std::string& kernel, void* const* parts, std::int64_t rows,
                      std::int64_t columns, cudaStream_t stream);

// What the kernels are told besides their arrays; the references in verify.cpp use the same.
inline constexpr float kNormEpsilon = 1e-5f;
inline constexpr float kAdamRate = 1e-3f, kAdamBeta1 = 0.9f, kAdamBeta2 = 0.95f,
                       kAdamEpsilon = 1e-8f, kAdamDecay = 0.1f;
inline constexpr float kFp8Scale = 128.0f;
inline constexpr int kRopeHead = 128;  ///< head size: pairs are (i, i + 64) of each head

/// `bytes` of `from` are read and their bits folded; nothing is written unless the fold is a value
/// that random data do not have.
void launch_memory_read(const void* from, std::int64_t bytes, void* never, cudaStream_t stream);
void launch_memory_write(void* to, std::int64_t bytes, cudaStream_t stream);
void launch_memory_copy(const void* from, void* to, std::int64_t bytes, cudaStream_t stream);

void launch_empty(cudaStream_t stream);

/// Keeps `blocks` blocks busy for that long by the global timer.
void launch_spin(std::int64_t nanoseconds, int blocks, cudaStream_t stream);

/// Tensor-core products out of registers: `steps` of m16n8k16 bf16 per warp, 8 warps a block.
void launch_tensor(std::int64_t steps, int blocks, void* never, cudaStream_t stream);

/// out[0] = cycles, out[1] = nanoseconds between two edges of the global timer >= 50 us apart.
void launch_clock_probe(std::uint64_t* out, cudaStream_t stream);

/// out[0] = smallest step of the global timer in nanoseconds.
void launch_timer_step(std::uint64_t* out, cudaStream_t stream);

/// seen[smid] += 1 for each of `blocks` blocks, which stay for 20 us so that they spread.
void launch_smid_audit(std::uint32_t* seen, int blocks, cudaStream_t stream);

}  // namespace plumbline::measure::gpu
