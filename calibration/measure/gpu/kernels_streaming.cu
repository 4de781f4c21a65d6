// Streaming kernels of a transformer layer, as training frameworks fuse them.
//
// Each moves its bytes once, in 16-byte accesses; sums are in fp32. They are measured for their
// traffic; verify.cpp holds each against float64 on the host.
#include <cuda_bf16.h>
#include <cuda_fp8.h>

#include "calibration/measure/gpu/kernels.h"

namespace plumbline::measure::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kMaxVectors = 8;  // 16-byte vectors of a row that a thread keeps in registers

using bf16 = __nv_bfloat16;

struct alignas(16) Vec {
  bf16 at[8];
};

__device__ Vec load(const bf16* from, std::int64_t vector) {
  return reinterpret_cast<const Vec*>(from)[vector];
}
__device__ void store(bf16* to, std::int64_t vector, const Vec& value) {
  reinterpret_cast<Vec*>(to)[vector] = value;
}

// Every thread gets the block's sum. The leading barrier lets the scratch be used again.
__device__ float block_sum(float value, float* scratch) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  __syncthreads();
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;
  __syncthreads();
  float sum = 0;
  for (int warp = 0; warp < kThreads / 32; ++warp) sum += scratch[warp];
  return sum;
}

__device__ float sigmoid(float x) { return 1.0f / (1.0f + __expf(-x)); }

// A block per row; y = (x - mean) * rsqrt(variance + eps) * w + b, without mean and b for RMS.
template <bool kLayer>
__global__ void norm_forward(const bf16* x, const bf16* w, const bf16* b, bf16* y, int columns) {
  __shared__ float scratch[kThreads / 32];
  const int vectors = columns / 8;
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * vectors;
  Vec kept[kMaxVectors];
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kMaxVectors; ++i) {
    const int v = threadIdx.x + i * kThreads;
    if (v >= vectors) break;
    kept[i] = load(x, row + v);
    for (int e = 0; e < 8; ++e) sum += kLayer ? __bfloat162float(kept[i].at[e]) : 0.0f;
  }
  const float mean = kLayer ? block_sum(sum, scratch) / columns : 0.0f;
  float squares = 0;
#pragma unroll
  for (int i = 0; i < kMaxVectors; ++i) {
    if (threadIdx.x + i * kThreads >= vectors) break;
    for (int e = 0; e < 8; ++e) {
      const float d = __bfloat162float(kept[i].at[e]) - mean;
      squares += d * d;
    }
  }
  const float scale = rsqrtf(block_sum(squares, scratch) / columns + kNormEpsilon);
#pragma unroll
  for (int i = 0; i < kMaxVectors; ++i) {
    const int v = threadIdx.x + i * kThreads;
    if (v >= vectors) break;
    const Vec weight = load(w, v);
    Vec bias{};
    if (kLayer) bias = load(b, v);
    for (int e = 0; e < 8; ++e) {
      float value = (__bfloat162float(kept[i].at[e]) - mean) * scale;
      value *= __bfloat162float(weight.at[e]);
      if (kLayer) value += __bfloat162float(bias.at[e]);
      kept[i].at[e] = __float2bfloat16(value);
    }
    store(y, row + v, kept[i]);
  }
}

