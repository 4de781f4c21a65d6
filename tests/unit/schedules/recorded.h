// Orders recorded from public reference implementations, see tests/data/schedules.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schedules/costs.h"
#include "schedules/schedule.h"

namespace plumbline::testing {

struct RecordedTimes {
  UnitCosts costs;
  double makespan = 0.0;
  std::vector<double> idle, span_idle;  // [ranks]
};

struct Recorded {
  std::string schedule;   // our name; "none" where we have no such schedule
  std::string reference;  // the reference's name
  PipelineShape shape;
  std::optional<int> group;
  std::optional<UnitCosts> made_for;
  std::vector<int> peak_live;  // [ranks]
  std::vector<RecordedTimes> times;
  std::string csv;  // PyTorch's notation, a row per rank

  /// "zb_h1_P4_V1_M8", for the name of a test
  std::string label() const;
};

/// Every entry of tests/data/schedules/*.txt.
std::vector<Recorded> recorded_orders();

}  // namespace plumbline::testing
