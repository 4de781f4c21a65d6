#include "sim/kernels/residual_table.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace plumbline {
namespace {

// Two shapes nearer than this in log2 are the same shape: 4096 and 4097 are 3.5e-4 apart.
constexpr double kSamePoint = 1e-9;

double squared_distance(const ResidualTable::Point& a, const ResidualTable::Point& b) {
  double sum = 0;
  for (int i = 0; i < ResidualTable::kDimensions; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

}  // namespace

void ResidualTable::add(const Point& point, double log_residual) {
  points_.push_back(point);
  residual_.push_back(log_residual);
}

void ResidualTable::finish() {
  std::vector<std::size_t> order(points_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return points_[a] < points_[b]; });
  std::vector<Point> points;
  std::vector<double> residual;
  for (std::size_t i = 0; i < order.size();) {
    std::size_t end = i;
    double sum = 0;
    for (; end < order.size() && points_[order[end]] == points_[order[i]]; ++end) {
      sum += residual_[order[end]];
    }
    points.push_back(points_[order[i]]);
    residual.push_back(sum / static_cast<double>(end - i));
    i = end;
  }
  points_ = std::move(points);
  residual_ = std::move(residual);
  if (points_.empty()) return;
  low_ = high_ = points_.front();
  for (const Point& point : points_) {
    for (int i = 0; i < kDimensions; ++i) {
      low_[i] = std::min(low_[i], point[i]);
      high_[i] = std::max(high_[i], point[i]);
    }
  }
}

ResidualTable::Estimate ResidualTable::at(const Point& point, int neighbours) const {
  Estimate estimate;
  if (empty()) {
    estimate.outside = true;
    return estimate;
  }
  for (int i = 0; i < kDimensions; ++i) {
    if (point[i] < low_[i] - 1e-6 || point[i] > high_[i] + 1e-6) estimate.outside = true;
  }

  constexpr int kMost = 32;
  const int wanted = std::clamp(neighbours, 1, std::min(kMost, static_cast<int>(size())));
  std::array<double, kMost> best;
  std::array<std::size_t, kMost> who{};
  best.fill(std::numeric_limits<double>::infinity());
  // Nearest by distance, then by place in the table.
  const auto consider = [&](std::size_t i) {
    const double d = squared_distance(points_[i], point);
    const auto nearer = [&](int slot) {
      return d < best[slot] || (d == best[slot] && i < who[slot]);
    };
    if (!nearer(wanted - 1)) return;
    int slot = wanted - 1;
    for (; slot > 0 && nearer(slot - 1); --slot) {
      best[slot] = best[slot - 1];
      who[slot] = who[slot - 1];
    }
    best[slot] = d;
    who[slot] = i;
  };
  // The points are sorted by their first coordinate: from there both ways, until that coordinate
  // alone is farther off than the farthest of those found.
  const auto within = [&](std::size_t i) {
    const double off = points_[i][0] - point[0];
    return off * off <= best[wanted - 1];
  };
  const std::size_t middle = static_cast<std::size_t>(
      std::ranges::lower_bound(points_, point[0], {}, [](const Point& p) { return p[0]; }) -
      points_.begin());
  std::size_t up = middle, down = middle;
  for (bool more = true; more;) {
    more = false;
    if (up < points_.size() && within(up)) {
      consider(up++);
      more = true;
    }
    if (down > 0 && within(down - 1)) {
      consider(--down);
      more = true;
    }
  }
  if (best[0] < kSamePoint) {
    estimate.exact = true;
    estimate.log_residual = residual_[who[0]];
    return estimate;
  }
  double weights = 0, sum = 0;
  for (int i = 0; i < wanted; ++i) {
    const double weight = 1.0 / best[i];
    weights += weight;
    sum += weight * residual_[who[i]];
  }
  estimate.log_residual = sum / weights;
  return estimate;
}

}  // namespace plumbline
