// A sweep over one or two keys as a picture: throughput, bubble and memory against the values.
#pragma once

#include <string>
#include <vector>

namespace plumbline {

struct ChartPoint {
  std::size_t at = 0;  ///< index into SweepChart::values
  double tokens_per_s_per_gpu = 0, bubble_fraction = 0, peak_memory_bytes = 0;
  bool fits = true;
};

struct ChartLine {
  std::string name;  ///< "" where there is one line only
  std::vector<ChartPoint> points;
};

struct SweepChart {
  std::string title, axis;          ///< the scenario's name, the swept key
  std::vector<std::string> values;  ///< along the axis, in order
  std::vector<ChartLine> lines;
  double usable_memory_bytes = 0;  ///< of a GPU; 0: not drawn
};

/// Three panels one above the other; plans that do not fit in memory are drawn hollow.
std::string sweep_svg(const SweepChart& chart);

}  // namespace plumbline
