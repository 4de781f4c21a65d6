// The box's timelines as a Chrome trace: a process per timeline, a thread per rank.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "calibration/box.h"

namespace plumbline {

/// Start and end of every operation of the replayed program, in microseconds.
using BoxBars = std::vector<std::pair<double, double>>;

BoxBars box_bars(const BoxRun& run);
BoxBars box_bars(const BoxReport& report);  ///< measured

std::string box_trace(const measure::BoxPlan& plan,
                      const std::vector<std::pair<std::string, BoxBars>>& timelines);

}  // namespace plumbline
