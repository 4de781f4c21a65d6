#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "sim/report/gantt.h"
#include "sim/report/report.h"
#include "tests/unit/report/example_step.h"

namespace plumbline {
namespace {

using testing::HasSubstr;
using testing::Not;

int count(std::string_view text, std::string_view what) {
  int found = 0;
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++found;
  return found;
}

/// Every element is closed, in the order of nesting.
void expect_well_formed(std::string_view xml) {
  std::vector<std::string> open;
  for (auto at = xml.find('<'); at != xml.npos; at = xml.find('<', at + 1)) {
    const auto end = xml.find('>', at);
    ASSERT_NE(end, xml.npos);
    const std::string_view tag = xml.substr(at + 1, end - at - 1);
    ASSERT_EQ(tag.find('<'), tag.npos) << "an unescaped '<' before " << tag;
    if (tag.starts_with('/')) {
      ASSERT_FALSE(open.empty());
      EXPECT_EQ(open.back(), tag.substr(1));
      open.pop_back();
    } else if (!tag.ends_with('/')) {
      open.emplace_back(tag.substr(0, tag.find(' ')));
    }
  }
  EXPECT_TRUE(open.empty());
}

TEST(GanttText, DrawsTheFigureOfThePaper) {
  // 1F1B, three ranks, four micro-batches, B = 2 F: derived by hand, three columns a forward.
  Gantt gantt = gantt_of(
      example_step(
          {.ranks = 3, .microbatches = 4, .forward_s = 1.0, .hop_s = 0.0, .data_parallel = false})
          .input());
  gantt.title.clear();
  EXPECT_EQ(gantt_text(gantt),
            "rank 0  F0 F1 F2 ............B0--- F3 B1--- ...B2--- ...B3--- \n"
            "rank 1  ...F0 F1 ......B0--- F2 B1--- F3 B2--- ...B3--- ......\n"
            "rank 2  ......F0 B0--- F1 B1--- F2 B2--- F3 B3--- ............\n");
}

TEST(GanttText, ShrinksUntilItFits) {
  const Gantt gantt = gantt_of(example_step({.ranks = 8, .microbatches = 32}).input());
  const std::string text = gantt_text(gantt, {.width = 100});
  for (std::size_t at = text.find('\n') + 1; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    EXPECT_LE(end - at, 100u);
    at = end + 1;
  }
}

TEST(GanttText, HasNoRowsOfNothing) { EXPECT_EQ(gantt_text(Gantt{}), ""); }

TEST(Svg, DrawsABarPerOperationAndNamesItOnHover) {
  const std::string svg =
      to_svg(example_step({.ranks = 4, .microbatches = 8, .data_parallel = false}).input());
  expect_well_formed(svg);
  EXPECT_EQ(count(svg, "<title>forward of stage"), 4 * 8);
  EXPECT_EQ(count(svg, "<title>backward of stage"), 4 * 8);
  EXPECT_THAT(svg, HasSubstr(">rank 3</text>"));
  EXPECT_THAT(svg, HasSubstr("&lt;not measured&gt;"));
}

TEST(Svg, StaysSmallForALongStepAndSaysThatItBlendsBars) {
  const std::string svg = to_svg(example_step({.ranks = 64, .microbatches = 512}).input());
  expect_well_formed(svg);
  EXPECT_LT(svg.size(), 1'000'000u);  // 65,536 operations, one of them 90 bytes or more
  EXPECT_THAT(svg, HasSubstr("too narrow to draw are blended"));
}

TEST(Svg, ShowsEveryNthOfVeryManyRanks) {
  Gantt gantt;
  gantt.unit = "F";
  gantt.end = 10;
  for (int rank = 0; rank < 960; ++rank) {
    gantt.rows.push_back({.label = "rank " + std::to_string(rank), .compute = {}, .data = {}});
  }
  const std::string svg = gantt_svg(gantt);
  EXPECT_THAT(svg, HasSubstr("Every 10th of 960 ranks is shown."));
  EXPECT_THAT(svg, Not(HasSubstr("rank 11<")));
}

TEST(Svg, SplitsTheHeightBetweenBarsThatRunTogether) {
  GanttBar forward{.start = 0, .finish = 4, .waited_for = ""};
  GanttBar backward = forward;
  backward.kind = BarKind::kBackward;
  Gantt gantt;
  gantt.end = 4;
  gantt.rows.push_back({.label = "rank 0", .compute = {forward, backward}, .data = {}});
  // One row of 34 pixels less the gap of 4: two bars of 15 pixels each.
  EXPECT_EQ(count(gantt_svg(gantt), "height=\"15.00\""), 2);
}

TEST(Svg, OfNothingIsStillAPicture) {
  expect_well_formed(gantt_svg(Gantt{}));
  expect_well_formed(to_svg(example_step({.ranks = 1, .microbatches = 1}).input()));
}

TEST(Html, FetchesNothing) {
  const std::string html = to_html(example_step().input());
  for (const char* word : {" src=", " href=", "url(", "@import", "fetch(", "<link"}) {
    EXPECT_THAT(html, Not(HasSubstr(word)));
  }
  std::string rest = html;  // the names of the SVG name space are no addresses to fetch
  for (auto at = rest.find("http://www.w3.org/2000/svg"); at != rest.npos;
       at = rest.find("http://www.w3.org/2000/svg")) {
    rest.erase(at, 26);
  }
  EXPECT_THAT(rest, Not(HasSubstr("http")));
}

TEST(Html, ShowsTheAnswerTheTimelineAndWhatItRestsOn) {
  const std::string html = to_html(example_step().input());
  for (const char* title :
       {"Where the time goes", "Why ranks wait", "Timeline", "Memory at each rank's peak",
        "Memory over the step", "Ranks", "Critical path", "What would help", "Assumed"}) {
    EXPECT_THAT(html, HasSubstr(title));
  }
  EXPECT_THAT(html, HasSubstr("45.0 %"));
}

/// The JSON that the page's script draws from.
nlohmann::json timeline_data(const std::string& html) {
  const std::string_view opening = "id=\"timeline-data\">";
  const auto begin = html.find(opening) + opening.size();
  return nlohmann::json::parse(html.substr(begin, html.find("</script>", begin) - begin));
}

TEST(Html, CarriesEveryOperationForZooming) {
  const auto data = timeline_data(to_html(
      example_step(
          {.ranks = 2, .microbatches = 1, .forward_s = 1.0, .hop_s = 0.5, .data_parallel = false})
          .input()));
  EXPECT_EQ(data["end"], 7'000'000'000);
  ASSERT_EQ(data["rows"].size(), 2u);
  // kind, chunk, stage, micro-batch, start and length in nanoseconds, what it waited for
  EXPECT_EQ(data["rows"][1]["b"][0],
            nlohmann::json({0, 0, 1, 0, 1'500'000'000, 1'000'000'000, "0F0"}));
  EXPECT_EQ(data["kinds"][1], "backward");
  EXPECT_EQ(data["colours"].size(), data["kinds"].size());
}

TEST(Html, CannotBeBrokenOutOfByAName) {
  ExampleStep example = example_step();
  example.result.scenario = "</script><script>alert(1)</script>";
  example.result.assumptions = {"<img onerror=x>"};
  const std::string html = to_html(example.input());
  EXPECT_THAT(html, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(html, Not(HasSubstr("<img")));
  EXPECT_EQ(count(html, "<script"), 2);
  EXPECT_EQ(count(html, "</script>"), 2);
}

TEST(Html, NeedsNoTimelineNoRanksAndNoCriticalPath) {
  const Result result;
  const Schedule schedule;
  const LoweredStep step;
  const Timeline timeline;
  const std::string html = to_html({result, schedule, step, timeline});
  EXPECT_THAT(html, HasSubstr("</html>"));
  EXPECT_THAT(html, Not(HasSubstr("Critical path")));
}

}  // namespace
}  // namespace plumbline