// dx = r (w dy - x r^2 mean(w dy x)), r = rsqrt(mean(x^2) + eps); the weight's gradient is a second
// kernel in frameworks and small.
__global__ void rmsnorm_backward(const bf16* x, const bf16* w, const bf16* dy, bf16* dx,
                                 int columns) {
  __shared__ float scratch[kThreads / 32];
  const int vectors = columns / 8;
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * vectors;
  Vec xs[kMaxVectors], gs[kMaxVectors];
  float squares = 0, dot = 0;
#pragma unroll
  for (int i = 0; i < kMaxVectors; ++i) {
    const int v = threadIdx.x + i * kThreads;
    if (v >= vectors) break;
    xs[i] = load(x, row + v);
    gs[i] = load(dy, row + v);
    const Vec weight = load(w, v);
    for (int e = 0; e < 8; ++e) {
      const float value = __bfloat162float(xs[i].at[e]);
      squares += value * value;
      dot += value * __bfloat162float(gs[i].at[e]) * __bfloat162float(weight.at[e]);
    }
  }
  const float r = rsqrtf(block_sum(squares, scratch) / columns + kNormEpsilon);
  const float shift = r * r * block_sum(dot, scratch) / columns;
#pragma unroll
  for (int i = 0; i < kMaxVectors; ++i) {
    const int v = threadIdx.x + i * kThreads;
    if (v >= vectors) break;
    const Vec weight = load(w, v);
    for (int e = 0; e < 8; ++e) {
      const float wg = __bfloat162float(gs[i].at[e]) * __bfloat162float(weight.at[e]);
      gs[i].at[e] = __float2bfloat16(r * (wg - __bfloat162float(xs[i].at[e]) * shift));
    }
    store(dx, row + v, gs[i]);
  }
}

struct Add {
  __device__ float operator()(float a, float b) const { return a + b; }
};
struct Gelu {  // the tanh form, as Megatron-LM fuses it
  __device__ float operator()(float a, float) const {
    return 0.5f * a * (1.0f + tanhf(0.7978845608f * (a + 0.044715f * a * a * a)));
  }
};

template <typename Function>
__global__ void pointwise(const bf16* a, const bf16* b, bf16* out, std::int64_t vectors,
                          Function function) {
  const std::int64_t v = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (v >= vectors) return;
  Vec x = load(a, v), y{};
  if (b != nullptr) y = load(b, v);
  for (int e = 0; e < 8; ++e) {
    x.at[e] = __float2bfloat16(function(__bfloat162float(x.at[e]), __bfloat162float(y.at[e])));
  }
  store(out, v, x);
}

// Row of `gates`: gate[columns], value[columns]. With dy: gradients in the same arrangement.
template <bool kBackward>
__global__ void swiglu(const bf16* gates, const bf16* dy, bf16* out, std::int64_t vectors,
                       int row_vectors) {
  const std::int64_t v = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (v >= vectors) return;
  const std::int64_t left = v / row_vectors * 2 * row_vectors + v % row_vectors;
  const std::int64_t right = left + row_vectors;
  Vec gate = load(gates, left), value = load(gates, right), g{};
  if (kBackward) g = load(dy, v);
  for (int e = 0; e < 8; ++e) {
    const float a = __bfloat162float(gate.at[e]), b = __bfloat162float(value.at[e]);
    const float s = sigmoid(a);
    if (kBackward) {
      const float d = __bfloat162float(g.at[e]);
      gate.at[e] = __float2bfloat16(d * b * s * (1.0f + a * (1.0f - s)));
      value.at[e] = __float2bfloat16(d * a * s);
    } else {
      gate.at[e] = __float2bfloat16(a * s * b);
    }
  }
  store(out, kBackward ? left : v, gate);
  if (kBackward) store(out, right, value);
}

// Rotates pairs (i, i + 64) of each head of 128; row r is position r. A thread has 8 pairs.
__global__ void rope(const bf16* x, const float* cosine, const float* sine, bf16* y,
                     std::int64_t threads, int row_threads) {
  const std::int64_t t = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (t >= threads) return;
  constexpr int kHalf = kRopeHead / 2, kPerHead = kHalf / 8;
  const std::int64_t row = t / row_threads;
  const int in_row = static_cast<int>(t % row_threads);
  const std::int64_t head = row * row_threads / kPerHead + in_row / kPerHead;
  const std::int64_t left = head * (kRopeHead / 8) + in_row % kPerHead, right = left + kPerHead;
  Vec a = load(x, left), b = load(x, right);
  const std::int64_t angle = row * kHalf + in_row % kPerHead * 8;
  for (int e = 0; e < 8; ++e) {
    const float p = __bfloat162float(a.at[e]), q = __bfloat162float(b.at[e]);
    const float c = cosine[angle + e], s = sine[angle + e];
    a.at[e] = __float2bfloat16(p * c - q * s);
    b.at[e] = __float2bfloat16(q * c + p * s);
  }
  store(y, left, a);
  store(y, right, b);
}

