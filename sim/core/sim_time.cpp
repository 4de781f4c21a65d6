#include "sim/core/sim_time.h"

#include <stdexcept>
#include <string>

namespace plumbline {

void reject_sim_time(Seconds time) {
  throw std::out_of_range("a duration of " + std::to_string(time.base()) +
                          " s does not fit the engine's clock (0 to 106 days)");
}

}  // namespace plumbline
