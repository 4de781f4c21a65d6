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
  for (std::size_t i = 0; i < points_.size(); ++i) {
    const double d = squared_distance(points_[i], point);
    if (d >= best[wanted - 1]) continue;
    int slot = wanted - 1;
    for (; slot > 0 && best[slot - 1] > d; --slot) {
      best[slot] = best[slot - 1];
      who[slot] = who[slot - 1];
    }
    best[slot] = d;
    who[slot] = i;
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
