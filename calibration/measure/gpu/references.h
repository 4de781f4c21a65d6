// What the streaming kernels shall compute, in float64 and as plainly as it can be written.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace plumbline::measure::gpu {

using Array = std::vector<double>;

/// @param in  the arrays of `parts_of`, as they were before the kernel ran
/// @returns the same arrays after it; those that are no outputs are unchanged
/// @throws std::invalid_argument for a kernel that has no reference here
std::vector<Array> reference(const std::string& kernel, std::vector<Array> in, std::int64_t rows,
                             std::int64_t columns);

}  // namespace plumbline::measure::gpu
