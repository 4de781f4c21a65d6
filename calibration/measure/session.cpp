#include "calibration/measure/session.h"

#include <algorithm>
#include <set>

#include "calibration/measure/design.h"
#include "sim/core/rng.h"

namespace plumbline::measure {
namespace {

// Fisher-Yates on [first, last) with draws that do not depend on the library.
void shuffle(std::vector<const Site*>& sites, std::size_t first, std::size_t last,
             const RandomStream& draws) {
  for (std::size_t i = last; i > first + 1; --i) {
    const auto span = static_cast<double>(i - first);
    const auto other = first + static_cast<std::size_t>(draws.uniform(i) * span);
    std::swap(sites[i - 1], sites[other]);
  }
}

double median_or_zero(const std::vector<double>& values) {
  return values.empty() ? 0 : quantile(values, 0.5);
}

/// One run over one device; the state that its parts share.
class Session {
 public:
  Session(MeasuredDevice& device, const SessionOptions& options, const SessionSinks& sinks)
      : device_(device),
        facts_(device.facts()),
        options_(options),
        sinks_(sinks),
        start_s_(device.now_s()) {}

  SessionEnd run(std::vector<const Site*> order) {
    for (std::size_t i = 0; i < order.size(); i += options_.block) {
      shuffle(order, i, std::min(i + options_.block, order.size()), {options_.seed, "order"});
    }
    total_ = order.size();
    for (const Site* site : order) expected_left_s_ += expected_seconds(*site, facts_);
    const SessionEnd end = pass(order, 1);
    if (end != SessionEnd::kComplete || again_.empty()) return end;
    std::vector<const Site*> again = again_;
    shuffle(again, 0, again.size(), {options_.seed, "again"});
    total_ += again.size();
    for (const Site* site : again) expected_left_s_ += expected_seconds(*site, facts_);
    return pass(again, 2);
  }

 private:
  SessionEnd pass(const std::vector<const Site*>& order, int attempt) {
    SessionEnd end = SessionEnd::kComplete;
    for (const Site* site : order) {
      if (stopped()) return SessionEnd::kStopped;
      const double expected = expected_seconds(*site, facts_);
      const double spent = device_.now_s() - start_s_;
      if (sinks_.progress) sinks_.progress({done_, total_, left_s(spent), site});
      if (spent + expected > options_.budget_s) {
        end = SessionEnd::kBudget;  // smaller sites may still fit
      } else if (!measure(*site, attempt)) {
        return SessionEnd::kStopped;
      } else {
        expected_done_s_ += expected;
      }
      expected_left_s_ -= expected;
      ++done_;
    }
    if (sinks_.progress) sinks_.progress({done_, total_, 0, nullptr});
    return end;
  }

  // What is expected of the rest, corrected by how the expectations did so far.
  double left_s(double spent) const {
    const double pace = expected_done_s_ > 1 ? spent / expected_done_s_ : 1;
    return std::min(pace * expected_left_s_, std::max(0.0, options_.budget_s - spent));
  }

  bool stopped() const { return sinks_.stop && sinks_.stop(); }

  // False when it was stopped before the sample was whole.
  bool measure(const Site& site, int attempt) {
    std::unique_ptr<Workload> workload;
    try {
      workload = device_.open(site);
    } catch (const Unsupported& why) {
      if (sinks_.left_out) sinks_.left_out(site, why.what());
      return true;
    }
    Measurement sample;
    sample.site = site;
    sample.attempt = attempt;
    const bool whole =
        site.regime == "sustained" ? sustained(*workload, sample) : burst(*workload, sample);
    if (!whole) return false;
    judge(sample, attempt);
    if (sinks_.measured) sinks_.measured(sample);
    return true;
  }

  bool burst(Workload& workload, Measurement& sample) {
    StoppingRule rule(options_.limits);
    std::vector<double> mhz, watts;
    while (rule.state() == Stop::kGoOn) {
      if (stopped()) return false;
      const Window window = workload.run();
      rule.add(window.seconds, window.busy_s);
      if (window.sm_mhz > 0) mhz.push_back(window.sm_mhz);
      if (window.power_w > 0) watts.push_back(window.power_w);
    }
    sample.stop = rule.state();
    sample.windows_s = rule.windows();
    sample.sm_mhz = median_or_zero(mhz);
    sample.power_w = median_or_zero(watts);
    if (rule.drifted()) sample.flags.push_back("drift");
    return true;
  }

