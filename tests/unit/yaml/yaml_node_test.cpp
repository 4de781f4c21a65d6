#include "sim/yaml/yaml_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace plumbline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> told(const Diagnostics& problems) {
  std::vector<std::string> texts;
  for (const Diagnostic& problem : problems.list()) texts.push_back(to_string(problem));
  return texts;
}

struct Parsed {
  Diagnostics problems;
  YamlNode root;
  explicit Parsed(const std::string& text) : root(YamlNode::parse(text, "a.yaml", problems)) {}
};

TEST(YamlNode, KnowsTheLineColumnAndPathOfEveryValue) {
  const Parsed yaml("name: x\ntraining:\n  precision: bf16\n  stages: [3, 4]\n");

  const YamlNode precision = yaml.root.child("training").child("precision");
  EXPECT_EQ(precision.path(), "training.precision");
  EXPECT_EQ(precision.location().line, 3);
  EXPECT_EQ(precision.location().column, 14);
  const YamlNode four = yaml.root.child("training").child("stages").items().at(1);
  EXPECT_EQ(four.path(), "training.stages.1");
  EXPECT_EQ(four.location().column, 15);
}

TEST(YamlNode, ReadsNumbersAsPeopleWriteThem) {
  const Parsed yaml("a: 1e12\nb: 1_000_000\nc: -3\nd: 1e6\ne: 2.5\nf: +7\n");

  EXPECT_EQ(yaml.root.child("a").number(), 1e12);
  EXPECT_EQ(yaml.root.child("b").integer(), 1000000);
  EXPECT_EQ(yaml.root.child("c").integer(), -3);
  EXPECT_EQ(yaml.root.child("d").integer(), 1000000);
  EXPECT_EQ(yaml.root.child("e").number(), 2.5);
  EXPECT_EQ(yaml.root.child("f").integer(), 7);
  EXPECT_THAT(told(yaml.problems), IsEmpty());
}

TEST(YamlNode, RefusesWhatIsNoNumber) {
  const Parsed yaml(
      "a: 1.5\nb: nan\nc: .inf\nd: \"8\"\ne: 8 GiB\nf: 1__0\ng: [1]\nh: 99999999999999999999\n");

  for (const char* key : {"a", "d", "e", "f", "g", "h"}) {
    EXPECT_EQ(yaml.root.child(key).integer(), std::nullopt) << key;
  }
  EXPECT_EQ(yaml.root.child("b").number(), std::nullopt);
  EXPECT_EQ(yaml.root.child("c").number(), std::nullopt);
  EXPECT_THAT(told(yaml.problems),
              ElementsAre("a.yaml:1:4: a: must be an integer, not '1.5'",
                          "a.yaml:4:4: d: must be an integer, not the text '8'",
                          "a.yaml:5:4: e: must be an integer, not '8 GiB'",
                          "a.yaml:6:4: f: must be an integer, not '1__0'",
                          "a.yaml:7:4: g: must be an integer, not a list",
                          "a.yaml:8:4: h: must be an integer, not '99999999999999999999'",
                          "a.yaml:2:4: b: must be a number, not 'nan'",
                          "a.yaml:3:4: c: must be a number, not '.inf'"));
}

TEST(YamlNode, TellsTheRangeThatAValueLeaves) {
  const Parsed yaml("a: 0\nb: 1.5\n");

  EXPECT_EQ(yaml.root.child("a").integer_in(1, 8), std::nullopt);
  EXPECT_EQ(yaml.root.child("a").integer_in(1, INT64_MAX), std::nullopt);
  EXPECT_EQ(yaml.root.child("b").number_in(0, 1), std::nullopt);
  EXPECT_EQ(yaml.root.child("b").number_in(0, 1.5), 1.5);
  EXPECT_THAT(told(yaml.problems), ElementsAre("a.yaml:1:4: a: must be between 1 and 8, not 0",
                                               "a.yaml:1:4: a: must be at least 1, not 0",
                                               "a.yaml:2:4: b: must be between 0 and 1, not 1.5"));
}

TEST(YamlNode, ReadsTruthInTheUsualSpellings) {
  const Parsed yaml("a: true\nb: No\nc: ON\nd: \"true\"\ne: 1\n");

  EXPECT_EQ(yaml.root.child("a").boolean(), true);
  EXPECT_EQ(yaml.root.child("b").boolean(), false);
  EXPECT_EQ(yaml.root.child("c").boolean(), true);
  EXPECT_EQ(yaml.root.child("d").boolean(), std::nullopt);
  EXPECT_EQ(yaml.root.child("e").boolean(), std::nullopt);
  EXPECT_EQ(yaml.problems.list().size(), 2u);
}

TEST(YamlNode, AnAbsentValueAnswersNothingAndReportsNothing) {
  const Parsed yaml("a: ~\nb:\n");

  for (const char* key : {"a", "b", "c"}) {
    const YamlNode absent = yaml.root.child(key).child("deeper");
    EXPECT_FALSE(absent.present());
    EXPECT_EQ(absent.integer(), std::nullopt);
    EXPECT_EQ(absent.text(), std::nullopt);
    EXPECT_THAT(absent.items(), IsEmpty());
    absent.allow_keys({"x"});
  }
  EXPECT_THAT(told(yaml.problems), IsEmpty());
}

