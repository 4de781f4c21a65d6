// Kernels that measure or load the card itself: fills, memory streams, spins, tensor-core products,
// clock probes and the audit of which multiprocessors a stream reaches.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include "calibration/measure/gpu/kernels.h"

namespace plumbline::measure::gpu {
namespace {

constexpr int kThreads = 256;

__device__ std::uint64_t global_ns() {
  std::uint64_t now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  return now;
}

// SplitMix64 of (seed, index): what it gives does not depend on the launch.
__device__ std::uint64_t mix(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

template <typename T>
__device__ T convert(float value);
template <>
__device__ __nv_bfloat16 convert(float value) {
  return __float2bfloat16(value);
}
template <>
__device__ __half convert(float value) {
  return __float2half(value);
}
template <>
__device__ __nv_fp8_e4m3 convert(float value) {
  return __nv_fp8_e4m3(value);
}
template <>
__device__ float convert(float value) {
  return value;
}

template <typename T>
__global__ void fill(T* data, std::int64_t count, std::uint64_t seed, float low) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < count;
       i += stride) {
    const float unit = static_cast<float>(mix(seed, i) >> 40) * (1.0f / 16777216.0f);
    data[i] = convert<T>(low + (1.0f - low) * unit);
  }
}

__global__ void fill_whole(int* data, std::int64_t count, std::uint64_t seed, std::int64_t limit) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < count) data[i] = static_cast<int>(mix(seed, i) % static_cast<std::uint64_t>(limit));
}

__global__ void memory_read(const uint4* from, std::int64_t vectors, uint4* never) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kThreads;
  uint4 fold = make_uint4(0, 0, 0, 0);
#pragma unroll 4
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < vectors;
       i += stride) {
    const uint4 v = from[i];
    fold.x ^= v.x;
    fold.y ^= v.y;
    fold.z ^= v.z;
    fold.w ^= v.w;
  }
  if (fold.x == 0x12345678u && fold.y == 0x9abcdef0u && fold.z == 0x0fedcba9u) *never = fold;
}

__global__ void memory_write(uint4* to, std::int64_t vectors) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < vectors;
       i += stride) {
    const auto v = static_cast<unsigned>(i * 2654435761u);
    to[i] = make_uint4(v, v ^ 0x5bd1e995u, v * 3, ~v);
  }
}

__global__ void memory_copy(const uint4* from, uint4* to, std::int64_t vectors) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kThreads;
#pragma unroll 4
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < vectors;
       i += stride) {
    to[i] = from[i];
  }
}

__global__ void empty() {}

__global__ void spin(std::int64_t nanoseconds) {
  const std::uint64_t end = global_ns() + static_cast<std::uint64_t>(nanoseconds);
  while (global_ns() < end) {
  }
}

// Four independent accumulators hide the latency of the tensor core.
__global__ void tensor(std::int64_t steps, float* never) {
  unsigned a[4], b[2];
  for (int i = 0; i < 4; ++i) a[i] = 0x3f803f80u ^ (threadIdx.x * 2654435761u & 0x007f007fu);
  for (int i = 0; i < 2; ++i) b[i] = 0x3f803f80u ^ (threadIdx.x * 40503u & 0x007f007fu);
  float d[4][4] = {};
  for (std::int64_t step = 0; step < steps; ++step) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      asm volatile(
          "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
          "{%8,%9}, {%0,%1,%2,%3};"
          : "+f"(d[i][0]), "+f"(d[i][1]), "+f"(d[i][2]), "+f"(d[i][3])
          : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    }
  }
  float sum = 0;
  for (int i = 0; i < 16; ++i) sum += d[i / 4][i % 4];
  if (sum == -1.0f) *never = sum;  // the products are positive
}

__device__ std::uint64_t next_edge(std::uint64_t now) {
  std::uint64_t next = global_ns();
  while (next == now) next = global_ns();
  return next;
}

__global__ void clock_probe(std::uint64_t* out) {
  const std::uint64_t begin_ns = next_edge(global_ns());
  const long long begin = clock64();
  while (global_ns() < begin_ns + 50000) {
  }
  const std::uint64_t end_ns = next_edge(global_ns());
  out[0] = static_cast<std::uint64_t>(clock64() - begin);
  out[1] = end_ns - begin_ns;
}

