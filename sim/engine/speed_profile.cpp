// Work done is the integral of the speed: 10 ps of work begun at 0 under
//
//   speed 1 until 4, 0 until 7, 1/2 afterwards
//
// have 4 done at 4 and at 7, and the remaining 6 take 12: finished at 19.

#include "sim/engine/speed_profile.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <stdexcept>
#include <string>

namespace plumbline {
namespace {

constexpr std::int64_t kNominal = 1'000'000'000;

// Picoseconds times billionths: 63 + 50 bits.
__extension__ typedef __int128 FineWork;

std::int64_t billionths(double factor) {
  if (!(factor == 0.0 || (factor >= 1e-9 && factor <= 1e6))) {
    throw std::invalid_argument("a speed factor is 0 or from 1e-9 to 1e6, not " +
                                std::to_string(factor));
  }
  return std::llround(factor * 1e9);
}

}  // namespace

SpeedProfile::SpeedProfile(const std::vector<SpeedStep>& steps) {
  for (const SpeedStep& step : steps) {
    const SimTime before = steps_.empty() ? -1 : steps_.back().at;
    if (step.at <= before) {
      throw std::invalid_argument("the steps of a speed profile must ascend from 0; " +
                                  std::to_string(step.at) + " ps does not");
    }
    steps_.push_back({step.at, billionths(step.factor)});
  }
}

std::vector<SpeedProfile::Step>::const_iterator SpeedProfile::first_after(SimTime time) const {
  return std::upper_bound(steps_.begin(), steps_.end(), time,
                          [](SimTime t, const Step& step) { return t < step.at; });
}

double SpeedProfile::factor_at(SimTime time) const {
  const auto after = first_after(time);
  if (after == steps_.begin()) return 1.0;
  return static_cast<double>(std::prev(after)->billionths) / static_cast<double>(kNominal);
}

SimTime SpeedProfile::next_change_after(SimTime time) const {
  const auto after = first_after(time);
  return after == steps_.end() ? kNever : after->at;
}

SimTime SpeedProfile::finish_of(SimTime start, SimTime work) const {
  if (steps_.empty() || work == 0) return start + work;
  auto next = first_after(start);
  SimTime now = start;
  FineWork left = static_cast<FineWork>(work) * kNominal;
  for (;;) {
    const std::int64_t speed = next == steps_.begin() ? kNominal : std::prev(next)->billionths;
    if (next == steps_.end()) {
      if (speed == 0) return kNever;
      const FineWork finish = now + (left + speed - 1) / speed;
      return finish < kNever ? static_cast<SimTime>(finish) : kNever;
    }
    const FineWork done = static_cast<FineWork>(next->at - now) * speed;
    if (done >= left) return now + static_cast<SimTime>((left + speed - 1) / speed);
    left -= done;
    now = next->at;
    ++next;
  }
}

void SpeedProfile::set_from(SimTime at, double factor) {
  const Step step{at, billionths(factor)};
  steps_.erase(std::lower_bound(steps_.begin(), steps_.end(), at,
                                [](const Step& s, SimTime t) { return s.at < t; }),
               steps_.end());
  steps_.push_back(step);
}

}  // namespace plumbline
