// What a fitted form misses, carried from measured shapes to the shapes between them.
//
// A sample stores log(measured / form) at a point of log2 coordinates (m, n, k of a GEMM, say).
// Between samples the nearest ones are averaged, weighted by inverse distance: efficiency is
// transferred between shapes, never time, so a neighbour twice as large does not double a price.
// Source: Shepard, "A two-dimensional interpolation function for irregularly-spaced data", 1968.
#pragma once

#include <array>
#include <limits>
#include <vector>

namespace plumbline {

class ResidualTable {
 public:
  static constexpr int kDimensions = 6;
  using Point = std::array<double, kDimensions>;  ///< log2 coordinates; unused ones stay 0

  struct Estimate {
    double log_residual = 0;
    bool exact = false;    ///< a sample stands at the point itself
    bool outside = false;  ///< beyond the samples in some coordinate
  };

  /// Samples at one point count once, at their mean.
  void add(const Point& point, double log_residual);
  /// Call once after the last `add`.
  void finish();

  /// @param neighbours how many of the nearest samples are averaged
  Estimate at(const Point& point, int neighbours) const;

  bool empty() const { return residual_.empty(); }
  std::size_t size() const { return residual_.size(); }

 private:
  std::vector<Point> points_;
  std::vector<double> residual_;
  Point low_{}, high_{};
};

}  // namespace plumbline
