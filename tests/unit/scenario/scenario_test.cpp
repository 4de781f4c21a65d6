#include "sim/scenario/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "sim/plan/software.h"
#include "tests/unit/scenario/reading.h"

namespace plumbline {
namespace {

using namespace testing_support;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(Scenario, ResolvesNamesIntoAModelAndACluster) {
  const Scenario scenario = ScenarioFile(kGood).read();

  EXPECT_EQ(scenario.name, "good");
  EXPECT_EQ(scenario.model.layers, 96);
  EXPECT_EQ(scenario.model.hidden, 12288);
  EXPECT_EQ(scenario.cluster.device.name, "a100_sxm_80g");
  EXPECT_EQ(scenario.cluster.inter_node.name, "ib_hdr200");
  EXPECT_EQ(scenario.cluster.gpus(), 64);
  EXPECT_EQ(scenario.parallelism.tensor, 8);
  EXPECT_EQ(scenario.parallelism.data, std::nullopt);
  EXPECT_EQ(scenario.schedule.name, "1f1b");
  EXPECT_EQ(scenario.training.global_batch_size, 64);
  EXPECT_EQ(scenario.training.recompute, Recompute::kSelective);
}

TEST(Scenario, ListsTheDefaultsItRestsOnAndNothingThatWasStated) {
  const Scenario scenario = ScenarioFile(kGood).read();

  EXPECT_THAT(scenario.assumptions, Contains("training.attention: flash (default)"));
  EXPECT_THAT(scenario.assumptions, Contains("parallelism.zero_stage: 1 (default)"));
  EXPECT_THAT(scenario.assumptions, Contains(HasSubstr("training.software: megatron_lm_2022")));
  EXPECT_THAT(scenario.assumptions, Not(Contains(HasSubstr("recompute"))));
  EXPECT_THAT(scenario.assumptions, Not(Contains(HasSubstr("precision"))));
  EXPECT_THAT(scenario.assumptions, Not(Contains(HasSubstr("context"))));
}

TEST(Scenario, ANameLeftOutIsTheFilesName) {
  EXPECT_EQ(ScenarioFile(with(kGood, "name: good\n", "")).read().name, "a");
}

TEST(Scenario, SetOverridesAnyKeyWithYaml) {
  const Scenario scenario = ScenarioFile(kGood).read({{"parallelism.pipeline", "4"},
                                                      {"cluster.nodes", "4"},
                                                      {"schedule", "{name: gpipe}"},
                                                      {"training.recompute", "none"}});
  EXPECT_EQ(scenario.parallelism.pipeline, 4);
  EXPECT_EQ(scenario.cluster.gpus(), 32);
  EXPECT_EQ(scenario.schedule.name, "gpipe");
  EXPECT_EQ(scenario.training.recompute, Recompute::kNone);
}

TEST(Scenario, RecomputeIsAWordOrMegatronsOptions) {
  const auto recompute = [](const std::string& value) {
    return ScenarioFile(kGood).read({{"training.recompute", value}}).training;
  };
  EXPECT_EQ(recompute("full").recompute, Recompute::kFull);
  EXPECT_EQ(recompute("full").recompute_layers_per_stage, std::nullopt);
  const TrainingOptions some = recompute("{granularity: full, layers_per_stage: 2}");
  EXPECT_EQ(some.recompute, Recompute::kFull);
  EXPECT_EQ(some.recompute_layers_per_stage, 2);
  const TrainingOptions modules = recompute("{modules: [core_attn, mlp]}");
  EXPECT_EQ(modules.recompute, Recompute::kModules);
  EXPECT_THAT(modules.recompute_modules, ElementsAre("core_attn", "mlp"));
}

TEST(Scenario, ASoftwareNameGivesFactsAndEachKeyOverridesOne) {
  const SoftwareFacts& era = *find_software("megatron_lm_2021");
  const ScenarioFile file(kGood);
  const SoftwareFacts plain =
      file.read({{"training.software", "megatron_lm_2021"}}).training.software;
  EXPECT_EQ(plain.pipeline_transfer, era.pipeline_transfer);
  EXPECT_EQ(plain.optimizer_bytes_per_param, era.optimizer_bytes_per_param);

  const SoftwareFacts changed = file.read({{"training.software", "megatron_lm_2021"},
                                           {"training.tensor_overlap", "userbuffers"},
                                           {"training.gradient_dtype", "bf16"},
                                           {"training.data_overlap", "true"},
                                           {"training.cross_entropy", "jit_fused"},
                                           {"training.softmax", "unfused"},
                                           {"training.saved_tensors", "torch_fsdp"},
                                           {"training.pipeline_transfer", "overlapped"},
                                           {"training.fp8_recipe", "mx"},
                                           {"training.host_us_per_layer", "{forward: 120}"},
                                           {"training.moe", "{imbalance: 1.5, capacity_factor: 2}"},
                                           {"training.optimizer_bytes_per_param", "28"}})
                                    .training.software;
  EXPECT_EQ(changed.name, "megatron_lm_2021");
  EXPECT_EQ(changed.tensor_overlap, TensorOverlap::kUserBuffers);
  EXPECT_EQ(changed.gradient_dtype, Precision::kBf16);
  EXPECT_TRUE(changed.data_overlap);
  EXPECT_EQ(changed.cross_entropy, CrossEntropy::kJitFused);
  EXPECT_EQ(changed.softmax, SoftmaxFusion::kUnfused);
  EXPECT_EQ(changed.saved_tensors, SavedTensors::kTorchFsdp);
  EXPECT_EQ(changed.pipeline_transfer, PipelineTransfer::kOverlapped);
  EXPECT_EQ(changed.fp8_recipe, Fp8Recipe::kMx);
  EXPECT_DOUBLE_EQ(changed.host_forward_per_layer.base(), 120e-6);
  EXPECT_EQ(changed.host_backward_per_layer, era.host_backward_per_layer);
  EXPECT_EQ(changed.moe_imbalance, 1.5);
  EXPECT_EQ(changed.moe_capacity_factor, 2);
  EXPECT_EQ(changed.optimizer_bytes_per_param, 28);
}

TEST(Scenario, AnAttentionBackendIsMegatronsNameForTheKernel) {
  const auto attention = [](const std::string& backend) {
    return ScenarioFile(kGood).read({{"training.attention_backend", backend}}).training.attention;
  };
  EXPECT_EQ(attention("fused"), AttentionKernel::kFlash);
  EXPECT_EQ(attention("local"), AttentionKernel::kUnfused);
}

TEST(Scenario, LayersPerStageIsAWordOrAList) {
  const ScenarioFile file(kGood);
  EXPECT_EQ(file.read({{"training.layers_per_stage", "balanced"}}).layer_split.split,
            LayerSplit::kBalanced);
  const LayerSplitOptions given =
      file.read({{"training.layers_per_stage", "[13, 12, 12, 12, 12, 12, 12, 11]"}}).layer_split;
  EXPECT_EQ(given.split, LayerSplit::kGiven);
  EXPECT_THAT(given.given, ElementsAre(13, 12, 12, 12, 12, 12, 12, 11));
  EXPECT_EQ(file.read({{"training.num_layers_in_first_pipeline_stage", "5"}})
                .layer_split.first_stage_layers,
            5);
}

TEST(Scenario, AScheduleIsANameANameWithOptionsOrACsv) {
  const ScenarioFile file(kGood);
  const ScheduleRequest grouped =
      file.read({{"schedule", "{name: interleaved_1f1b, microbatch_group_size: 8}"}}).schedule;
  EXPECT_EQ(grouped.name, "interleaved_1f1b");
  EXPECT_EQ(grouped.microbatch_group_size, 8);
  EXPECT_EQ(file.read({{"schedule", "Interleaved-1F1B"}}).schedule.name, "interleaved_1f1b");

  const ScenarioFile csv(with(kGood, "schedule: 1f1b", "schedule: {csv: orders/x.csv}"));
  const std::string order = csv.folder() + "/orders/x.csv";
  EXPECT_THROW(csv.read(), InputError);  // no such file
  std::filesystem::create_directories(csv.folder() + "/orders");
  std::ofstream(order) << "0F0,0B0\n";
  EXPECT_EQ(csv.read().schedule.csv_path, order);
  // From the command line, a path is relative to the working directory.
  const std::string from_here = std::filesystem::relative(order).string();
  EXPECT_EQ(file.read({{"schedule", "{csv: " + from_here + "}"}}).schedule.csv_path, from_here);
}

TEST(Scenario, VirtualStagesFollowTheScheduleWhereItsPlacementFolds) {
  const ScenarioFile file(kGood);
  EXPECT_EQ(file.read({{"schedule", "zb_v"}}).parallelism.virtual_stages, 2);
  EXPECT_EQ(file.read({{"schedule", "interleaved_1f1b"}}).parallelism.virtual_stages, 1);
  EXPECT_EQ(file.read().parallelism.virtual_stages, 1);
  EXPECT_THAT(file.read({{"schedule", "zb_v"}}).assumptions,
              Contains("parallelism.virtual_stages: 2 (what zb_v needs)"));
}

TEST(Scenario, AModelMayStandInPlace) {
  const std::string text = with(kGood, "gpt3_175b",
                                "{layers: 8, hidden: 1024, heads: 16, vocab: 32000, "
                                "activation: gelu, max_positions: 2048}");
  const Scenario scenario = ScenarioFile(text).read();
  EXPECT_EQ(scenario.model.layers, 8);
  EXPECT_EQ(scenario.model.head_dim, 64);
  EXPECT_EQ(scenario.model.ffn, 4096);
}

TEST(Scenario, MeasuredKeepsWhatWasObserved) {
  const Scenario scenario = ScenarioFile(kGood + R"(measured:
  model_tflops_per_gpu: 140
  flops: causal_attention
  peak_memory_gib: [61.2, 55]
  gate: false
  source: a paper
)")
                                .read();
  ASSERT_TRUE(scenario.measured);
  EXPECT_EQ(scenario.measured->model_tflops_per_gpu, 140);
  EXPECT_EQ(scenario.measured->flops, "causal_attention");
  EXPECT_THAT(scenario.measured->peak_memory_gib_by_rank, ElementsAre(61.2, 55));
  EXPECT_EQ(scenario.measured->peak_memory_gib, std::nullopt);
  EXPECT_FALSE(scenario.measured->gate);
  EXPECT_EQ(scenario.measured->source, "a paper");
}

TEST(Locate, GivesALateProblemThePlaceThatItsPathNames) {
  const ScenarioFile file(kGood);
  const Scenario scenario = file.read({{"parallelism.tensor", "3"}});
  Diagnostic stated, silent, nowhere, overridden;
  stated.path = "training.precision";
  silent.path = "training.layers_per_stage";
  nowhere.path = "cost.usd_per_gpu_hour";
  overridden.path = "parallelism.tensor";

  const auto located =
      locate(InputError({stated, silent, nowhere, overridden}), scenario).diagnostics();
  EXPECT_EQ(located[0].at.line, 10);
  EXPECT_EQ(located[0].at.column, 14);
  EXPECT_EQ(located[1].at.line, 7) << "the block that would hold it";
  EXPECT_EQ(located[2].at.line, 0) << "the file as a whole";
  EXPECT_EQ(located[2].at.file, file.path());
  EXPECT_EQ(located[3].at.file, "--set parallelism.tensor=3");
}

}  // namespace
}  // namespace plumbline
