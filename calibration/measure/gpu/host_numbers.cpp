#include "calibration/measure/gpu/host_numbers.h"

#include <cmath>

namespace plumbline::measure::gpu {

double small_float(unsigned bits, int exponent_bits, int mantissa_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const unsigned mantissa = bits & ((1u << mantissa_bits) - 1);
  const int exponent = static_cast<int>(bits >> mantissa_bits & ((1u << exponent_bits) - 1));
  const double sign = bits >> (exponent_bits + mantissa_bits) & 1 ? -1 : 1;
  const double fraction = std::ldexp(static_cast<double>(mantissa), -mantissa_bits);
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias);
  return sign * std::ldexp(1 + fraction, exponent - bias);
}

std::vector<double> to_double(Element element, const void* data, std::int64_t count) {
  std::vector<double> out(static_cast<std::size_t>(count));
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < out.size(); ++i) {
    switch (element) {
      case Element::kBf16:
      case Element::kFp16: {
        std::uint16_t bits = 0;
        std::memcpy(&bits, bytes + 2 * i, 2);
        out[i] = element == Element::kBf16 ? small_float(bits, 8, 7) : small_float(bits, 5, 10);
        break;
      }
      case Element::kFp8:
        out[i] = small_float(bytes[i], 4, 3);
        break;
      case Element::kFp32: {
        float value = 0;
        std::memcpy(&value, bytes + 4 * i, 4);
        out[i] = static_cast<double>(value);
        break;
      }
      case Element::kInt32: {
        std::int32_t value = 0;
        std::memcpy(&value, bytes + 4 * i, 4);
        out[i] = value;
        break;
      }
    }
  }
  return out;
}

double epsilon_of(Element element) {
  switch (element) {
    case Element::kBf16:
      return std::ldexp(1, -8);
    case Element::kFp16:
      return std::ldexp(1, -11);
    case Element::kFp8:
      return std::ldexp(1, -4);
    default:
      return std::ldexp(1, -24);
  }
}

}  // namespace plumbline::measure::gpu
