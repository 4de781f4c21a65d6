// The measuring session without a GPU: stopping rule, design, session, record and the way to a fit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "calibration/fit_profile.h"
#include "calibration/measure/design.h"
#include "calibration/measure/record.h"
#include "calibration/measure/recorded_device.h"
#include "calibration/measure/session.h"
#include "calibration/measure/synthetic_device.h"
#include "calibration/measured_samples.h"
#include "sim/cluster/read_profile.h"
#include "sim/core/diagnostic.h"
#include "sim/core/rng.h"
#include "sim/kernels/csv_table.h"
#include "sim/kernels/sha256.h"

namespace plumbline::measure {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;

// ---- the stopping rule, fed sequences whose kind is known --------------------------------------

struct Ended {
  Stop stop;
  std::size_t windows;
  bool drifted;
};

template <typename Sequence>
Ended feed(Sequence&& value_of, StoppingLimits limits = {}) {
  StoppingRule rule(limits);
  for (int i = 0; rule.state() == Stop::kGoOn; ++i) rule.add(value_of(i), 0.002);
  return {rule.state(), rule.windows().size(), rule.drifted()};
}

TEST(StoppingRule, EndsAConstantAfterTheFewestWindows) {
  const Ended ended = feed([](int) { return 1e-4; });
  EXPECT_EQ(ended.stop, Stop::kConverged);
  EXPECT_EQ(ended.windows, 7u);
  EXPECT_FALSE(ended.drifted);
}

TEST(StoppingRule, WantsTenMillisecondsOfWorkWhateverTheWindows) {
  StoppingRule rule;
  for (int i = 0; rule.state() == Stop::kGoOn; ++i) rule.add(1e-4, 0.0005);
  EXPECT_EQ(rule.windows().size(), 20u);  // 0.010 / 0.0005
}

TEST(StoppingRule, ConvergesOnNoiseWithAMedianAsGoodAsItClaims) {
  // The interval is about 95 % wide: over 200 sequences the true median lies in nearly all of them.
  int converged = 0, inside = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const RandomStream draws(seed, "noise");
    StoppingRule rule;
    for (int i = 0; rule.state() == Stop::kGoOn; ++i)
      rule.add(std::exp(0.01 * draws.normal(i)), 2e-3);
    if (rule.state() != Stop::kConverged) continue;
    ++converged;
    inside += std::abs(rule.median() - 1) < 2 * 0.005;
  }
  EXPECT_GT(converged, 150);
  EXPECT_GT(inside, 0.95 * converged);
}

TEST(StoppingRule, CallsADriftADrift) {
  const Ended ended = feed([](int i) { return 1e-4 * (1 + 0.005 * i); });
  EXPECT_NE(ended.stop, Stop::kConverged);
  EXPECT_TRUE(ended.drifted);
}

TEST(StoppingRule, CallsTwoModesAPlateau) {
  const Ended ended = feed([](int i) { return i % 2 ? 1.0e-4 : 1.2e-4; }, {.max_windows = 400});
  EXPECT_EQ(ended.stop, Stop::kBudget);  // 1/sqrt(n) narrows any fixed spread, but never enough
  const RandomStream draws(7, "modes");
  const Ended growing = feed([&](int i) { return i < 9 ? 1e-4 : 1e-4 * (1 + 0.2 * (i % 2)); });
  EXPECT_NE(growing.stop, Stop::kGoOn);
}

TEST(StoppingRule, SeesTheClockFallInTheMiddle) {
  // A throttled card: a third slower from the ninth window on, with a little noise throughout.
  const RandomStream draws(3, "throttle");
  const Ended ended =
      feed([&](int i) { return (i < 9 ? 1e-4 : 1.33e-4) * (1 + 0.008 * draws.normal(i)); });
  EXPECT_NE(ended.stop, Stop::kGoOn);
  EXPECT_TRUE(ended.drifted || ended.stop == Stop::kConverged);
  const Ended spread =
      feed([&](int i) { return (1 + 0.2 * (i >= 9)) * std::exp(0.02 * draws.normal(i)); });
  EXPECT_EQ(spread.stop, Stop::kPlateau);  // 14 windows are wider than 7: this is no noise
}

