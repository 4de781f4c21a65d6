// Conditions, the product, the front, rows and shards of sweeps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/cli/sweep_front.h"
#include "sim/cli/sweep_rows.h"
#include "sim/cli/sweep_where.h"
#include "sim/report/sweep_chart.h"

namespace plumbline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Scenario eight_by_eight() {
  Scenario scenario;
  scenario.cluster.gpus_per_node = 8;
  scenario.cluster.nodes = 8;
  scenario.cluster.device.name = "h100_sxm_80g";
  scenario.parallelism.tensor = 4;
  scenario.parallelism.pipeline = 8;
  scenario.training.global_batch_size = 96;
  scenario.training.micro_batch_size = 3;
  scenario.schedule.name = "zb_v";
  return scenario;
}

bool holds(const std::string& text) {
  return Condition(text, {}, "--where").holds(eight_by_eight());
}

std::string refusal(const std::string& text) {
  try {
    Condition(text, {"a.yaml", 3, 10}, "sweep.where");
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

TEST(Condition, ComparesKeysOfTheScenario) {
  EXPECT_TRUE(holds("tensor == 4"));
  EXPECT_TRUE(holds("parallelism.tensor < parallelism.pipeline"));
  EXPECT_FALSE(holds("pipeline != 8"));
  EXPECT_TRUE(holds("gpu == 'h100_sxm_80g' && schedule == \"zb_v\""));
  EXPECT_TRUE(holds("gpu < 'x'"));
}

TEST(Condition, TakesTheDataParallelSizeThatTheGpusLeave) {
  EXPECT_TRUE(holds("tensor*pipeline*data == gpus"));
  EXPECT_TRUE(holds("data == 2 && microbatches == 16"));
}

TEST(Condition, BindsAsArithmeticDoes) {
  EXPECT_TRUE(holds("1 + 2 * 3 == 7"));
  EXPECT_TRUE(holds("(1 + 2) * 3 == 9"));
  EXPECT_TRUE(holds("10 - 4 - 3 == 3"));
  EXPECT_TRUE(holds("12 / 4 / 3 == 1"));
  EXPECT_TRUE(holds("pipeline % 3 == 2"));
  EXPECT_TRUE(holds("-tensor + 5 == 1"));
  EXPECT_TRUE(holds("1 == 1 || 1 == 2 && 1 == 2"));
  EXPECT_TRUE(holds("not (1 == 2) and !(2 < 1) or 1 == 2"));
}

TEST(Condition, ComparesNothingWithADivisionByZero) {
  EXPECT_FALSE(holds("1 / 0 == 1 / 0"));
  EXPECT_FALSE(holds("1 / 0 > 1"));
  EXPECT_FALSE(holds("1 % 0 <= 1"));
}

TEST(Condition, SaysWhereATextStopsMakingSense) {
  EXPECT_THAT(refusal("tensor * pipelin == 8"),
              AllOf(HasSubstr("a.yaml:3:10"), HasSubstr("sweep.where"), HasSubstr("character 10"),
                    HasSubstr("did you mean 'pipeline'?")));
  EXPECT_THAT(refusal("tensor = 4"), HasSubstr("did you mean '=='?"));
  EXPECT_THAT(refusal("tensor == 'four'"), HasSubstr("compares a number with a text"));
  EXPECT_THAT(refusal("schedule == zb_v"), HasSubstr("a text stands in quotes"));
  EXPECT_THAT(refusal("(tensor == 4"), HasSubstr("not closed"));
  EXPECT_THAT(refusal("tensor == 4 4"), HasSubstr("left over"));
  EXPECT_THAT(refusal("tensor"), HasSubstr("is no condition"));
  EXPECT_THAT(refusal("tensor == 4 && 5"), HasSubstr("needs conditions"));
  EXPECT_THAT(refusal("gpu + 1 == 2"), HasSubstr("needs numbers"));
  EXPECT_THAT(refusal("'open"), HasSubstr("not closed"));
  EXPECT_THAT(refusal(""), HasSubstr("missing"));
  EXPECT_THAT(refusal("tensor == system('x')"), HasSubstr("nothing is called 'system'"));
  EXPECT_THAT(refusal(std::string(1000, '(')), HasSubstr("nested too deeply"));
  EXPECT_THAT(refusal(std::string(1000, '!')), HasSubstr("nested too deeply"));
}

SweepFigures plan(std::size_t index, double throughput, double memory, double cost) {
  SweepFigures figures;
  figures.index = index;
  figures.tokens_per_s = throughput;
  figures.peak_memory_bytes = memory;
  figures.cost = cost;
  return figures;
}

TEST(ParetoFront, KeepsWhatNoOtherPlanBeatsInAllThree) {
  ParetoFront front;
  front.add(plan(3, 10, 5, 1));
  front.add(plan(0, 9, 5, 1));    // slower, nothing better
  front.add(plan(1, 9, 4, 1));    // slower, but smaller
  front.add(plan(2, 8, 6, 0.5));  // slower and larger, but cheaper
  SweepFigures too_large = plan(4, 99, 1, 0.1);
  too_large.fits = false;
  front.add(too_large);
  std::vector<std::size_t> indices;
  for (const SweepFigures& point : front.points()) indices.push_back(point.index);
  EXPECT_THAT(indices, ElementsAre(1, 2, 3));
  front.add(plan(5, 10, 4, 0.5));  // beats them all
  EXPECT_EQ(front.points().size(), 1u);
  EXPECT_TRUE(front.has(5));
}

TEST(SweepRows, ReadBackWhatTheyWereWrittenOf) {
  const SweepProduct product({{"a", {"1", "x,y"}}, {"b", {"2"}}});
  Result result;
  result.training.iteration_time_s = 1.25;
  result.training.tokens_per_s = 3e6;
  result.training.peak_memory_bytes = 7;
  result.cost.usd_per_million_tokens = 0.5;
  result.fits = false;
  const RowReader reader(sweep_header(product.axes()));
  const auto figures = reader.figures(sweep_row(product.point(1), result), 1, 2);
  ASSERT_TRUE(figures);
  EXPECT_THAT(figures->values, ElementsAre("x,y", "2"));
  EXPECT_EQ(figures->iteration_time_s, 1.25);
  EXPECT_EQ(figures->tokens_per_s, 3e6);
  EXPECT_EQ(figures->cost, 0.5);
  EXPECT_TRUE(figures->priced);
  EXPECT_FALSE(figures->fits);

  const InputError error({Diagnostic{{}, "training", "is \"wrong\",, twice", ""}});
  const std::string row = sweep_row(product.point(0), error);
  EXPECT_FALSE(reader.figures(row, 0, 2));
  EXPECT_EQ(reader.error(row), "training: is \"wrong\",, twice");
}

TEST(SweepChart, DrawsALineWithAMarkPerPoint) {
  SweepChart chart;
  chart.title = "<a & b>";
  chart.axis = "parallelism.pipeline";
  chart.values = {"1", "2"};
  chart.panels = {{"tokens/s", 0, ""}, {"bubble", 0, ""}, {"memory", 2e10, "usable"}};
  chart.lines = {{"", {{0, {100, 0.1, 1e10}, true}, {1, {120, 0.2, 2e10}, false}}}};
  const std::string svg = sweep_svg(chart);
  EXPECT_THAT(svg, HasSubstr("&lt;a &amp; b&gt;"));
  EXPECT_THAT(svg, HasSubstr("does not fit"));
  std::size_t circles = 0;
  for (std::size_t at = svg.find("<circle"); at != std::string::npos;
       at = svg.find("<circle", at + 1)) {
    ++circles;
  }
  EXPECT_EQ(circles, 3 * 2 + 1u);  // three panels, and the mark of the legend
}

}  // namespace
}  // namespace plumbline
