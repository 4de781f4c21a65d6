#include "sim/core/sim_time.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

namespace plumbline {
namespace {

TEST(SimTime, CountsWholePicosecondsRoundedToTheNearest) {
  EXPECT_EQ(to_sim_time(Seconds(0.0)), 0);
  EXPECT_EQ(to_sim_time(Seconds(1e-12)), 1);
  EXPECT_EQ(to_sim_time(Seconds(1.0)), 1'000'000'000'000);
  EXPECT_EQ(to_sim_time(Seconds(2.4e-12)), 2);
  EXPECT_EQ(to_sim_time(Seconds(2.6e-12)), 3);
}

TEST(SimTime, RoundsAsTheStandardLibraryDoes) {
  for (const double ps :
       {0.5, 0.49999999999999994, 1.5, 2.5, 1e6 + 0.5, 4503599627370495.5, 1e18}) {
    const Seconds time(ps * 1e-12);
    EXPECT_EQ(to_sim_time(time), std::llround(time.base() * 1e12)) << ps;
  }
}

TEST(SimTime, SurvivesTheRoundTripUpToHours) {
  for (const SimTime t : {SimTime{1}, SimTime{123'456'789}, SimTime{7'200'000'000'000'001}}) {
    EXPECT_EQ(to_sim_time(to_seconds(t)), t);
  }
}

TEST(SimTime, RefusesWhatTheClockCannotHold) {
  EXPECT_THROW(to_sim_time(Seconds(-1e-9)), std::out_of_range);
  EXPECT_THROW(to_sim_time(Seconds(107.0 * 86400)), std::out_of_range);
  EXPECT_THROW(to_sim_time(Seconds(std::numeric_limits<double>::quiet_NaN())), std::out_of_range);
  EXPECT_THROW(to_sim_time(Seconds(std::numeric_limits<double>::infinity())), std::out_of_range);
  EXPECT_NO_THROW(to_sim_time(Seconds(106.0 * 86400)));
}

}  // namespace
}  // namespace plumbline
