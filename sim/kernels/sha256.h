// SHA-256 of a byte string (FIPS 180-4): whether a sample file is the one a profile was fitted to.
#pragma once

#include <string>
#include <string_view>

namespace plumbline {

/// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace plumbline
