// The points of a sweep that no other point beats: throughput x memory x cost, or, of what serves,
// throughput x latency x cost.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sim/measure/result.h"
#include "sim/serving/serving_result.h"

namespace plumbline {

/// What people and pictures see of one point.
struct SweepFigures {
  std::size_t index = 0;            ///< in the product
  std::vector<std::string> values;  ///< of the axes
  double iteration_time_s = 0, tokens_per_s = 0, tokens_per_s_per_gpu = 0;
  double mfu = 0, bubble_fraction = 0;
  double peak_memory_bytes = 0, usable_memory_bytes = 0;
  /// Of a scenario that serves; its tokens are output tokens. Latencies are 0 where nothing had
  /// one.
  bool serves = false;
  double ttft_p90_s = 0, tpot_p90_s = 0;
  double slo_attainment = 0;  ///< share of the requests
  double cache_use = 0;       ///< peak over capacity
  bool searched = false;      ///< for the highest rate within the objectives:
  double max_rate_per_s = 0;  ///< 0: none is
  /// US dollars per million tokens, or GPU-hours where the scenario states no price.
  double cost = 0;
  bool priced = false;
  bool fits = true;
};

SweepFigures figures_of(const Result& result, std::size_t index, std::vector<std::string> values);

SweepFigures figures_of(const Result& result, const ServingResult& serving, std::size_t index,
                        std::vector<std::string> values);

/// Plans that fit and that no other plan beats: as fast (tokens/s), as small (peak memory of a GPU)
/// and as cheap (cost of a token), and better in one of the three. Of what serves: as fast, as
/// quick to the first token and between tokens (p90) and as cheap; where the highest rate was
/// searched for, a plan without one is beaten by all.
class ParetoFront {
 public:
  void add(const SweepFigures& point);
  /// In the order of the product.
  std::vector<SweepFigures> points() const;
  bool has(std::size_t index) const;

 private:
  std::vector<SweepFigures> points_;
};

}  // namespace plumbline
