// The kernels of our own: streaming operations of a layer, memory, and tools of measuring.
//
// C++17 without any library, because nvcc compiles what includes it. Launchers put one kernel (or
// what they say) on a stream and never wait; errors are found by cudaGetLastError.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <string>

#include "calibration/measure/gpu/streaming_parts.h"

namespace plumbline::measure::gpu {

/// Uniform in [-1, 1], with a limit in [0, 1]; whole numbers in [0, limit) for kInt32. The same
/// seed, the same bytes.
void fill_uniform(void* data, std::int64_t count, Element element, std::uint64_t seed,
                  std::int64_t limit, cudaStream_t stream);

/// @param parts  device pointers, as `parts_of` lists them, each 16-byte aligned
void launch_streaming(const std::string& kernel, void* const* parts, std::int64_t rows,
                      std::int64_t columns, cudaStream_t stream);

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
