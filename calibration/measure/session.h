// Runs a design on a device: what is measured when, how often, and what is said about it.
//
// Sites are taken in shuffled order within blocks of equal importance, so that drift of the card
// does not look like a dependence on shape. A sample that is noisy, drifted or faster than the card
// can be is measured once more at the end, in another shuffled order; both stay in the record.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "calibration/measure/device.h"
#include "calibration/measure/stopping_rule.h"

namespace plumbline::measure {

struct Measurement {
  Site site;
  int attempt = 1;
  Stop stop = Stop::kGoOn;
  std::vector<std::string> flags;  ///< drift, throttled, faster_than_peak
  std::vector<double> windows_s;   ///< seconds of a call, raw
  double first_s = 0;              ///< sustained: median of the first second
  double sm_mhz = 0, power_w = 0;  ///< medians over the windows; 0: not known
  double median_s() const { return quantile(windows_s, 0.5); }
};

struct SessionOptions {
  StoppingLimits limits = {};
  double budget_s = 170;  ///< of the whole session, this run of it
  double warm_up_s = 3;   ///< of a sustained site, not counted
  std::uint64_t seed = 1;
  int block = 64;  ///< sites shuffled together
};

/// What the session tells as it goes.
struct SessionProgress {
  std::size_t done = 0, total = 0;
  double left_s = 0;  ///< expected
  const Site* site = nullptr;
};

struct SessionSinks {
  std::function<void(const Measurement&)> measured;
  std::function<void(const Site&, const std::string& why)> left_out;
  std::function<void(const SessionProgress&)> progress;
  std::function<bool()> stop;  ///< asked between windows; true ends the session in good order
};

enum class SessionEnd { kComplete, kStopped, kBudget };

/// @param have  sites that an earlier run of the session measured
SessionEnd run_session(const std::vector<Site>& sites, const std::vector<Site>& have,
                       MeasuredDevice& device, const SessionOptions& options,
                       const SessionSinks& sinks);

/// Of every sustained measurement, its rate over that of the same product as a burst (1 or less
/// where the card slows down); without that burst there is no row.
struct SustainedFactor {
  std::string dtype;
  double burst_s = 0, sustained_s = 0, sm_mhz = 0, power_w = 0;
  double factor() const { return burst_s / sustained_s; }
};
std::vector<SustainedFactor> sustained_factors(const std::vector<Measurement>& measurements);

/// The shortest time that the card's peaks allow, or 0 where they are not known.
double physical_bound_s(const Site& site, const DeviceFacts& facts);

}  // namespace plumbline::measure