  bool sustained(Workload& workload, Measurement& sample) {
    std::vector<double> first, mhz, watts;
    const double seconds = sustained_seconds(sample.site);
    for (double busy = 0; busy < options_.warm_up_s + seconds;) {
      if (stopped()) return false;
      const Window window = workload.run();
      busy += window.busy_s;
      if (busy < 1.0 || first.empty()) first.push_back(window.seconds);
      if (busy < options_.warm_up_s) continue;
      sample.windows_s.push_back(window.seconds);
      if (window.sm_mhz > 0) mhz.push_back(window.sm_mhz);
      if (window.power_w > 0) watts.push_back(window.power_w);
    }
    sample.first_s = quantile(first, 0.5);
    sample.sm_mhz = median_or_zero(mhz);
    sample.power_w = median_or_zero(watts);
    sample.stop = Stop::kBudget;  // it ends with the time it was given
    return true;
  }

  void judge(Measurement& sample, int attempt) {
    const bool sustained = sample.site.regime == "sustained";
    if (sample.median_s() < 0.98 * physical_bound_s(sample.site, facts_)) {
      sample.flags.push_back("faster_than_peak");
    }
    if (!sustained && sample.sm_mhz > 0 && sample.sm_mhz < 0.85 * fastest_mhz_) {
      sample.flags.push_back("throttled");
    }
    if (!sustained) fastest_mhz_ = std::max(fastest_mhz_, sample.sm_mhz);
    const bool doubtful = !sample.flags.empty() || sample.stop != Stop::kConverged;
    if (attempt == 1 && !sustained && doubtful) again_.push_back(&find(sample.site));
  }

  const Site& find(const Site& site) { return *kept_.insert(kept_.end(), site); }

  struct ById {
    bool operator()(const Site& a, const Site& b) const { return to_id(a) < to_id(b); }
  };

  MeasuredDevice& device_;
  const DeviceFacts facts_;
  const SessionOptions& options_;
  const SessionSinks& sinks_;
  const double start_s_;
  std::size_t done_ = 0, total_ = 0;
  double expected_left_s_ = 0, expected_done_s_ = 0;
  double fastest_mhz_ = 0;
  std::set<Site, ById> kept_;  // nodes do not move
  std::vector<const Site*> again_;
};

}  // namespace

std::vector<SustainedFactor> sustained_factors(const std::vector<Measurement>& measurements) {
  std::vector<SustainedFactor> factors;
  for (const Measurement& long_run : measurements) {
    if (long_run.site.regime != "sustained") continue;
    Site burst = long_run.site;
    burst.regime = "cold";
    burst.bytes = 0;
    const auto found = std::find_if(measurements.rbegin(), measurements.rend(),
                                    [&](const Measurement& m) { return m.site == burst; });
    if (found == measurements.rend()) continue;
    factors.push_back(
        {burst.dtype, found->median_s(), long_run.median_s(), long_run.sm_mhz, long_run.power_w});
  }
  return factors;
}

double physical_bound_s(const Site& site, const DeviceFacts& facts) {
  double bound = 0;
  const auto peak = facts.peak_flops.find(site.dtype);
  if (peak != facts.peak_flops.end() && peak->second > 0) bound = flops(site) / peak->second;
  // What fits into the L2 need not come from memory, whatever the buffers do.
  const double bytes = memory_bytes(site);
  const bool from_memory = site.regime == "cold" && bytes > 4 * facts.l2_bytes;
  if (facts.peak_bytes_per_s > 0 && from_memory) {
    bound = std::max(bound, bytes / facts.peak_bytes_per_s);
  }
  return bound;
}

SessionEnd run_session(const std::vector<Site>& sites, const std::vector<Site>& have,
                       MeasuredDevice& device, const SessionOptions& options,
                       const SessionSinks& sinks) {
  std::set<std::string> known;
  for (const Site& site : have) known.insert(to_id(site));
  std::vector<const Site*> order;
  for (const Site& site : sites) {
    if (!known.count(to_id(site))) order.push_back(&site);
  }
  return Session(device, options, sinks).run(std::move(order));
}

}  // namespace plumbline::measure
