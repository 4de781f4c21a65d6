#include "sim/core/sim_time.h"

#include <cmath>
#include <stdexcept>
#include <string>

namespace plumbline {

SimTime to_sim_time(Seconds time) {
  const double picoseconds = time.base() * 1e12;
  // The negated comparison also catches NaN.
  if (!(picoseconds >= 0.0 && picoseconds < 9.2e18)) {
    throw std::out_of_range("a duration of " + std::to_string(time.base()) +
                            " s does not fit the engine's clock (0 to 106 days)");
  }
  return std::llround(picoseconds);
}

}  // namespace plumbline