__global__ void timer_step(std::uint64_t* out) {
  std::uint64_t smallest = ~0ull, now = next_edge(global_ns());
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t next = next_edge(now);
    if (next - now < smallest) smallest = next - now;
    now = next;
  }
  out[0] = smallest;
}

__global__ void smid_audit(std::uint32_t* seen) {
  unsigned smid;
  asm volatile("mov.u32 %0, %%smid;" : "=r"(smid));
  const std::uint64_t end = global_ns() + 20000;
  while (global_ns() < end) {
  }
  if (threadIdx.x == 0) atomicAdd(seen + smid, 1u);
}

unsigned blocks_for(std::int64_t threads, std::int64_t most) {
  const std::int64_t blocks = (threads + kThreads - 1) / kThreads;
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks < most ? blocks : most);
}
// Grid-stride kernels: enough blocks for every multiprocessor of any card, eight deep.
constexpr std::int64_t kStride = 8 * 160;

}  // namespace

void fill_uniform(void* data, std::int64_t count, Element element, std::uint64_t seed,
                  std::int64_t limit, cudaStream_t s) {
  const unsigned blocks = blocks_for(count, kStride);
  const float low = limit > 0 ? 0.0f : -1.0f;
  switch (element) {
    case Element::kBf16:
      fill<<<blocks, kThreads, 0, s>>>(static_cast<__nv_bfloat16*>(data), count, seed, low);
      return;
    case Element::kFp16:
      fill<<<blocks, kThreads, 0, s>>>(static_cast<__half*>(data), count, seed, low);
      return;
    case Element::kFp8:
      fill<<<blocks, kThreads, 0, s>>>(static_cast<__nv_fp8_e4m3*>(data), count, seed, low);
      return;
    case Element::kFp32:
      fill<<<blocks, kThreads, 0, s>>>(static_cast<float*>(data), count, seed, low);
      return;
    case Element::kInt32:
      fill_whole<<<blocks_for(count, 1 << 30), kThreads, 0, s>>>(static_cast<int*>(data), count,
                                                                 seed, limit);
      return;
  }
}

void launch_memory_read(const void* from, std::int64_t bytes, void* never, cudaStream_t s) {
  memory_read<<<blocks_for(bytes / 16, kStride), kThreads, 0, s>>>(
      static_cast<const uint4*>(from), bytes / 16, static_cast<uint4*>(never));
}
void launch_memory_write(void* to, std::int64_t bytes, cudaStream_t s) {
  memory_write<<<blocks_for(bytes / 16, kStride), kThreads, 0, s>>>(static_cast<uint4*>(to),
                                                                    bytes / 16);
}
void launch_memory_copy(const void* from, void* to, std::int64_t bytes, cudaStream_t s) {
  memory_copy<<<blocks_for(bytes / 16, kStride), kThreads, 0, s>>>(
      static_cast<const uint4*>(from), static_cast<uint4*>(to), bytes / 16);
}
void launch_empty(cudaStream_t s) { empty<<<1, 32, 0, s>>>(); }
void launch_spin(std::int64_t nanoseconds, int blocks, cudaStream_t s) {
  spin<<<static_cast<unsigned>(blocks), 32, 0, s>>>(nanoseconds);
}
void launch_tensor(std::int64_t steps, int blocks, void* never, cudaStream_t s) {
  tensor<<<static_cast<unsigned>(blocks), kThreads, 0, s>>>(steps, static_cast<float*>(never));
}
void launch_clock_probe(std::uint64_t* out, cudaStream_t s) { clock_probe<<<1, 1, 0, s>>>(out); }
void launch_timer_step(std::uint64_t* out, cudaStream_t s) { timer_step<<<1, 1, 0, s>>>(out); }
void launch_smid_audit(std::uint32_t* seen, int blocks, cudaStream_t s) {
  smid_audit<<<static_cast<unsigned>(blocks), 32, 0, s>>>(seen);
}

}  // namespace plumbline::measure::gpu
