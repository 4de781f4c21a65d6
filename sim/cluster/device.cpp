// What a power limit does to a device.
//
// A chip under a long matrix product is held at its power limit by lowering the clock.  Dynamic
// power is C f V^2: where the voltage can follow the clock, f ~ P^(1/3); at the lowest voltage,
// f ~ P.  Profiles state an exponent between the two.
#include "sim/cluster/device.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace plumbline {

DeviceSpec at_power_limit(DeviceSpec device, double watts) {
  if (device.power_limit_w <= 0 || watts == device.power_limit_w) return device;
  const double clock = std::pow(watts / device.power_limit_w, device.power_exponent.value);
  for (auto& [dtype, factor] : device.sustained) {
    factor.value = std::min(1.0, factor.value * clock);
    factor.low = std::min(1.0, factor.low * clock);
    factor.high = std::min(1.0, factor.high * clock);
    factor.provenance = Provenance::kDerived;
  }
  char note[160];
  std::snprintf(note, sizeof note,
                "%s at %g W instead of %g W: sustained rates x %.3f (power^%.2f, an assumption)",
                device.name.c_str(), watts, device.power_limit_w, clock,
                device.power_exponent.value);
  device.notes.emplace_back(note);
  device.power_limit_w = watts;
  return device;
}

}  // namespace plumbline
