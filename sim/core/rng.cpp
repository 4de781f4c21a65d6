#include "sim/core/rng.h"

#include <cmath>

namespace plumbline {
namespace {

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15u;  // 2^64 / golden ratio, odd

constexpr std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// FNV-1a.
constexpr std::uint64_t hash(std::string_view text) {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return h;
}

// The upper 53 bits fill a double's mantissa.
constexpr double to_unit(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

constexpr double kTwoPi = 6.283185307179586;

}  // namespace

RandomStream::RandomStream(std::uint64_t seed, std::string_view what)
    : key_(mix(mix(seed + kGolden) ^ hash(what))) {}

// Mixed with the key twice: once would make all streams the same sequence, each begun elsewhere.
std::uint64_t RandomStream::bits(std::uint64_t index) const {
  return mix(mix(index * kGolden + key_) ^ key_);
}

double RandomStream::uniform(std::uint64_t index) const { return to_unit(bits(index)); }

// Box and Muller (1958); the second number is hashed from the first.
double RandomStream::normal(std::uint64_t index) const {
  const std::uint64_t first = bits(index);
  const double radius = std::sqrt(-2.0 * std::log1p(-to_unit(first)));
  return radius * std::cos(kTwoPi * to_unit(mix(first + kGolden)));
}

double RandomStream::exponential(std::uint64_t index) const { return -std::log1p(-uniform(index)); }

}  // namespace plumbline
