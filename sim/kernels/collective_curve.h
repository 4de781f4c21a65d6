// The time of one collective on one group size, by message size.
//
// Hockney's line latency + bytes / rate through the samples (least squares of relative errors:
// sizes span six decades), times what it misses: between two sizes the logarithm of that factor is
// linear in log(bytes). Efficiency is carried from size to size, never time: with every size left
// out in turn, NCCL's tables of five GPUs are met within 1.6 to 3.0 % in the median, by times on a
// log-log line within 2.0 to 4.1 %.
#pragma once

#include <vector>

#include "sim/core/units.h"

namespace plumbline {

class CollectiveCurve {
 public:
  /// Samples of one size count once, at their mean.
  void add(Bytes bytes, Seconds time);
  /// Call once after the last `add`.
  void finish();

  /// [sizes] rising, and the time of each in seconds.
  const std::vector<double>& bytes() const { return bytes_; }
  const std::vector<double>& seconds() const { return seconds_; }

  /// A measured size verbatim; below the smallest its time; beyond the largest the bandwidth
  /// between the last two sizes holds.
  Seconds at(Bytes bytes) const;

  /// Of the line. Both are 0 or more, and the line is above zero at every size.
  Seconds latency() const { return latency_; }
  double seconds_per_byte() const { return seconds_per_byte_; }
  Seconds line(Bytes bytes) const { return latency_ + Seconds(seconds_per_byte_ * bytes.base()); }
  /// ln(time / line)
  double log_residual(Bytes bytes) const;

  /// The time of the smallest message.
  Seconds floor() const { return Seconds(seconds_.front()); }

 private:
  std::vector<double> bytes_, seconds_;  // sorted by bytes
  std::vector<double> missed_;           // ln(time / line) of each
  Seconds latency_;
  double seconds_per_byte_ = 0;
};

}  // namespace plumbline
