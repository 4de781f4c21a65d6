#include "sim/engine/speed_profile.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "sim/core/rng.h"

namespace plumbline {
namespace {

TEST(SpeedProfile, IsNominalUntilTheFirstStep) {
  const SpeedProfile profile({{100, 0.5}});
  EXPECT_EQ(profile.factor_at(0), 1.0);
  EXPECT_EQ(profile.factor_at(99), 1.0);
  EXPECT_EQ(profile.factor_at(100), 0.5);
  EXPECT_TRUE(SpeedProfile().is_nominal());
  EXPECT_EQ(SpeedProfile().finish_of(7, 5), 12);
}

// 4 done by 4, nothing until 7, the other 6 at half speed take 12.
TEST(SpeedProfile, AddsUpWorkDoneOverTheSteps) {
  const SpeedProfile profile({{4, 0.0}, {7, 0.5}});
  EXPECT_EQ(profile.finish_of(0, 10), 19);
  EXPECT_EQ(profile.finish_of(0, 4), 4);
  EXPECT_EQ(profile.finish_of(5, 1), 9);
  EXPECT_EQ(profile.finish_of(100, 3), 106);
}

TEST(SpeedProfile, FinishesInTheFirstPicosecondInWhichAllIsDone) {
  EXPECT_EQ(SpeedProfile({{0, 0.3}}).finish_of(0, 1), 4);  // 1 / 0.3 = 3.33
  EXPECT_EQ(SpeedProfile({{0, 3.0}}).finish_of(0, 7), 3);  // 7 / 3 = 2.33
}

TEST(SpeedProfile, NeverFinishesWhereItStaysDown) {
  const SpeedProfile profile({{10, 0.0}});
  EXPECT_EQ(profile.finish_of(0, 10), 10);
  EXPECT_EQ(profile.finish_of(0, 11), kNever);
  EXPECT_EQ(profile.finish_of(20, 0), 20) << "no work needs no speed";
}

// Work is counted in integers, so steps that change nothing change nothing.
TEST(SpeedProfile, DoesNotDependOnHowTheTimeIsCut) {
  const RandomStream random(5, "cuts");
  for (std::uint64_t trial = 0; trial < 200; ++trial) {
    const double factor = 0.1 + random.uniform(trial);
    std::vector<SpeedStep> cut = {{0, factor}};
    for (int i = 0; i < 20; ++i) {
      cut.push_back({cut.back().at + 1 + SimTime(random.bits(100 * trial + i) % 50), factor});
    }
    const SimTime work = SimTime(random.bits(trial) % 500);
    EXPECT_EQ(SpeedProfile(cut).finish_of(3, work), SpeedProfile({{0, factor}}).finish_of(3, work));
  }
}

TEST(SpeedProfile, TellsItsChangesAndReplacesThem) {
  SpeedProfile profile({{10, 0.5}, {20, 0.25}});
  EXPECT_EQ(profile.next_change_after(-1), 10);
  EXPECT_EQ(profile.next_change_after(10), 20);
  EXPECT_EQ(profile.next_change_after(20), kNever);
  profile.set_from(15, 2.0);
  EXPECT_EQ(profile.factor_at(14), 0.5);
  EXPECT_EQ(profile.factor_at(20), 2.0);
  EXPECT_EQ(profile.next_change_after(15), kNever);
}

TEST(SpeedProfile, RefusesStepsOutOfOrderAndImpossibleSpeeds) {
  EXPECT_THROW(SpeedProfile({{10, 0.5}, {10, 0.6}}), std::invalid_argument);
  EXPECT_THROW(SpeedProfile({{-1, 0.5}}), std::invalid_argument);
  EXPECT_THROW(SpeedProfile({{0, -0.5}}), std::invalid_argument);
  EXPECT_THROW(SpeedProfile({{0, 1e-12}}), std::invalid_argument);
  EXPECT_THROW(SpeedProfile({{0, 1.0 / 0.0}}), std::invalid_argument);
}

}  // namespace
}  // namespace plumbline