// ---- sites and the design -----------------------------------------------------------------------

TEST(Site, ReadsItsOwnId) {
  for (const Site& site : design(SyntheticDevice().facts(), {})) {
    EXPECT_EQ(site_of(to_id(site)), site) << to_id(site);
  }
  EXPECT_THROW(site_of("gemm/tn/bf16"), std::invalid_argument);
  EXPECT_THROW(site_of("gemm/tn/bf16/fit/cold/0/1/2/x/0/1"), std::invalid_argument);
  EXPECT_THROW(site_of("gemm/tn/bf16/fit/cold/0/1/2/3/0/0"), std::invalid_argument);
}

TEST(Site, CountsAProductsTraffic) {
  Site site{"gemm", "nt", "bf16"};
  site.m = 100, site.n = 200, site.k = 50;
  EXPECT_DOUBLE_EQ(flops(site), 2e6);
  EXPECT_DOUBLE_EQ(memory_bytes(site), 2 * (100 * 50 + 200 * 50) + 2 * 100 * 200);
  site.accumulate = true;  // reads and writes fp32
  EXPECT_DOUBLE_EQ(memory_bytes(site), 2 * (100 * 50 + 200 * 50) + 8 * 100 * 200);
  site.dtype = "fp8_split";  // bf16 out unless it accumulates
  site.accumulate = false;
  EXPECT_DOUBLE_EQ(memory_bytes(site), 100 * 50 + 200 * 50 + 2 * 100 * 200);
}

std::size_t count(const std::vector<Site>& sites, auto&& which) {
  return static_cast<std::size_t>(std::count_if(sites.begin(), sites.end(), which));
}

TEST(Design, HasTheSitesThatALayerRuns) {
  const std::vector<Site> sites = design(SyntheticDevice().facts(), {});
  const auto gemm = [&](const char* layout, const char* dtype, const char* role) {
    return count(sites, [&](const Site& s) {
      return s.operation == "gemm" && s.name == layout && s.dtype == dtype && s.role == role;
    });
  };
  EXPECT_EQ(gemm("tn", "bf16", "fit"), 15u * 5 * 5);
  EXPECT_EQ(gemm("nn", "bf16", "fit"), 5u * 5 * 5);
  EXPECT_EQ(gemm("nt", "bf16", "fit"), 5u * 5 * 5);
  EXPECT_EQ(gemm("tn", "fp8", "fit") + gemm("tn", "fp8_split", "fit"), 128u);
  EXPECT_EQ(gemm("tn", "bf16", "held_out"), 84u);
  EXPECT_EQ(gemm("tn", "bf16", "head"), 36u);
  EXPECT_EQ(count(sites, [](const Site& s) { return s.operation == "memory"; }), 96u);
  EXPECT_EQ(count(sites, [](const Site& s) { return s.operation == "elementwise"; }), 15u * 7);
  std::set<std::string> ids;
  for (const Site& site : sites) EXPECT_TRUE(ids.insert(to_id(site)).second) << to_id(site);
}

TEST(Design, NeverFitsWhatItHoldsOut) {
  std::set<std::pair<std::int64_t, std::int64_t>> fitted, held;
  for (const Site& s : design(SyntheticDevice().facts(), {.only = {"bf16"}})) {
    if (s.operation == "gemm" && s.name == "tn" && s.role != "sustained") {
      (s.role == "fit" ? fitted : held).insert({s.n, s.k});
    }
  }
  for (const auto& shape : held) EXPECT_FALSE(fitted.count(shape)) << shape.first;
}

