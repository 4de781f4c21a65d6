#include "sim/cluster/device.h"

#include <gtest/gtest.h>

#include <cmath>

namespace plumbline {
namespace {

DeviceSpec chip() {
  DeviceSpec device;
  device.name = "chip";
  device.power_limit_w = 800;
  device.power_exponent.value = 2.0 / 3.0;
  device.sustained["bf16"].value = 0.8;
  return device;
}

TEST(PowerLimit, SlowsSustainedRatesByPowerToTheStatedExponent) {
  const DeviceSpec limited = at_power_limit(chip(), 100);
  EXPECT_NEAR(limited.sustained.at("bf16").value, 0.8 * 0.25, 1e-12);  // (1/8)^(2/3) = 1/4
  EXPECT_EQ(limited.power_limit_w, 100);
}

TEST(PowerLimit, SaysThatTheLawIsAnAssumption) {
  const DeviceSpec limited = at_power_limit(chip(), 500);
  ASSERT_EQ(limited.notes.size(), 1u);
  EXPECT_NE(limited.notes[0].find("assumption"), std::string::npos);
  EXPECT_NE(limited.notes[0].find("500 W"), std::string::npos);
}

TEST(PowerLimit, NeverLiftsAChipAboveItsBurst) {
  EXPECT_EQ(at_power_limit(chip(), 8000).sustained.at("bf16").value, 1.0);
}

TEST(PowerLimit, ChangesNothingAtTheDefault) {
  const DeviceSpec same = at_power_limit(chip(), 800);
  EXPECT_EQ(same.sustained.at("bf16").value, 0.8);
  EXPECT_TRUE(same.notes.empty());
}

}  // namespace
}  // namespace plumbline
