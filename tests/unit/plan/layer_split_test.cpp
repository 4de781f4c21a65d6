#include "sim/plan/layer_split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>

namespace plumbline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ModelSpec model_of(int layers) {
  ModelSpec model;
  model.layers = layers;
  return model;
}

struct Split {
  std::vector<int> counts;
  std::vector<Diagnostic> problems;
  std::vector<StageLayers> stages;
};

Split split(int layers, int pipeline, int virtual_stages, const LayerSplitOptions& options = {},
            const LayerWeights& weights = {}) {
  Split out;
  out.stages =
      split_layers(model_of(layers), pipeline, virtual_stages, options, weights, out.problems);
  for (const StageLayers& stage : out.stages) out.counts.push_back(stage.layers());
  return out;
}

TEST(UniformSplit, GivesEveryStageTheSameNumberInOrder) {
  const Split s = split(96, 8, 1);
  EXPECT_THAT(s.counts, testing::Each(12));
  EXPECT_EQ(s.stages[3].first_layer, 36);
  EXPECT_EQ(s.stages[3].end_layer, 48);
}

TEST(UniformSplit, PutsTheEmbeddingFirstAndTheHeadLast) {
  const Split s = split(8, 2, 2);
  ASSERT_EQ(s.stages.size(), 4u);
  EXPECT_TRUE(s.stages[0].embedding);
  EXPECT_TRUE(s.stages[3].head);
  EXPECT_FALSE(s.stages[1].embedding || s.stages[1].head || s.stages[2].embedding ||
               s.stages[2].head);
}

TEST(UniformSplit, ThatDoesNotDivideIsAnErrorWhoseHintAddsUp) {
  const Split s = split(22, 8, 1);
  ASSERT_EQ(s.problems.size(), 1u);
  EXPECT_EQ(s.problems[0].path, "training.layers_per_stage");
  EXPECT_THAT(s.problems[0].hint, HasSubstr("[2, 3, 3, 3, 3, 3, 3, 2]"));
}

TEST(UniformSplit, MoreStagesThanLayersNamesTheMostRanksThatCanBeFilled) {
  const Split s = split(105, 128, 1);
  ASSERT_EQ(s.problems.size(), 1u);
  EXPECT_THAT(s.problems[0].problem, HasSubstr("105 layers cannot fill 128 stages"));
  EXPECT_THAT(s.problems[0].hint, HasSubstr("105"));
}

TEST(FirstAndLast, TakeTheirLayersAndTheMiddleSharesTheRest) {
  LayerSplitOptions options;
  options.first_stage_layers = 10;
  options.last_stage_layers = 14;
  EXPECT_THAT(split(96, 8, 1, options).counts, ElementsAre(10, 12, 12, 12, 12, 12, 12, 14));
}

TEST(FirstAndLast, SpreadARanksLayersOverItsChunks) {
  LayerSplitOptions options;
  options.last_stage_layers = 2;
  EXPECT_THAT(split(8, 2, 2, options).counts, ElementsAre(3, 1, 3, 1));
}

TEST(FirstAndLast, ThatLeaveAnUnevenRestAreAnError) {
  LayerSplitOptions options;
  options.first_stage_layers = 3;
  const Split s = split(8, 3, 1, options);
  ASSERT_EQ(s.problems.size(), 1u);
  EXPECT_EQ(s.problems[0].path, "training.num_layers_in_first_pipeline_stage");
}

TEST(Accounting, CountsEmbeddingAndLossAsALayerEach) {
  LayerSplitOptions options;
  options.account_for_embedding = options.account_for_loss = true;
  EXPECT_THAT(split(126, 16, 1, options).counts,
              ElementsAre(7, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 7));
}

TEST(Accounting, LeavesEmbeddingAndLossAloneWhereAStageIsOneLayer) {
  LayerSplitOptions options;
  options.account_for_embedding = options.account_for_loss = true;
  EXPECT_THAT(split(6, 4, 2, options).counts, ElementsAre(0, 1, 1, 1, 1, 1, 1, 0));
  EXPECT_EQ(split(5, 4, 2, options).problems.size(), 1u);
}

TEST(GivenSplit, MustHaveANumberPerStageAndAddUp) {
  LayerSplitOptions options;
  options.split = LayerSplit::kGiven;
  options.given = {2, 3, 3};
  EXPECT_THAT(split(8, 3, 1, options).counts, ElementsAre(2, 3, 3));
  EXPECT_EQ(split(9, 3, 1, options).problems.size(), 1u);
  EXPECT_EQ(split(8, 4, 1, options).problems.size(), 1u);
}

double slowest(const std::vector<int>& counts, const LayerWeights& weights) {
  double worst = 0;
  std::size_t next = 0;
  for (std::size_t s = 0; s < counts.size(); ++s) {
    double sum = (s == 0 ? weights.embedding : 0) + (s + 1 == counts.size() ? weights.head : 0);
    for (int i = 0; i < counts[s]; ++i) sum += weights.layer[next++];
    worst = std::max(worst, sum);
  }
  return worst;
}

TEST(BalancedSplit, IsNoSlowerThanAnyOtherSplit) {
  LayerWeights weights;
  weights.layer = {1, 1, 2, 1, 3, 1, 1, 1, 2};
  weights.embedding = 0.5;
  weights.head = 2.5;
  LayerSplitOptions options;
  options.split = LayerSplit::kBalanced;
  const Split s = split(9, 3, 1, options, weights);
  double best = 1e9;
  for (int a = 1; a <= 7; ++a) {
    for (int b = 1; a + b <= 8; ++b) best = std::min(best, slowest({a, b, 9 - a - b}, weights));
  }
  EXPECT_DOUBLE_EQ(slowest(s.counts, weights), best);
}

}  // namespace
}  // namespace plumbline