TEST(Design, LeavesOutWhatTheCardCannotHoldOrDo) {
  DeviceFacts facts = SyntheticDevice().facts();
  facts.memory_bytes = 2e9;
  facts.compute_capability = 80;
  for (const Site& site : design(facts, {})) {
    EXPECT_LE(footprint_bytes(site, facts), 0.8 * 2e9);
    EXPECT_EQ(site.ranks, 1);
    EXPECT_NE(bytes_of(site.dtype == "none" || site.dtype == "bytes" ? "bf16" : site.dtype), 1);
  }
  facts.gpus = 8;
  const auto several = design(facts, {});
  EXPECT_TRUE(std::any_of(several.begin(), several.end(), [](const Site& s) {
    return s.operation == "collective" && s.name == "all_reduce" && s.ranks == 8;
  }));
}

// ---- the session --------------------------------------------------------------------------------

struct Outcome {
  SessionEnd end;
  std::vector<Measurement> measured;
  std::vector<SessionProgress> progress;
};

Outcome run(MeasuredDevice& device, const std::vector<Site>& sites, SessionOptions options = {},
            const std::vector<Site>& have = {}, std::size_t stop_after = 0) {
  Outcome out{};
  SessionSinks sinks;
  sinks.measured = [&](const Measurement& m) { out.measured.push_back(m); };
  sinks.progress = [&](const SessionProgress& p) { out.progress.push_back(p); };
  sinks.stop = [&] { return stop_after > 0 && out.measured.size() >= stop_after; };
  out.end = run_session(sites, have, device, options, sinks);
  return out;
}

TEST(Session, OfTheFullDesignEndsWithinThreeMinutesAndTheQuickOneWithinHalf) {
  for (const auto& [extent, limit] : {std::pair{Extent::kFull, 180.0}, {Extent::kQuick, 30.0}}) {
    SyntheticDevice device;
    const std::vector<Site> sites = design(device.facts(), {.extent = extent});
    const Outcome out = run(device, sites);
    EXPECT_EQ(out.end, SessionEnd::kComplete);
    EXPECT_GE(out.measured.size(), sites.size());
    EXPECT_LT(device.now_s(), limit);
    EXPECT_EQ(out.progress.back().done, out.progress.back().total);
  }
}

TEST(Session, MeasuresDoubtfulSitesOnceMoreAndKeepsBoth) {
  SyntheticDevice device({.noise = 0.05});
  const auto sites = design(device.facts(), {.extent = Extent::kQuick, .only = {"elementwise"}});
  const Outcome out = run(device, sites);
  const auto again = std::count_if(out.measured.begin(), out.measured.end(),
                                   [](const Measurement& m) { return m.attempt == 2; });
  const auto doubtful = std::count_if(out.measured.begin(), out.measured.end(), [](const auto& m) {
    return m.attempt == 1 && (m.stop != Stop::kConverged || !m.flags.empty());
  });
  EXPECT_GT(again, 0);
  EXPECT_EQ(again, doubtful);
}

TEST(Session, StaysWithinItsBudgetAndSaysThatItWasSpent) {
  SyntheticDevice device;
  const auto sites = design(device.facts(), {.only = {"bf16"}, .sustained_s = 0});
  const Outcome out = run(device, sites, {.budget_s = 5});
  EXPECT_EQ(out.end, SessionEnd::kBudget);
  EXPECT_LT(device.now_s(), 5.0);
  EXPECT_GT(out.measured.size(), 20u);
}

TEST(Session, ComparesASustainedRunWithTheSameProductAsABurst) {
  SyntheticDevice device({.sustained = 0.8, .outliers = 0});
  const auto sites = design(device.facts(), {.only = {"sustained"}, .sustained_s = 60});
  const Outcome out = run(device, sites, {.budget_s = 400});
  const std::vector<SustainedFactor> factors = sustained_factors(out.measured);
  ASSERT_EQ(factors.size(), 3u);
  for (const SustainedFactor& f : factors) EXPECT_NEAR(f.factor(), 0.8, 0.01) << f.dtype;
  for (const Measurement& m : out.measured) {
    if (m.site.regime != "sustained") continue;
    double busy = 0;
    for (const double s : m.windows_s) busy += std::ceil(0.05 / m.median_s()) * s;
    EXPECT_NEAR(busy, 60, 1) << to_id(m.site);
  }
}

