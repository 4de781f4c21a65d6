// Prices by how many tokens or sequences a step has: priced at some counts, linear between them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "sim/serving/token_work.h"

namespace plumbline {

/// Seconds by a count from 0, an entry per count; continued with the last slope.
class CountTable {
 public:
  /// @param values  at the knots
  CountTable(const std::vector<std::int64_t>& knots, const std::vector<double>& values) {
    seconds_.assign(static_cast<std::size_t>(knots.back()) + 1, 0.0);
    std::int64_t before = 0;
    double value = 0;
    for (std::size_t k = 0; k < knots.size(); ++k) {
      const std::int64_t knot = knots[k];
      if (before == 0) value = values[k];  // below the first knot its own price holds
      for (std::int64_t i = before + 1; i <= knot; ++i) {
        const double part = static_cast<double>(i - before) / static_cast<double>(knot - before);
        seconds_[static_cast<std::size_t>(i)] = value + part * (values[k] - value);
      }
      before = knot;
      value = values[k];
    }
  }
  double at(std::int64_t count) const {
    const auto i = static_cast<std::size_t>(count);
    if (i < seconds_.size()) return seconds_[i];
    const double slope = seconds_.size() < 3 ? 0 : seconds_.back() - seconds_[seconds_.size() - 2];
    return seconds_.back() + slope * static_cast<double>(i - seconds_.size() + 1);
  }

 private:
  std::vector<double> seconds_;
};

/// Prices by a count, and what of them lies outside calibrated ranges, where any does.
class WorkTable {
 public:
  template <typename Price>
  WorkTable(const std::vector<std::int64_t>& knots, const Price& price) {
    std::vector<double> seconds, outside;
    for (const std::int64_t knot : knots) {
      const WorkTime here = price(static_cast<double>(knot));
      seconds.push_back(here.seconds);
      outside.push_back(here.outside);
    }
    time_.emplace(knots, seconds);
    if (std::ranges::any_of(outside, [](double s) { return s > 0; })) {
      outside_.emplace(knots, outside);
    }
  }
  WorkTime at(std::int64_t count) const {
    return {time_->at(count), outside_ ? std::max(0.0, outside_->at(count)) : 0.0};
  }

 private:
  std::optional<CountTable> time_, outside_;
};

}  // namespace plumbline
