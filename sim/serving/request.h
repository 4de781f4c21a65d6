// A request from its arrival to its last token.
#pragma once

#include <cstdint>

#include "sim/core/sim_time.h"

namespace plumbline {

using RequestId = std::uint32_t;  ///< index into the run's requests, in order of arrival

inline constexpr SimTime kNotYet = -1;

struct Request {
  SimTime arrival = 0;
  SimTime first_token = kNotYet;
  SimTime finish = kNotYet;
  std::int32_t prompt_tokens = 1;
  std::int32_t output_tokens = 1;
  std::int32_t preemptions = 0;
  std::int32_t cached_tokens = 0;  ///< found in the prefix cache when first admitted
  /// Leading tokens that are equal to those of every other request of the same `prefix`.
  std::int32_t prefix_tokens = 0;
  std::uint32_t prefix = 0;      ///< 0: none
  std::uint32_t session = 0;     ///< 0: none; a session's next prompt begins with all tokens so far
  std::uint32_t first_hash = 0;  ///< Mooncake: where its block hashes begin in Traffic::hashes
  std::uint16_t hashes = 0;      ///< how many
  std::uint16_t replica = 0;     ///< that served it (the prefill, where that is apart)
};

}  // namespace plumbline
