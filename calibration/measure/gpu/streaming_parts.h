// What the streaming kernels take, without CUDA: arrays, number formats and constants. The kernels,
// their float64 references and the tests share it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace plumbline::measure::gpu {

enum class Element { kBf16, kFp16, kFp8, kFp32, kInt32 };
int size_of(Element element);

/// One array of a streaming kernel.
struct Part {
  const char* name;
  Element element;
  std::int64_t count;
  std::int64_t limit =
      0;  ///< whole numbers lie in [0, limit); others in [-1, 1], with a limit in [0, 1]
  bool output = false;
};

/// The arrays that a streaming kernel takes for [rows, columns], in order; empty for a name that is
/// none of ours. REQUIRES: columns a multiple of 128, at most 16384.
std::vector<Part> parts_of(const std::string& kernel, std::int64_t rows, std::int64_t columns);

// What the kernels are told besides their arrays; the references in verify.cpp use the same.
inline constexpr float kNormEpsilon = 1e-5f;
inline constexpr float kAdamRate = 1e-3f, kAdamBeta1 = 0.9f, kAdamBeta2 = 0.95f,
                       kAdamEpsilon = 1e-8f, kAdamDecay = 0.1f;
inline constexpr float kFp8Scale = 128.0f;
inline constexpr int kRopeHead = 128;  ///< head size: pairs are (i, i + 64) of each head

}  // namespace plumbline::measure::gpu