TEST(Session, FlagsTimesThatNoCardOfThesePeaksCanReach) {
  class Boastful : public SyntheticDevice {
   public:
    DeviceFacts facts() const override {
      DeviceFacts facts = SyntheticDevice::facts();
      facts.peak_flops["bf16"] /= 4;  // now every large product is too fast to be true
      return facts;
    }
  } device;
  Site site{"gemm", "tn", "bf16"};
  site.m = site.n = site.k = 8192;
  const Outcome out = run(device, {site});
  ASSERT_EQ(out.measured.size(), 2u);  // tried again, no better
  EXPECT_THAT(out.measured[1].flags, Contains("faster_than_peak"));
  EXPECT_TRUE(projections("x", out.measured).empty());
}

// ---- the record ---------------------------------------------------------------------------------

class Record : public testing::Test {
 protected:
  Record()
      : folder_(fs::temp_directory_path() /
                ("plumbline_measure_" +
                 std::string(testing::UnitTest::GetInstance()->current_test_info()->name()))) {
    fs::remove_all(folder_);
  }
  ~Record() override { fs::remove_all(folder_); }
  std::string folder() const { return folder_.string(); }
  fs::path folder_;
};

TEST_F(Record, IsResumedWhereItWasStoppedAndTheSumIsTheWholeDesign) {
  const SyntheticDevice known;
  const auto sites = design(known.facts(), {.extent = Extent::kQuick, .only = {"bf16"}});
  {
    SyntheticDevice device;
    RawFile raw(folder());
    const Outcome first = run(device, sites, {}, {}, 40);
    EXPECT_EQ(first.end, SessionEnd::kStopped);
    for (const Measurement& m : first.measured) raw.append(m);
  }
  std::ofstream(folder_ / "raw.csv", std::ios::app)
      << "gemm/tn/bf16/fit/co";  // the plug was pulled
  RawFile raw(folder());
  ASSERT_EQ(raw.contents().measurements.size(), 40u);
  EXPECT_EQ(raw.contents().notes.size(), 1u);
  std::vector<Site> have;
  for (const Measurement& m : raw.contents().measurements) have.push_back(m.site);
  SyntheticDevice device;
  const Outcome rest = run(device, sites, {}, have);
  EXPECT_EQ(rest.end, SessionEnd::kComplete);
  std::set<std::string> all;
  for (const Site& site : have) all.insert(to_id(site));
  for (const Measurement& m : rest.measured) {
    raw.append(m);
    if (m.attempt > 1) continue;
    EXPECT_TRUE(all.insert(to_id(m.site)).second) << "measured twice";
  }
  EXPECT_EQ(all.size(), sites.size());
  EXPECT_EQ(parse_raw(read_file((folder_ / "raw.csv").string()), "raw.csv").measurements.size(),
            40 + rest.measured.size());
}

TEST_F(Record, RefusesAFileOfAnotherKindAndNamesTheLineOfABadRow) {
  fs::create_directories(folder_);
  std::ofstream(folder_ / "raw.csv") << "m,n,k,latency_us\n1,2,3,4\n";
  EXPECT_THROW(RawFile{folder()}, InputError);
  for (const char* row :
       {"gemm/tn,1,converged,,1,1,1,1,0,0,0,1\n",
        "memory/copy/bytes/fit/cold/0/0/0/0/64/1,1,tired,,1,1,1,1,0,0,0,1\n",
        "memory/copy/bytes/fit/cold/0/0/0/0/64/1,1,converged,,1,1,1,1,0,0,0,\n",
        "memory/copy/bytes/fit/cold/0/0/0/0/64/1,1,converged,,1,1,1,1,0,0,0,-1\n"}) {
    try {
      parse_raw(raw_header() + row, "raw.csv");
      ADD_FAILURE() << row;
    } catch (const InputError& error) {
      EXPECT_EQ(error.diagnostics().front().at.line, 2) << row;
    }
  }
}

