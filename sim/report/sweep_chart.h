// A sweep over one or two keys as a picture: panels one above the other, each a quantity against
// the values.
#pragma once

#include <string>
#include <vector>

namespace plumbline {

struct ChartPanel {
  std::string name;        ///< with its unit
  double limit = 0;        ///< a line across, where it is > 0
  std::string limit_name;  ///< beside that line
};

struct ChartPoint {
  std::size_t at = 0;              ///< index into SweepChart::values
  std::vector<double> quantities;  ///< [panels]; empty where nothing was simulated
  bool fits = true;
};

struct ChartLine {
  std::string name;  ///< "" where there is one line only
  std::vector<ChartPoint> points;
};

struct SweepChart {
  std::string title, axis;          ///< the scenario's name, the swept key
  std::vector<std::string> values;  ///< along the axis, in order
  std::vector<ChartPanel> panels;
  std::vector<ChartLine> lines;
};

/// Plans that do not fit in memory are drawn hollow, or, without quantities, not at all.
std::string sweep_svg(const SweepChart& chart);

}  // namespace plumbline
