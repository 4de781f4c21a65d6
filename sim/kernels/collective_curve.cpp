#include "sim/kernels/collective_curve.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace plumbline {

void CollectiveCurve::add(Bytes bytes, Seconds time) {
  bytes_.push_back(bytes.base());
  seconds_.push_back(time.base());
}

void CollectiveCurve::finish() {
  std::map<double, std::pair<double, int>> by_size;
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    auto& [sum, count] = by_size[bytes_[i]];
    sum += seconds_[i];
    ++count;
  }
  bytes_.clear();
  seconds_.clear();
  for (const auto& [bytes, times] : by_size) {
    bytes_.push_back(bytes);
    seconds_.push_back(times.first / times.second);
  }
  if (bytes_.empty()) return;

  // Minimises sum ((a + b s) / t - 1)^2.
  double w = 0, ws = 0, wss = 0, wt = 0, wst = 0;
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    const double s = bytes_[i], t = seconds_[i], weight = 1 / (t * t);
    w += weight;
    ws += weight * s;
    wss += weight * s * s;
    wt += weight * t;
    wst += weight * s * t;
  }
  const double determinant = w * wss - ws * ws;
  const double a = (wt * wss - wst * ws) / determinant, b = (w * wst - ws * wt) / determinant;
  if (bytes_.size() > 1 && a > 0 && b >= 0) {
    latency_ = Seconds(a);
    seconds_per_byte_ = b;
  } else {  // no line of this kind: the factor carries everything
    latency_ = Seconds(*std::min_element(seconds_.begin(), seconds_.end()));
    seconds_per_byte_ = 0;
  }
  missed_.clear();
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    missed_.push_back(std::log(seconds_[i] / line(Bytes(bytes_[i])).base()));
  }
}

Seconds CollectiveCurve::at(Bytes bytes) const {
  const double s = bytes.base();
  if (s <= bytes_.front()) return Seconds(seconds_.front());
  const std::size_t last = bytes_.size() - 1;
  if (s >= bytes_[last]) {
    if (last == 0) return Seconds(seconds_[last]);
    const double slope = (seconds_[last] - seconds_[last - 1]) / (bytes_[last] - bytes_[last - 1]);
    return Seconds(seconds_[last] + std::max(0.0, slope) * (s - bytes_[last]));
  }
  const auto i =
      static_cast<std::size_t>(std::upper_bound(bytes_.begin(), bytes_.end(), s) - bytes_.begin());
  if (s == bytes_[i - 1]) return Seconds(seconds_[i - 1]);
  const double low = std::log(bytes_[i - 1]), high = std::log(bytes_[i]);
  const double part = (std::log(s) - low) / (high - low);
  return std::exp(missed_[i - 1] + part * (missed_[i] - missed_[i - 1])) * line(bytes);
}

double CollectiveCurve::log_residual(Bytes bytes) const {
  return std::log(at(bytes) / line(bytes));
}

}  // namespace plumbline