TEST_F(Record, ReplaysAsADeviceToTheSameFiles) {
  SyntheticDevice device;
  const auto sites = design(device.facts(), {.extent = Extent::kQuick});
  const Outcome first = run(device, sites);
  std::string raw = raw_header();
  for (const Measurement& m : first.measured) raw += raw_row(m);
  const auto measured = parse_raw(raw, "raw.csv").measurements;
  RecordedDevice recorded(device.facts(), measured);
  const auto files = projections("x", measured);
  auto replayed = projections("x", run(recorded, sites).measured);
  EXPECT_GE(files.size(), 8u);
  for (const auto& [name, text] : files) EXPECT_TRUE(replayed[name] == text) << name;
}

TEST_F(Record, NamesEveryFileWithTheHashOfItsBytes) {
  SyntheticDevice device;
  const auto sites = design(device.facts(), {.extent = Extent::kQuick});
  RawFile raw(folder());
  const Outcome out = run(device, sites);
  for (const Measurement& m : out.measured) raw.append(m);
  Provenance provenance;
  provenance.facts = device.facts();
  provenance.command = "plumbline-measure \"quoted\"";
  provenance.end = "complete";
  write_projections(folder(), "syn", out.measured, provenance);
  const std::string text = read_file((folder_ / "provenance.yaml").string());
  EXPECT_EQ(uuid_in(text), device.facts().uuid);
  int files = 0;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if (name == "provenance.yaml") continue;
    ++files;
    EXPECT_THAT(text, HasSubstr(name + ": {rows: "));
    EXPECT_THAT(text, HasSubstr(sha256_hex(read_file(entry.path().string()))));
  }
  EXPECT_GE(files, 8);
}

// ---- from the session to the profile ------------------------------------------------------------

// What is measured can be fitted, and the fit predicts the sites that were held out: the error of
// prediction is the gate, because t0 and p are weakly identified.
TEST_F(Record, FitsToAProfileThatPredictsTheHeldOutSites) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SyntheticParameters parameters;
    parameters.seed = seed;
    SyntheticDevice device(parameters);
    const auto sites = design(device.facts(), {.extent = Extent::kQuick, .only = {"bf16"}});
    const Outcome out = run(device, sites);
    write_projections(folder() + "/samples", "syn", out.measured, {});
    const std::string profile = folder() + "/syn.yaml";
    std::string hand =
        read_file(std::string(PLUMBLINE_SOURCE_DIR) + "/hardware_profiles/h100_sxm_80g.yaml");
    hand.erase(hand.find(kFittedMarker));
    hand.replace(hand.find("name: h100_sxm_80g"), 18, "name: syn");
    std::ofstream(profile) << hand;
    const FitProfileResult fit = fit_profile({profile, {folder() + "/samples/syn_gemm_bf16.csv"}});
    ASSERT_EQ(fit.rows.size(), 1u);
    EXPECT_LT(fit.rows[0].cross_validated_median, 0.01);
    std::ofstream(profile) << fit.text;
    const DeviceSpec fitted = read_device(profile);
    EXPECT_NEAR(fitted.gemm.at("bf16").flops.base() / parameters.flops_per_s, 1, 0.03);
    EXPECT_NEAR(fitted.gemm.at("bf16").bytes.base() / parameters.bytes_per_s, 1, 0.05);
    // Held-out products and layouts are in layouts that `calibrate check` reads.
    for (const char* file : {"gemm_bf16_held_out", "gemm_bf16_nn", "gemm_bf16_nt", "elementwise"}) {
      const auto samples = read_measured(folder() + "/samples/syn_" + file + ".csv", fitted);
      EXPECT_GE(samples.samples.size(), 8u) << file;
    }
    fs::remove_all(folder_);
  }
}

}  // namespace
}  // namespace plumbline::measure
