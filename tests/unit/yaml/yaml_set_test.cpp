// `--set PATH=VALUE` on a document.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/yaml/yaml_node.h"

namespace plumbline {
namespace {

using testing::ElementsAre;

class YamlSet : public testing::Test {
 protected:
  void load(const std::string& text) { root = YamlNode::parse(text, "a.yaml", problems); }
  void set(const std::string& path, const std::string& value) {
    root.set(path, value, "--set " + path + "=" + value);
  }
  std::vector<std::string> told() const {
    std::vector<std::string> texts;
    for (const Diagnostic& problem : problems.list()) texts.push_back(to_string(problem));
    return texts;
  }
  Diagnostics problems;
  YamlNode root = YamlNode::parse("", "a.yaml", problems);
};

TEST_F(YamlSet, ReplacesAValueAndRemembersWhoSaidIt) {
  load("training: {precision: bf16}\n");
  set("training.precision", "fp8");

  EXPECT_EQ(root.child("training").child("precision").text(), "fp8");
  EXPECT_EQ(root.child("training").child("precision").location().file,
            "--set training.precision=fp8");
}

TEST_F(YamlSet, MakesTheMappingsOnTheWay) {
  load("name: x\n");
  set("training.moe.imbalance", "1.5");

  EXPECT_EQ(root.child("training").child("moe").child("imbalance").number(), 1.5);
  EXPECT_EQ(root.child("name").text(), "x");
}

TEST_F(YamlSet, TakesFlowMappingsAndLists) {
  load("schedule: 1f1b\n");
  set("schedule", "{name: zb_v, max_live_activations: 4}");
  set("training.layers_per_stage", "[3, 5]");

  EXPECT_EQ(root.child("schedule").child("max_live_activations").integer(), 4);
  EXPECT_EQ(root.child("training").child("layers_per_stage").items().at(1).integer(), 5);
}

TEST_F(YamlSet, NullTakesAValueAway) {
  load("parallelism: {data: 4, tensor: 2}\n");
  set("parallelism.data", "null");
  EXPECT_FALSE(root.child("parallelism").child("data").present());
  EXPECT_TRUE(root.child("parallelism").child("tensor").present());
}

TEST_F(YamlSet, ReachesItemsOfAListByTheirNumber) {
  load("stages: [1, 2, 3]\n");
  set("stages.1", "7");
  set("stages.9", "7");
  EXPECT_EQ(root.child("stages").items().at(1).integer(), 7);
  EXPECT_THAT(told(), ElementsAre("--set stages.9=7: stages.9: stages is a list and has no '9' "
                                  "(replace it as a whole: --set stages={...})"));
}

TEST_F(YamlSet, DoesNotReachIntoAWord) {
  load("cluster: my_cluster\n");
  set("cluster.nodes", "4");
  EXPECT_THAT(told(),
              ElementsAre("--set cluster.nodes=4: cluster.nodes: cluster is 'my_cluster' and has "
                          "no 'nodes' (replace it as a whole: --set cluster={...})"));
}

TEST_F(YamlSet, ReportsAValueThatIsNoYamlAndAPathThatIsNone) {
  load("a: 1\n");
  set("a", "[1");
  set("b..c", "1");
  set("", "1");
  ASSERT_EQ(problems.list().size(), 3u);
  EXPECT_EQ(problems.list()[0].at.file, "--set a=[1");
  EXPECT_EQ(problems.list()[1].problem, "is not a path");
  EXPECT_EQ(problems.list()[2].problem, "is not a path");
  EXPECT_EQ(root.child("a").integer(), 1);
}

TEST_F(YamlSet, ChangesOneUseOfAnAnchorOnly) {
  load("base: &b {x: {y: 1}}\nother: *b\n");
  set("other.x.y", "2");
  EXPECT_EQ(root.child("base").child("x").child("y").integer(), 1);
  EXPECT_EQ(root.child("other").child("x").child("y").integer(), 2);
}

}  // namespace
}  // namespace plumbline