// Maximum and sum of exponentials in one pass: the running sum is rescaled when the maximum moves
// (Milakov and Gimelshein, arXiv:1805.02867).
__global__ void cross_entropy(const bf16* logits, const int* target, float* loss, float* lse,
                              int columns) {
  __shared__ float maxima[kThreads / 32], sums[kThreads / 32];
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * (columns / 8);
  float maximum = -3.0e38f, sum = 0;
  for (int v = threadIdx.x; v < columns / 8; v += kThreads) {
    const Vec x = load(logits, row + v);
    float best = maximum;
    for (int e = 0; e < 8; ++e) best = fmaxf(best, __bfloat162float(x.at[e]));
    sum *= __expf(maximum - best);
    maximum = best;
    for (int e = 0; e < 8; ++e) sum += __expf(__bfloat162float(x.at[e]) - maximum);
  }
  for (int lane = 16; lane > 0; lane /= 2) {
    const float other_max = __shfl_xor_sync(0xffffffffu, maximum, lane);
    const float other_sum = __shfl_xor_sync(0xffffffffu, sum, lane);
    const float best = fmaxf(maximum, other_max);
    sum = sum * __expf(maximum - best) + other_sum * __expf(other_max - best);
    maximum = best;
  }
  if (threadIdx.x % 32 == 0) {
    maxima[threadIdx.x / 32] = maximum;
    sums[threadIdx.x / 32] = sum;
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int warp = 1; warp < kThreads / 32; ++warp) {
    const float best = fmaxf(maximum, maxima[warp]);
    sum = sum * __expf(maximum - best) + sums[warp] * __expf(maxima[warp] - best);
    maximum = best;
  }
  const float all = maximum + logf(sum);
  const std::int64_t mine = static_cast<std::int64_t>(blockIdx.x) * columns + target[blockIdx.x];
  loss[blockIdx.x] = all - __bfloat162float(logits[mine]);
  lse[blockIdx.x] = all;
}

// dlogits = softmax - onehot.
__global__ void cross_entropy_backward(const bf16* logits, const int* target, const float* lse,
                                       bf16* dlogits, std::int64_t vectors, int row_vectors) {
  const std::int64_t v = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (v >= vectors) return;
  const std::int64_t row = v / row_vectors;
  const int first = static_cast<int>(v % row_vectors) * 8, mine = target[row];
  Vec x = load(logits, v);
  for (int e = 0; e < 8; ++e) {
    const float p = __expf(__bfloat162float(x.at[e]) - lse[row]);
    x.at[e] = __float2bfloat16(p - (first + e == mine ? 1.0f : 0.0f));
  }
  store(dlogits, v, x);
}

// AdamW's first step (bias corrections of t = 1) on an fp32 master copy.
__global__ void adam(float* master, float* m, float* v, const float* gradient, bf16* weights,
                     std::int64_t quads) {
  const std::int64_t q = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (q >= quads) return;
  float4 w4 = reinterpret_cast<float4*>(master)[q], m4 = reinterpret_cast<float4*>(m)[q],
         v4 = reinterpret_cast<float4*>(v)[q];
  const float4 g4 = reinterpret_cast<const float4*>(gradient)[q];
  const float g[4] = {g4.x, g4.y, g4.z, g4.w};
  float w[4] = {w4.x, w4.y, w4.z, w4.w}, first[4] = {m4.x, m4.y, m4.z, m4.w},
        second[4] = {v4.x, v4.y, v4.z, v4.w};
  alignas(8) bf16 out[4];
  for (int e = 0; e < 4; ++e) {
    first[e] = kAdamBeta1 * first[e] + (1 - kAdamBeta1) * g[e];
    second[e] = kAdamBeta2 * second[e] + (1 - kAdamBeta2) * g[e] * g[e];
    const float step =
        first[e] / (1 - kAdamBeta1) / (sqrtf(second[e] / (1 - kAdamBeta2)) + kAdamEpsilon);
    w[e] -= kAdamRate * (step + kAdamDecay * w[e]);
    out[e] = __float2bfloat16(w[e]);
  }
  reinterpret_cast<float4*>(master)[q] = make_float4(w[0], w[1], w[2], w[3]);
  reinterpret_cast<float4*>(m)[q] = make_float4(first[0], first[1], first[2], first[3]);
  reinterpret_cast<float4*>(v)[q] = make_float4(second[0], second[1], second[2], second[3]);
  reinterpret_cast<uint2*>(weights)[q] = *reinterpret_cast<const uint2*>(out);
}

