// `--over PATH=...`: the values an axis takes, and the points of their product.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sim/scenario/scenario.h"

namespace plumbline {

struct SweepAxis {
  std::string path;                 ///< "parallelism.pipeline"
  std::vector<std::string> values;  ///< YAML, as written
};

/// Reads PATH=V1,V2,... (commas inside [], {} and quotes do not part values) or a range A:B,
/// A:B:+K (steps of K; +1 where none is given) or A:B:xK (factors of K), both ends included.
///
/// @throws InputError when it is neither, is empty or has no end
SweepAxis parse_axis(const std::string& word);

/// The values as people are shown them: mappings without braces, long ones by their first entry
/// ("gpu: h100_sxm_80g") where that tells them apart.
std::vector<std::string> short_values(const std::vector<std::string>& values);

/// The points of a product in order, the last axis fastest; none is stored.
class SweepProduct {
 public:
  /// @throws InputError beyond ten million points, or when a path stands twice
  explicit SweepProduct(std::vector<SweepAxis> axes);

  std::size_t size() const { return size_; }
  std::vector<Override> point(std::size_t index) const;
  const std::vector<SweepAxis>& axes() const { return axes_; }

 private:
  std::vector<SweepAxis> axes_;
  std::size_t size_ = 1;
};

}  // namespace plumbline
