// Bubbles and peaks that the papers state in closed form, over many shapes and costs.  Idle is
// makespan - busy of every rank; F, I, W and B = I + W are times of one chunk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "schedules/catalog.h"
#include "schedules/evaluate.h"

namespace plumbline {
namespace {

constexpr double kTolerance = 1e-9;

struct Costs {
  double f, i, w;
  double b() const { return i + w; }
  UnitCosts unit(double comm = 0.0) const {
    UnitCosts costs;
    costs.forward = f;
    costs.input_grad = i;
    costs.weight_grad = w;
    costs.comm = comm;
    return costs;
  }
};

const std::vector<Costs> kAnyCosts{{1, 1, 1}, {2, 3, 1}, {1, 0.5, 2}, {3, 2, 2}, {1, 1.5, 0.5}};

Schedule make(const char* name, int ranks, int chunks, int microbatches,
              const ScheduleOptions& options = {}) {
  return generate_schedule(
      name, {.stages_per_chunk = ranks, .chunks = chunks, .microbatches = microbatches}, options);
}

std::string at(int ranks, int chunks, int microbatches) {
  return "P " + std::to_string(ranks) + ", V " + std::to_string(chunks) + ", M " +
         std::to_string(microbatches);
}

double idle(const Schedule& schedule, const UnitCosts& costs) {
  const Evaluation evaluation = evaluate(schedule, costs);
  for (const double each : evaluation.idle) EXPECT_NEAR(each, evaluation.idle[0], kTolerance);
  return evaluation.idle[0];
}

double latency_adds(const Schedule& schedule, const Costs& costs, double comm) {
  return evaluate(schedule, costs.unit(comm)).makespan - evaluate(schedule, costs.unit()).makespan;
}

int most_alive(const Schedule& schedule) {
  return std::ranges::max(peak_live_activations(schedule));
}

TEST(ClosedForm, GPipeAnd1F1BIdleOneRampOfForwardAndBackward) {
  for (const Costs& c : kAnyCosts) {
    for (const int p : {1, 2, 3, 4, 8, 16}) {
      for (const int m : {1, 2, 5, 8, 16, 33}) {
        const double ramp = (p - 1) * (c.f + c.b());
        EXPECT_NEAR(idle(make("gpipe", p, 1, m), c.unit()), ramp, kTolerance) << at(p, 1, m);
        EXPECT_NEAR(idle(make("1f1b", p, 1, m), c.unit()), ramp, kTolerance) << at(p, 1, m);
      }
    }
  }
}

TEST(ClosedForm, InterleavingDividesThatRampByItsChunks) {
  for (const Costs& c : kAnyCosts) {
    for (const int p : {2, 4, 8}) {
      for (const int v : {2, 3, 4}) {
        for (const int m : {p, 2 * p, 3 * p, 2 * p + 2}) {
          const double ramp = (p - 1) * (c.f + c.b());
          if (m % std::max(1, m / p) == 0) {
            EXPECT_NEAR(idle(make("interleaved_1f1b", p, v, m), c.unit()), ramp, kTolerance)
                << at(p, v, m);
          }
          EXPECT_NEAR(idle(make("looped_bfs", p, v, m), c.unit()), ramp, kTolerance) << at(p, v, m);
        }
      }
    }
  }
}

TEST(ClosedForm, InterleavingWithFewerMicrobatchesThanRanksIdlesThroughEveryChunk) {
  for (const Costs& c : kAnyCosts) {
    for (const int v : {2, 3, 4}) {
      for (const int m : {1, 3, 5}) {
        const int p = 6;
        EXPECT_NEAR(idle(make("interleaved_1f1b", p, v, m), c.unit()),
                    ((p - 1) + (v - 1) * (p - m)) * (c.f + c.b()), kTolerance)
            << at(p, v, m);
      }
    }
  }
}

TEST(ClosedForm, MegatronsGroupsDoNotChangeTheBubble) {
  for (const int group : {4, 5, 8, 16}) {
    ScheduleOptions options;
    options.microbatch_group_size = group;
    const Schedule schedule = make("interleaved_1f1b", 4, 2, group == 5 ? 20 : 16, options);
    EXPECT_NEAR(idle(schedule, Costs{2, 3, 1}.unit()), 3 * (2 + 4), kTolerance) << group;
    EXPECT_EQ(peak_live_activations(schedule)[0], std::min(2 * 16 + 8, 2 * 3 + group + 1));
  }
}

TEST(ClosedForm, Zb1pKeepsOnlyWhatTheWeightGradientCannotFill) {
  for (const Costs& c : kAnyCosts) {
    for (const int p : {2, 4, 8}) {
      for (const int v : {1, 2, 4}) {
        for (const int m : {p, 2 * p, 4 * p}) {
          EXPECT_NEAR(idle(make("interleaved_zb", p, v, m), c.unit()),
                      (p - 1) * std::max(c.f, c.f + c.i - c.w), kTolerance)
              << at(p, v, m);
        }
      }
    }
  }
}

TEST(ClosedForm, ZbH1IdlesAsZb1p) {
  for (const int p : {2, 3, 4, 8}) {
    for (const int m : {2 * p, 2 * p + 1, 4 * p}) {
      for (const Costs& c : {Costs{1, 1, 1}, Costs{2, 3, 1}}) {
        ScheduleOptions options;
        options.costs = c.unit();
        const Schedule schedule = make("zb_h1", p, 1, m, options);
        EXPECT_NEAR(idle(schedule, c.unit()), (p - 1) * (c.f + c.i - c.w), kTolerance)
            << at(p, 1, m);
        EXPECT_THAT(peak_live_activations(schedule), ::testing::Each(p));
      }
    }
  }
}

TEST(ClosedForm, ZbH2AndZbVHaveNoBubbleBetweenFirstAndLastOperationOfARank) {
  for (const int p : {2, 3, 4, 8}) {
    for (const int m : {2 * p, 2 * p + 1, 4 * p}) {
      for (const Schedule& schedule : {make("zb_h2", p, 1, m), make("zb_v", p, 2, m)}) {
        const Evaluation evaluation = evaluate(schedule, {});
        EXPECT_THAT(evaluation.span_idle, ::testing::Each(::testing::DoubleNear(0.0, kTolerance)))
            << schedule.name << ", " << at(p, 1, m);
        EXPECT_NEAR(evaluation.idle[0], p - 1, kTolerance);
        EXPECT_LE(most_alive(schedule), 2 * p);
      }
    }
  }
}

TEST(ClosedForm, ZbVIdlesOneInputGradientPerRankOrTwiceWhatTheWeightGradientCannotHide) {
  // W <= F <= I
  for (const Costs& c : {Costs{1, 1, 1}, Costs{2, 3, 1}, Costs{2, 2.5, 2}, Costs{1, 1.5, 0.5}}) {
    for (const int p : {2, 4, 8}) {
      for (const int m : {2 * p - 1, 2 * p, 4 * p}) {
        EXPECT_NEAR(idle(make("zb_v", p, 2, m), c.unit()), (p - 1) * std::max(c.i, 2 * (c.i - c.w)),
                    kTolerance)
            << at(p, 2, m);
      }
    }
  }
}

TEST(ClosedForm, DualPipeIdlesWhatItsRampLeavesAfterOverlap) {
  for (const Costs& c : {Costs{1, 1, 1}, Costs{2, 2, 1}, Costs{3, 2, 2}}) {  // F >= I >= W
    for (const double overlap : {1.0, 0.8}) {
      UnitCosts costs = c.unit();
      costs.overlap = overlap * (c.f + c.b());
      for (const int p : {2, 4, 8}) {
        const double per_rank = *costs.overlap + c.f - 2 * c.w;
        for (const int m : {2 * p, 3 * p, 4 * p}) {
          const Evaluation v = evaluate(make("dualpipe_v", p, 2, m), costs);
          EXPECT_NEAR(v.makespan, v.busy[0] + v.idle[0], kTolerance);
          EXPECT_NEAR(std::ranges::max(v.idle), (p - 1) * per_rank, kTolerance) << at(p, 2, m);
          const Evaluation two = evaluate(make("dualpipe", p, 2, m), costs);
          EXPECT_NEAR(std::ranges::max(two.idle), (p / 2 - 1) * per_rank, kTolerance)
              << at(p, 2, m);
        }
      }
    }
  }
}

TEST(ClosedForm, ChimeraIdlesOneRankLessThanHalfARampOnEachSide) {
  // (D - 2) of 2N + D - 2 slots when a backward is as long as a forward.
  const Costs even{1, 0.5, 0.5};
  for (const int p : {2, 4, 8, 16}) {
    for (const int units : {1, 2, 5}) {
      EXPECT_NEAR(idle(make("chimera", p, 2, units * p), even.unit()), p - 2, kTolerance)
          << at(p, 2, units * p);
    }
  }
}

TEST(ClosedForm, ChimeraIsAsInItsTable2WhenBackwardsAreTwiceAsLong) {
  // For N = D micro-batches: bubble ratio (D - 2) / (3N/2 + D - 2), and between D/2 + 1 activations
  // on the ranks at the ends and D on those in the middle.
  for (const int p : {2, 4, 8, 16}) {
    const Schedule schedule = make("chimera", p, 2, p);
    const Evaluation result = evaluate(schedule, Costs{1, 1, 1}.unit());
    EXPECT_NEAR(result.idle[0] / result.makespan, (p - 2) / (1.5 * p + p - 2), kTolerance) << p;
    const std::vector<int> peaks = peak_live_activations(schedule);
    for (int r = 0; r < p; ++r) EXPECT_EQ(peaks[r], p / 2 + 1 + std::min(r, p - 1 - r)) << p;
  }
}

// Of Hanayo no figure is at hand to test against: the text of arXiv:2308.15762 could not be
// had, and no code of its authors states a closed form.  That one wave idles (P - 1)(2F + B) of
// chunk time is read off the order of the paper's figures as drawn in hanayo.cpp, and so is that W
// waves divide a rank's idleness by W; the peak of VM chunk activations at M = P follows from the
// rule.
TEST(ClosedForm, HanayosSingleWaveIdlesAThirdLessThan1F1BWhenBackwardsAreTwiceAsLong) {
  for (const int p : {2, 3, 4, 8}) {
    EXPECT_NEAR(idle(make("hanayo", p, 2, p), {}), 2 * (p - 1) * (1 + 2) * 2 / 3.0, kTolerance);
  }
}

TEST(ClosedForm, MoreWavesIdleLessOfARanksTime) {
  for (const int p : {4, 8}) {
    const double one_wave = idle(make("hanayo", p, 2, p), {}) / 2;
    const double two_waves = idle(make("hanayo", p, 4, p), {}) / 4;
    EXPECT_LT(two_waves, 0.6 * one_wave) << p;
  }
}

TEST(ClosedForm, HanayosIdlenessIsOneRampOfChunkTimeHoweverManyWavesThereAre) {
  // Of a rank's time that is 1/W of one wave's, as in the paper's figure of ever finer waves; with
  // more than one, the rule of the oldest micro-batch loses up to P/4 chunk times.
  for (const int p : {2, 4, 8}) {
    const double ramp = 4 * (p - 1);  // (P - 1)(2F + B) with B = 2F
    for (const int waves : {1, 2, 3, 4}) {
      const double idle_chunks = idle(make("hanayo", p, 2 * waves, p), {});
      EXPECT_GE(idle_chunks, ramp - kTolerance) << at(p, 2 * waves, p);
      EXPECT_LE(idle_chunks, ramp + p / 4.0 + kTolerance) << at(p, 2 * waves, p);
    }
  }
}

TEST(ClosedForm, PeaksOfTheWholeBackwardSchedules) {
  for (const int p : {2, 4, 8}) {
    for (const int m : {p, 2 * p, 4 * p}) {
      EXPECT_EQ(most_alive(make("gpipe", p, 1, m)), m);
      EXPECT_EQ(most_alive(make("looped_bfs", p, 3, m)), 3 * m);
      const auto plain = peak_live_activations(make("1f1b", p, 1, m));
      const auto interleaved = peak_live_activations(make("interleaved_1f1b", p, 2, m));
      for (int r = 0; r < p; ++r) {
        EXPECT_EQ(plain[r], std::min(p - r, m));
        EXPECT_EQ(interleaved[r], std::min(2 * m, 2 * (p - 1 - r) + p + 1));
      }
    }
  }
}

TEST(ClosedForm, PeaksOfTheSplitBackwardSchedules) {
  for (const int p : {2, 4, 8}) {
    for (const int m : {2 * p, 4 * p}) {
      for (const int v : {1, 2, 3}) {
        EXPECT_THAT(peak_live_activations(make("interleaved_zb", p, v, m)),
                    ::testing::Each(std::min(v * m, (v - 1) * p + p)));
      }
      EXPECT_EQ(most_alive(make("zb_v", p, 2, m)), 2 * p);
      EXPECT_EQ(most_alive(make("v_half", p, 2, m)), 2 * (p / 2 + 1));
      EXPECT_EQ(most_alive(make("v_min", p, 2, m)), 2 * ((p + 2 + 2) / 3));
      EXPECT_EQ(most_alive(make("dualpipe", p, 2, m)), p + 1);
      EXPECT_EQ(most_alive(make("dualpipe_v", p, 2, m)), 2 * p + 1);
    }
  }
}

TEST(ClosedForm, SmallLatencies) {
  const Costs unit{1, 1, 1};
  const double c = 0.01;
  for (const int p : {4, 8}) {
    for (const int m : {2 * p, 4 * p}) {
      EXPECT_NEAR(latency_adds(make("gpipe", p, 1, m), unit, c), 2 * (p - 1) * c, kTolerance);
      // 1F1B pays twice per P micro-batches: it grows with M.
      EXPECT_NEAR(latency_adds(make("1f1b", p, 1, m), unit, c),
                  (2.0 * (p - 1) * m / p + 2 * (p - 2)) * c, kTolerance);
      EXPECT_NEAR(latency_adds(make("interleaved_1f1b", p, 2, m), unit, c), 2 * (2 * p - 1) * c,
                  kTolerance);
      EXPECT_NEAR(latency_adds(make("interleaved_zb", p, 1, m), unit, c), 4 * (p - 1) * c,
                  kTolerance);
      EXPECT_NEAR(latency_adds(make("zb_v", p, 2, m), unit, c), (5 * p - 7) * c, kTolerance);
    }
  }
}

}  // namespace
}  // namespace plumbline