__global__ void embedding_gather(const bf16* table, const int* index, bf16* out,
                                 std::int64_t vectors, int row_vectors) {
  const std::int64_t v = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (v >= vectors) return;
  const std::int64_t from = static_cast<std::int64_t>(index[v / row_vectors]) * row_vectors;
  store(out, v, load(table, from + v % row_vectors));
}

__global__ void embedding_scatter(const bf16* dy, const int* index, float* gradient,
                                  std::int64_t vectors, int row_vectors) {
  const std::int64_t v = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (v >= vectors) return;
  const Vec x = load(dy, v);
  const std::int64_t to =
      (static_cast<std::int64_t>(index[v / row_vectors]) * row_vectors + v % row_vectors) * 8;
  for (int e = 0; e < 8; ++e) atomicAdd(gradient + to + e, __bfloat162float(x.at[e]));
}

__device__ unsigned char to_fp8(bf16 value) {
  return __nv_cvt_float_to_fp8(__bfloat162float(value) * kFp8Scale, __NV_SATFINITE, __NV_E4M3);
}

__global__ void cast_fp8(const bf16* x, unsigned char* y, std::int64_t vectors) {
  const std::int64_t v = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (v >= vectors) return;
  const Vec in = load(x, v);
  alignas(8) unsigned char out[8];
  for (int e = 0; e < 8; ++e) out[e] = to_fp8(in.at[e]);
  reinterpret_cast<uint2*>(y)[v] = *reinterpret_cast<const uint2*>(out);
}

// Tiles of 64 x 64 through shared memory: both outputs are written in 8-byte accesses.
// REQUIRES: blocks of 256 threads, columns a multiple of 64; rows may end inside a tile.
__global__ void cast_transpose_fp8(const bf16* x, unsigned char* y, unsigned char* transposed,
                                   int rows, int columns) {
  __shared__ unsigned char tile[64][72];
  const int row0 = blockIdx.y * 64, column0 = blockIdx.x * 64;
  for (int i = threadIdx.x; i < 64 * 8; i += kThreads) {
    const int r = i / 8, c = i % 8 * 8;
    if (row0 + r >= rows) continue;
    const Vec in = load(x, (static_cast<std::int64_t>(row0 + r) * columns + column0 + c) / 8);
    alignas(8) unsigned char out[8];
    for (int e = 0; e < 8; ++e) tile[r][c + e] = out[e] = to_fp8(in.at[e]);
    reinterpret_cast<uint2*>(y)[(static_cast<std::int64_t>(row0 + r) * columns + column0 + c) / 8] =
        *reinterpret_cast<const uint2*>(out);
  }
  __syncthreads();
  for (int i = threadIdx.x; i < 64 * 8; i += kThreads) {
    const int c = i / 8, r = i % 8 * 8;
    const std::int64_t to = static_cast<std::int64_t>(column0 + c) * rows + row0 + r;
    if (row0 + r + 8 <= rows && to % 8 == 0) {
      alignas(8) unsigned char out[8];
      for (int e = 0; e < 8; ++e) out[e] = tile[r + e][c];
      *reinterpret_cast<uint2*>(transposed + to) = *reinterpret_cast<const uint2*>(out);
    } else {
      for (int e = 0; e < 8 && row0 + r + e < rows; ++e) transposed[to + e] = tile[r + e][c];
    }
  }
}

