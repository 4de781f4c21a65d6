// What a sweep shows to people: the table with the front, and what became of the other points.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/cli/sweep_axes.h"
#include "sim/cli/sweep_front.h"
#include "sim/cli/sweep_worker.h"
#include "sim/report/report.h"

namespace plumbline {

/// Grows with every point; what it keeps does not, beyond the first thousands.
class SweepSummary {
 public:
  void add(const std::optional<SweepFigures>& figures);
  void add_invalid(const std::string& path, const std::string& example);
  void add_left_out() { ++left_out_; }
  void add(const PointOutcome& outcome);

  bool any_valid() const { return valid_ > 0; }
  bool any_invalid() const { return invalid_ > 0; }
  /// Every valid point, as long as they are few enough for a picture.
  const std::optional<std::vector<SweepFigures>>& shown() const { return shown_; }
  const ParetoFront& front() const { return front_; }
  std::string text(const std::vector<SweepAxis>& axes, const SweepKind& kind,
                   const TextStyle& style) const;

 private:
  struct Reason {
    std::size_t count = 0;
    std::string example;
  };
  std::size_t valid_ = 0, invalid_ = 0, left_out_ = 0;
  std::optional<std::vector<SweepFigures>> shown_{std::in_place};
  ParetoFront front_;
  std::map<std::string, Reason> reasons_;  // by the path of the first problem
};

}  // namespace plumbline