TEST(YamlNode, AMissingKeyIsReportedAtItsMapping) {
  const Parsed yaml("name: x\ntraining: {precision: bf16}\n");

  yaml.root.child("training").required("sequence_length");
  EXPECT_THAT(told(yaml.problems),
              ElementsAre("a.yaml:2:11: training.sequence_length: is missing"));
}

TEST(YamlNode, SuggestsTheNearestKeyAndWord) {
  const Parsed yaml("tensro: 8\nschedule: 1f1v\nother: zzz\n");

  yaml.root.allow_keys({"tensor", "schedule"});
  constexpr std::string_view kNames[] = {"gpipe", "1f1b"};
  EXPECT_EQ(yaml.root.child("schedule").choice(kNames, "schedule"), std::nullopt);
  EXPECT_EQ(yaml.root.child("other").choice(kNames, "schedule"), std::nullopt);
  EXPECT_THAT(
      told(yaml.problems),
      ElementsAre("a.yaml:1:1: tensro: unknown key (did you mean 'tensor'?)",
                  "a.yaml:3:1: other: unknown key (known here: tensor, schedule)",
                  "a.yaml:2:11: schedule: no schedule is called '1f1v' (did you mean '1f1b'?)",
                  "a.yaml:3:8: other: no schedule is called 'zzz' (there are: gpipe, 1f1b)"));
}

TEST(YamlNode, AKeyGivenTwiceIsAnErrorEvenWhenTheValuesAgree) {
  const Parsed yaml("a: 1\nb: {c: 1, c: 1}\na: 1\n");

  EXPECT_FALSE(yaml.root.present());
  EXPECT_THAT(told(yaml.problems),
              ElementsAre("a.yaml:2:11: c: is given twice in one mapping (remove one of the two)",
                          "a.yaml:3:1: a: is given twice in one mapping (remove one of the two)"));
}

TEST(YamlNode, SyntaxErrorsCarryTheirPlace) {
  for (const char* text : {"a: [1", "a: {b: 1", "a: 'x", "a: b: c", "\ta: 1\n  b", "a: !what 1",
                           "? [a]\n: 1", "- &x [*x]", "a: *nobody", "a: 1\n---\nb: 2\n"}) {
    const Parsed yaml(text);
    EXPECT_FALSE(yaml.root.present()) << text;
    EXPECT_EQ(yaml.problems.list().size(), 1u) << text;
    EXPECT_EQ(yaml.problems.list().at(0).at.file, "a.yaml");
  }
}

TEST(YamlNode, AnAliasStandsForItsAnchor) {
  const Parsed yaml("base: &b {x: 1}\nother: *b\n");

  EXPECT_EQ(yaml.root.child("other").child("x").integer(), 1);
  EXPECT_EQ(yaml.root.child("other").child("x").path(), "other.x");
}

TEST(YamlNode, AliasesThatStandForBillionsAreRefused) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string below = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + below;
    for (int j = 0; j < 9; ++j) text += ", " + below;
    text += "]\n";
  }
  const Parsed yaml(text);

  EXPECT_FALSE(yaml.root.present());
  ASSERT_EQ(yaml.problems.list().size(), 1u);
  EXPECT_THAT(yaml.problems.list()[0].problem, HasSubstr("more than a million"));
}

TEST(YamlNode, NestingWithoutEndIsAnErrorNotACrash) {
  const Parsed yaml(std::string(100000, '['));
  EXPECT_EQ(yaml.problems.list().size(), 1u);
}

TEST(YamlNode, AnEmptyFileIsAnAbsentValue) {
  for (const char* text : {"", "\n\n", "# only a comment\n", "---\n"}) {
    const Parsed yaml(text);
    EXPECT_FALSE(yaml.root.present());
    EXPECT_THAT(told(yaml.problems), IsEmpty());
  }
}

TEST(Diagnostics, AreThrownTogetherInTheOrderOfTheFileAndOnce) {
  const Parsed yaml("a: x\nb: y\n");
  yaml.root.child("b").integer();
  yaml.root.child("a").integer();
  yaml.root.child("b").integer();
  try {
    yaml.problems.throw_if_any();
    FAIL() << "nothing was thrown";
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(),
                 "a.yaml:1:4: a: must be an integer, not 'x'\n"
                 "a.yaml:2:4: b: must be an integer, not 'y'");
  }
}

TEST(YamlNode, AFileThatIsNotThereIsReportedWithTheNearestOne) {
  const auto folder = std::filesystem::temp_directory_path() / "plumbline_yaml_test";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "first_run.yaml") << "a: 1\n";
  Diagnostics problems;
  EXPECT_FALSE(YamlNode::load((folder / "frist_run.yaml").string(), problems).present());
  EXPECT_FALSE(YamlNode::load(folder.string(), problems).present());
  EXPECT_TRUE(YamlNode::load((folder / "first_run.yaml").string(), problems).present());
  EXPECT_THAT(told(problems),
              ElementsAre((folder / "frist_run.yaml").string() + ": no such file (did you mean '" +
                              (folder / "first_run.yaml").string() + "'?)",
                          folder.string() + ": is a folder"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace plumbline
