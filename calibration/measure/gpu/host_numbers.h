// The card's number formats on the host: what verify reads back, as double.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "calibration/measure/gpu/streaming_parts.h"

namespace plumbline::measure::gpu {

/// sign, `exponent` bits with that bias, the rest mantissa; subnormals included, no infinities.
double small_float(unsigned bits, int exponent_bits, int mantissa_bits);

/// `count` elements behind `data`.
std::vector<double> to_double(Element element, const void* data, std::int64_t count);

/// Half a unit in the last place of 1.0: the relative error of rounding.
double epsilon_of(Element element);

}  // namespace plumbline::measure::gpu
