// How fast a resource or link runs over time: stragglers, throttling and outages in one mechanism.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "sim/core/sim_time.h"

namespace plumbline {

/// "This never happens"; later than every time on the clock.
inline constexpr SimTime kNever = std::numeric_limits<SimTime>::max();

/// From `at` on the speed is `factor` times nominal; 0 is down.
struct SpeedStep {
  SimTime at = 0;
  double factor = 1.0;
};

/// A piecewise-constant speed, nominal (1) before the first step.
///
/// Factors are kept as whole billionths, so that work done is an integer and a finish does not
/// depend on how the time before it was cut into steps.
class SpeedProfile {
 public:
  SpeedProfile() = default;
  /// @throws std::invalid_argument unless the times are >= 0 and strictly ascending and every
  ///         factor is 0 or from 1e-9 to 1e6
  explicit SpeedProfile(const std::vector<SpeedStep>& steps);

  bool is_nominal() const { return steps_.empty(); }
  double factor_at(SimTime time) const;

  /// The first picosecond at which `work` picoseconds of nominal work, begun at `start`, are done;
  /// kNever where the speed stays 0 before that.
  SimTime finish_of(SimTime start, SimTime work) const;

  /// The time of the first step after `time`, or kNever.
  SimTime next_change_after(SimTime time) const;

  /// Replaces everything from `at` on by one factor. @throws as the constructor does
  void set_from(SimTime at, double factor);

 private:
  struct Step {
    SimTime at;
    std::int64_t billionths;
  };
  std::vector<Step>::const_iterator first_after(SimTime time) const;

  std::vector<Step> steps_;
};

/// Profiles by ResourceId and LinkId; ids beyond the vectors are nominal.
struct SpeedProfiles {
  std::vector<SpeedProfile> resources;
  std::vector<SpeedProfile> links;
};

}  // namespace plumbline