unsigned blocks_for(std::int64_t threads) {
  return static_cast<unsigned>((threads + kThreads - 1) / kThreads);
}

}  // namespace

void launch_streaming(const std::string& kernel, void* const* p, std::int64_t rows,
                      std::int64_t columns, cudaStream_t s) {
  const int c = static_cast<int>(columns), row_vectors = c / 8;
  const auto r = static_cast<unsigned>(rows);
  const std::int64_t vectors = rows * row_vectors;
  const unsigned blocks = blocks_for(vectors);
  const auto b = [&](int i) { return static_cast<bf16*>(p[i]); };
  const auto f = [&](int i) { return static_cast<float*>(p[i]); };
  const auto n = [&](int i) { return static_cast<int*>(p[i]); };
  const auto u = [&](int i) { return static_cast<unsigned char*>(p[i]); };
  if (kernel == "rmsnorm") {
    norm_forward<false><<<r, kThreads, 0, s>>>(b(0), b(1), nullptr, b(2), c);
  } else if (kernel == "layernorm") {
    norm_forward<true><<<r, kThreads, 0, s>>>(b(0), b(1), b(2), b(3), c);
  } else if (kernel == "rmsnorm_backward") {
    rmsnorm_backward<<<r, kThreads, 0, s>>>(b(0), b(1), b(2), b(3), c);
  } else if (kernel == "residual_add") {
    pointwise<<<blocks, kThreads, 0, s>>>(b(0), b(1), b(2), vectors, Add());
  } else if (kernel == "gelu") {
    pointwise<<<blocks, kThreads, 0, s>>>(b(0), static_cast<bf16*>(nullptr), b(1), vectors, Gelu());
  } else if (kernel == "swiglu") {
    swiglu<false><<<blocks, kThreads, 0, s>>>(b(0), nullptr, b(1), vectors, row_vectors);
  } else if (kernel == "swiglu_backward") {
    swiglu<true><<<blocks, kThreads, 0, s>>>(b(0), b(1), b(2), vectors, row_vectors);
  } else if (kernel == "rope") {
    rope<<<blocks_for(vectors / 2), kThreads, 0, s>>>(b(0), f(1), f(2), b(3), vectors / 2,
                                                      row_vectors / 2);
  } else if (kernel == "cross_entropy") {
    cross_entropy<<<r, kThreads, 0, s>>>(b(0), n(1), f(2), f(3), c);
  } else if (kernel == "cross_entropy_backward") {
    cross_entropy_backward<<<blocks, kThreads, 0, s>>>(b(0), n(1), f(2), b(3), vectors,
                                                       row_vectors);
  } else if (kernel == "adam") {
    adam<<<blocks_for(2 * vectors), kThreads, 0, s>>>(f(0), f(1), f(2), f(3), b(4), 2 * vectors);
  } else if (kernel == "embedding_gather") {
    embedding_gather<<<blocks, kThreads, 0, s>>>(b(0), n(1), b(2), vectors, row_vectors);
  } else if (kernel == "embedding_scatter") {
    embedding_scatter<<<blocks, kThreads, 0, s>>>(b(0), n(1), f(2), vectors, row_vectors);
  } else if (kernel == "cast_fp8") {
    cast_fp8<<<blocks, kThreads, 0, s>>>(b(0), u(1), vectors);
  } else if (kernel == "cast_transpose_fp8") {
    const dim3 tiles(static_cast<unsigned>(c / 64), static_cast<unsigned>((rows + 63) / 64));
    cast_transpose_fp8<<<tiles, kThreads, 0, s>>>(b(0), u(1), u(2), static_cast<int>(rows), c);
  }
}

}  // namespace plumbline::measure::gpu
