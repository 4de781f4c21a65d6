// Korthikanti et al., Reducing Activation Recomputation in Large Transformer Models,
// arXiv:2205.05198, table 2 and figures 1 and 7: bytes of one layer's activations.

#include <gtest/gtest.h>

#include "sim/memory/saved_tensors.h"
#include "sim/memory/static_memory.h"
#include "tests/unit/memory/memory_fixture.h"

namespace plumbline {
namespace {

struct Case {
  const char* model;
  std::int64_t b;
};

class Table2 : public testing::TestWithParam<Case> {
 protected:
  const ModelSpec model = named(GetParam().model);
  const double s = 2048, b = static_cast<double>(GetParam().b),
               h = static_cast<double>(model.hidden), a = static_cast<double>(model.heads);

  double layer(int t, bool sequence_parallel, Recompute recompute) const {
    ParallelPlan plan = plan_of(model, t, 1);
    plan.sequence_parallel = sequence_parallel;
    TrainingOptions training = megatron_2022(GetParam().b, 2048);
    training.recompute = recompute;
    return megatron_layer(model, plan, training, false, recompute == Recompute::kFull).saved;
  }
};

TEST_P(Table2, GivesALayerWithoutParallelism) {
  EXPECT_DOUBLE_EQ(layer(1, false, Recompute::kNone), s * b * h * (34 + 5 * a * s / h));
}

TEST_P(Table2, GivesALayerUnderTensorParallelism) {
  EXPECT_DOUBLE_EQ(layer(8, false, Recompute::kNone),
                   s * b * h * (10 + 24 / 8.0 + 5 * a * s / (h * 8)));
}

TEST_P(Table2, GivesALayerUnderTensorAndSequenceParallelism) {
  EXPECT_DOUBLE_EQ(layer(8, true, Recompute::kNone), s * b * h * (34 / 8.0 + 5 * a * s / (h * 8)));
}

TEST_P(Table2, GivesSelectiveRecomputationWithoutAndWithSequenceParallelism) {
  EXPECT_DOUBLE_EQ(layer(8, false, Recompute::kSelective), s * b * h * (10 + 24 / 8.0));
  EXPECT_DOUBLE_EQ(layer(8, true, Recompute::kSelective), s * b * h * 34 / 8.0);
}

TEST_P(Table2, GivesFullRecomputation) {
  EXPECT_DOUBLE_EQ(layer(1, false, Recompute::kFull), 2 * s * b * h);
  EXPECT_DOUBLE_EQ(layer(8, false, Recompute::kFull), 2 * s * b * h);
}

INSTANTIATE_TEST_SUITE_P(Korthikanti, Table2,
                         testing::Values(Case{"gpt_22b", 4}, Case{"gpt3_175b", 1},
                                         Case{"mt_nlg_530b", 1}, Case{"gpt_1t", 1}),
                         [](const auto& info) { return std::string(info.param.model); });

TEST(Figure7, SequenceParallelismAndSelectiveRecomputationSaveWhatIsPlotted) {
  // Per cent of the tensor-parallel baseline, 22B and 175B.
  struct Bars {
    const char* model;
    double sequence, selective, both, full;
  };
  for (const Bars& bars :
       {Bars{"gpt_22b", 66.84, 49.42, 16.18, 7.64}, Bars{"gpt3_175b", 62.04, 56.53, 18.49, 8.71}}) {
    const ModelSpec model = named(bars.model);
    const auto share = [&](bool sequence_parallel, Recompute recompute) {
      ParallelPlan plan = plan_of(model, 8, 1);
      const auto saved = [&](bool sp, Recompute r) {
        plan.sequence_parallel = sp;
        TrainingOptions training = megatron_2022(1, 2048);
        training.recompute = r;
        return megatron_layer(model, plan, training, false, r == Recompute::kFull).saved;
      };
      return 100 * saved(sequence_parallel, recompute) / saved(false, Recompute::kNone);
    };
    EXPECT_NEAR(share(true, Recompute::kNone), bars.sequence, 0.6) << bars.model;
    EXPECT_NEAR(share(false, Recompute::kSelective), bars.selective, 0.15) << bars.model;
    EXPECT_NEAR(share(true, Recompute::kSelective), bars.both, 0.15) << bars.model;
    EXPECT_NEAR(share(false, Recompute::kFull), bars.full, 0.1) << bars.model;
  }
}

TEST(Figure1, ActivationsOfThe22BModelAreTheNumberPrinted) {
  // 48 layers, tensor parallel 8, micro-batch 4: 59.25 GiB, and 9.5625 GiB with both techniques.
  const ModelSpec model = named("gpt_22b");
  ParallelPlan plan = plan_of(model, 8, 1);
  TrainingOptions training = megatron_2022(4, 2048);
  plan.sequence_parallel = false;
  EXPECT_DOUBLE_EQ(48 * megatron_layer(model, plan, training, false, false).saved / kGiB, 59.25);
  plan.sequence_parallel = true;
  training.recompute = Recompute::kSelective;
  EXPECT_DOUBLE_EQ(48 * megatron_layer(model, plan, training, false, false).saved / kGiB, 9.5625);
}

TEST(OutputLayer, KeepsItsNormItsInputAndTheFp32Logits) {
  // Section 4.3: 4sbh/t * (1 + v/h) on the last stage, sbh/t of dropout mask on the first.
  const ModelSpec model = named("gpt3_175b");
  const ParallelPlan plan = plan_of(model, 8, 8);
  const MemoryModel memory = memory_model(model, kAnyCluster, plan, megatron_2022(1, 2048), 1);
  const double sbh = 2048.0 * 12288, v = 51200, h = 12288;
  const double middle = memory.stages[1].activations.base();
  const double last = memory.stages[7].activations.base() + memory.stages[7].logits.base();
  EXPECT_DOUBLE_EQ(last - middle, 4 * sbh / 8 * (1 + v / h));
  EXPECT_DOUBLE_EQ(memory.stages[0].activations.base() - middle, sbh / 8);
}

}  // namespace
}  // namespace plumbline
