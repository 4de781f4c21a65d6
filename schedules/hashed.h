// Numbers that look random and depend on their arguments alone (SplitMix64).
#pragma once

#include <cstdint>

namespace plumbline {

inline std::uint64_t hashed_bits(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed * 0x9e3779b97f4a7c15ull + index * 0xd1b54a32d192ed03ull + 1;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

/// In [0, 1).
inline double hashed(std::uint64_t seed, std::uint64_t index) {
  return static_cast<double>(hashed_bits(seed, index) >> 11) * 0x1.0p-53;
}

}  // namespace plumbline
