// The box without a GPU: its predictor is the simulator, its comparison tells right from wrong.
#include "calibration/box.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "calibration/box_program.h"
#include "schedules/catalog.h"
#include "schedules/evaluate.h"
#include "sim/core/diagnostic.h"
#include "sim/core/rng.h"

namespace plumbline {
namespace {

using measure::BoxOp;
using measure::BoxPlan;
using measure::BoxProgram;
using measure::BoxRow;
using testing::HasSubstr;

Schedule make(const std::string& name, int ranks, int microbatches, int chunks = 1) {
  return generate_schedule(name, {ranks, chunks, microbatches});
}

struct Case {
  const char* name;
  int ranks, microbatches, chunks;
};
constexpr Case kCases[] = {{"gpipe", 4, 8, 1}, {"1f1b", 4, 8, 1},   {"1f1b", 8, 6, 1},
                           {"zb_h1", 4, 8, 1}, {"zb_h2", 4, 12, 1}, {"interleaved_1f1b", 4, 8, 2},
                           {"zb_v", 4, 8, 2},  {"hanayo", 4, 8, 2}, {"interleaved_1f1b", 2, 6, 3}};

class EverySchedule : public testing::TestWithParam<Case> {
 protected:
  Schedule schedule() const {
    const Case& c = GetParam();
    return make(c.name, c.ranks, c.microbatches, c.chunks);
  }
};

// What `calibrate box --dry-run` prints is what `plumbline schedule` prints, to the picosecond.
TEST_P(EverySchedule, IsPredictedAsTheSimulatorEvaluatesIt) {
  const Schedule s = schedule();
  for (const double comm : {0.0, 3.0}) {
    UnitCosts costs;  // microseconds, whole: both sides are exact
    costs.forward = 500;
    costs.input_grad = 530;
    costs.weight_grad = 410;
    costs.comm = comm;
    const Evaluation wanted = evaluate(s, costs);
    const BoxProgram program = box_program(s);
    const BoxTimes times = uniform_times(program, Seconds(500e-6), Seconds(530e-6), Seconds(410e-6),
                                         Seconds(comm * 1e-6));
    const BoxRun run = predict(program, s.num_ranks(), times);
    EXPECT_EQ(run.makespan, static_cast<SimTime>(wanted.makespan) * 1'000'000);
    EXPECT_NEAR(run.bubble_fraction, wanted.bubble_fraction(), 1e-12);
    // Operation by operation, not in sum alone.
    std::vector<std::size_t> next(s.ranks.size(), 0);
    for (std::size_t i = 0; i < program.ops.size(); ++i) {
      const Span& span = wanted.spans[program.ops[i].rank][next[program.ops[i].rank]++];
      ASSERT_EQ(run.start[i], static_cast<SimTime>(span.start) * 1'000'000)
          << to_string(program.ops[i]);
      ASSERT_EQ(run.finish[i], static_cast<SimTime>(span.end) * 1'000'000);
    }
  }
}

TEST_P(EverySchedule, HasAReferenceAndAWrongOrderOfTheSameOperations) {
  const Schedule s = schedule();
  const BoxProgram program = box_program(s);
  const auto sorted = [](const BoxProgram& p) {
    std::vector<std::string> names;
    for (const BoxOp& op : p.ops) names.push_back(std::to_string(op.rank) + " " + to_string(op));
    std::sort(names.begin(), names.end());
    return names;
  };
  const auto row_order = [&](const BoxProgram& p) {
    std::vector<std::vector<std::string>> rows(s.ranks.size());
    for (const BoxOp& op : p.ops) rows[op.rank].push_back(to_string(op));
    return rows;
  };
  for (const BoxProgram& other : {wrong_order(s), reference_program(s)}) {
    EXPECT_EQ(sorted(other), sorted(program)) << other.name;
    EXPECT_NE(row_order(other), row_order(program)) << other.name;
    EXPECT_NE(other.name, program.name);
  }
}

INSTANTIATE_TEST_SUITE_P(Catalog, EverySchedule, testing::ValuesIn(kCases), [](const auto& info) {
  return std::string("s_") + info.param.name + "_" + std::to_string(info.index);
});

TEST(BoxProgram, RefusesOverlappedPairs) {
  EXPECT_THROW(box_program(make("dualpipe", 4, 8, 2)), InputError);
}

TEST(BoxPlan, ReadsWhatItWrites) {
  BoxPlan plan;
  plan.mode = "tensor";
  plan.ranks = 4;
  plan.iterations = 7;
  plan.transfer_bytes = 1 << 20;
  plan.op_us['W'] = 321.5;
  plan.replay = box_program(make("zb_h1", 4, 8));
  plan.reference = reference_program(make("zb_h1", 4, 8));
  const BoxPlan again = measure::read_box_plan(to_text(plan), "plan.txt");
  EXPECT_EQ(again.replay, plan.replay);
  EXPECT_EQ(again.reference, plan.reference);
  EXPECT_EQ(to_text(again), to_text(plan));
}

TEST(BoxPlan, NamesTheLineThatDoesNotRead) {
  const std::string head = "plumbline.box_plan/1\nranks 2\nprogram replay x\nop 0 F 0 0\n";
  for (const char* bad :
       {"op 0 X 0 0", "op 2 F 0 0", "op 1 F 0 0 1", "op 1 F 0 0 zero", "mode warp", "iterations 0",
        "op_us B 5", "op_us F -5", "nonsense", "program other x"}) {
    try {
      measure::read_box_plan(head + bad + "\n", "plan.txt");
      ADD_FAILURE() << bad;
    } catch (const InputError& error) {
      EXPECT_EQ(error.diagnostics().front().at.line, 5) << bad;
    }
  }
  EXPECT_THROW(measure::read_box_plan("m,n,k\n", "plan.txt"), InputError);
}

// A card that is known: operations slow down by `load` while others run, and jitter by one percent.
struct Card {
  double load = 1.08, jitter = 0.01, same_us = 3, cross_us = 8;
  std::uint64_t seed = 1;
};

std::vector<BoxRow> measure_on(const Card& card, const BoxPlan& plan, const BoxProgram& ran) {
  const RandomStream draws(card.seed, "card");
  std::uint64_t draw = 0;
  std::vector<BoxRow> rows;
  const auto alone = [&](const BoxOp& op) {
    const double f = 500 + 20 * op.rank, i = 520, w = 450;
    return op.kind == 'F' ? f : op.kind == 'I' ? i : op.kind == 'W' ? w : i + w;
  };
  const auto noise = [&] { return 1 + card.jitter * draws.normal(draw++); };
  for (const BoxOp& op : ran.ops) {
    if (op.microbatch != 0) continue;
    for (int n = 0; n < 9; ++n) {
      std::string name = std::to_string(op.stage);
      name += op.kind;
      rows.push_back({"solo", n, op.rank, name, 0, alone(op) * noise()});
    }
  }
  for (int n = 0; n < 9; ++n) {
    rows.push_back({"same", n, 0, "", 0, card.same_us * noise()});
    rows.push_back({"cross", n, 0, "", 0, card.cross_us * noise()});
  }
  // Start times by their definition, in the order of the program: each operation stands behind
  // those it needs.
  const auto run = [&](const BoxProgram& program, const char* section) {
    for (int iteration = 0; iteration < 11; ++iteration) {
      std::vector<double> end;
      for (const BoxOp& op : program.ops) {
        double start = 0;
        for (const int before : op.after) {
          const bool own = program.ops[before].rank == op.rank;
          start = std::max(start, end[before] + (own ? card.same_us : card.cross_us));
        }
        end.push_back(start + alone(op) * card.load * noise());
        rows.push_back({section, iteration, op.rank, to_string(op), 40 + start, 40 + end.back()});
      }
    }
  };
  run(plan.reference, "reference");
  run(ran, "replay");
  return rows;
}

BoxPlan plan_of(const Schedule& s, const char* mode = "gemm") {
  BoxPlan plan;
  plan.mode = mode;
  plan.ranks = s.num_ranks();
  plan.replay = box_program(s);
  plan.reference = reference_program(s);
  return plan;
}

TEST(BoxReport, OfAKnownCardIsRightWithLoadedTimesAndShortWithSoloOnes) {
  for (const Case& c : kCases) {
    const Schedule s = make(c.name, c.ranks, c.microbatches, c.chunks);
    const BoxPlan plan = plan_of(s, "tensor");
    const BoxReport report =
        compare_box(plan, wrong_order(s), measure_on({}, plan, plan.replay), "t.csv");
    EXPECT_NEAR(report.loaded_factor, 1.08, 0.01) << c.name;
    EXPECT_NEAR(report.cross_us, 8, 0.2);
    EXPECT_LT(std::abs(report.loaded_error.makespan), 0.02) << c.name;
    EXPECT_LT(std::abs(report.loaded_error.bubble), 0.01) << c.name;
    EXPECT_NEAR(report.solo_error.makespan, 1 / 1.08 - 1, 0.02) << c.name;
    EXPECT_TRUE(report.passes) << c.name << " control " << report.control_error.starts;
  }
}

// The negative control: a card that ran something else must not pass for the schedule.
TEST(BoxReport, FailsWhenTheCardRanAnotherOrder) {
  for (const Case& c : kCases) {
    const Schedule s = make(c.name, c.ranks, c.microbatches, c.chunks);
    const BoxPlan plan = plan_of(s);
    const BoxReport report =
        compare_box(plan, wrong_order(s), measure_on({}, plan, wrong_order(s)), "t.csv");
    EXPECT_FALSE(report.passes) << c.name;
    EXPECT_FALSE(within(report.loaded_error, report.tolerance)) << c.name;
  }
}

TEST(BoxReport, RefusesATimelineThatIsNotThePlans) {
  const Schedule s = make("1f1b", 4, 8);
  const BoxPlan plan = plan_of(s);
  std::vector<BoxRow> rows = measure_on({}, plan, plan.replay);
  rows.pop_back();
  EXPECT_THROW(compare_box(plan, wrong_order(s), rows, "t.csv"), InputError);
  EXPECT_THROW(compare_box(plan, wrong_order(s), {}, "t.csv"), InputError);
  BoxPlan tautology = plan;
  tautology.reference = plan.replay;
  EXPECT_THROW(compare_box(tautology, wrong_order(s), rows, "t.csv"), InputError);
}

TEST(BoxTimeline, ReadsWhatItWrites) {
  const BoxPlan plan = plan_of(make("gpipe", 2, 3));
  const std::vector<BoxRow> rows = measure_on({}, plan, plan.replay);
  const std::string text = measure::to_csv(rows);
  EXPECT_EQ(measure::to_csv(measure::read_box_timeline(text, "t.csv")), text);
  EXPECT_THROW(measure::read_box_timeline(
                   "section,iteration,rank,op,start_us,end_us\nwarm,0,0,0F0,1,2\n", "t.csv"),
               InputError);
  EXPECT_THROW(measure::read_box_timeline(
                   "section,iteration,rank,op,start_us,end_us\nsolo,0,0,0F,2,1\n", "t.csv"),
               InputError);
}

}  // namespace
}  // namespace plumbline
