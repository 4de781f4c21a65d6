// Random numbers that do not depend on the order in which they are drawn.
//
// A draw is a hash of (seed, what, index): the jitter of micro-batch 7 is the same whether or not
// micro-batch 6 was drawn before it, so two schedules can be compared under the same luck and
// parallel runs give what serial ones give.
// Source of the idea: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011; the
// mixer is SplitMix64's (Steele, Lea and Flood, OOPSLA 2014).
#pragma once

#include <cstdint>
#include <string_view>

namespace plumbline {

/// One stream of draws: everything random of one kind.
class RandomStream {
 public:
  /// Streams that differ in seed or in `what` ("jitter", "arrivals") are unrelated.
  RandomStream(std::uint64_t seed, std::string_view what);

  /// 64 even bits.
  std::uint64_t bits(std::uint64_t index) const;
  /// Even in [0, 1).
  double uniform(std::uint64_t index) const;
  /// Mean 0, standard deviation 1.
  double normal(std::uint64_t index) const;
  /// Mean 1.
  double exponential(std::uint64_t index) const;

 private:
  std::uint64_t key_;
};

}  // namespace plumbline
