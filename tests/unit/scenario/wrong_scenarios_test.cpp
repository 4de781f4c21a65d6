// Wrong scenarios and what a user reads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/scenario/reading.h"

namespace plumbline {
namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

std::vector<std::string> problems_of(const std::string& what, const std::string& instead) {
  return ScenarioFile(with(kGood, what, instead)).problems();
}

TEST(WrongScenario, TheOneThatTheOthersChangeIsRight) {
  EXPECT_THAT(ScenarioFile(kGood).problems(), testing::IsEmpty());
}

TEST(WrongScenario, UnknownSchedule) {
  EXPECT_THAT(
      problems_of("1f1b", "1f1v"),
      ElementsAre("a.yaml:5:11: schedule: no schedule is called '1f1v' (did you mean '1f1b'?)"));
}

TEST(WrongScenario, MisspeltKey) {
  EXPECT_THAT(problems_of("tensor: 8", "tensro: 8"),
              ElementsAre("a.yaml:4:15: parallelism.tensro: unknown key (did you mean 'tensor'?)"));
}

TEST(WrongScenario, MisspeltWord) {
  EXPECT_THAT(problems_of("bf16", "bf61"),
              ElementsAre("a.yaml:10:14: training.precision: no precision is called 'bf61' (did "
                          "you mean 'bf16'?)"));
}

TEST(WrongScenario, WordFarFromAllListsThem) {
  EXPECT_THAT(problems_of("bf16", "quadruple"),
              ElementsAre("a.yaml:10:14: training.precision: no precision is called 'quadruple' "
                          "(there are: bf16, fp16, fp32, fp8, mxfp8, nvfp4)"));
}

TEST(WrongScenario, ThreeThingsAtOnce) {
  std::string text = with(kGood, "1f1b", "1f1v");
  text = with(with(text, "bf16", "bf61"), "tensor: 8", "tensro: 8");
  EXPECT_THAT(ScenarioFile(text).problems(), SizeIs(3));
}

TEST(WrongScenario, FractionWhereAnIntegerBelongs) {
  EXPECT_THAT(problems_of("pipeline: 8", "pipeline: 2.5"),
              ElementsAre("a.yaml:4:36: parallelism.pipeline: must be an integer, not '2.5'"));
}

TEST(WrongScenario, NumberOutOfRange) {
  EXPECT_THAT(problems_of("global_batch_size: 64", "global_batch_size: 0"),
              ElementsAre("a.yaml:9:22: training.global_batch_size: must be between 1 and "
                          "1000000000, not 0"));
}

TEST(WrongScenario, TextWhereTruthBelongs) {
  EXPECT_THAT(problems_of("sequence_parallel: true", "sequence_parallel: sometimes"),
              ElementsAre("a.yaml:4:58: parallelism.sequence_parallel: must be true or false, not "
                          "'sometimes'"));
}

TEST(WrongScenario, MissingKey) {
  EXPECT_THAT(problems_of("  sequence_length: 2048\n", ""),
              ElementsAre("a.yaml:7:3: training.sequence_length: is missing"));
}

TEST(WrongScenario, MissingBlockIsToldOnce) {
  const std::string text = kGood.substr(0, kGood.find("training:"));
  EXPECT_THAT(ScenarioFile(text).problems(), ElementsAre("a.yaml:1:1: training: is missing"));
}

TEST(WrongScenario, BlockThatIsAWord) {
  const std::string text = kGood.substr(0, kGood.find("training:")) + "training: hard\n";
  EXPECT_THAT(ScenarioFile(text).problems(),
              ElementsAre("a.yaml:6:11: training: must be a mapping, not 'hard'"));
}

TEST(WrongScenario, UnknownModelSuggestsOne) {
  const auto problems = problems_of("gpt3_175b", "gpt3_157b");
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_THAT(problems[0], HasSubstr("a.yaml:2:8: model: "));
  EXPECT_THAT(problems[0], HasSubstr("gpt3_175b"));
}

TEST(WrongScenario, UnknownGpuListsThoseThatThereAre) {
  const auto problems = problems_of("a100_sxm_80g", "a100");
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_THAT(problems[0], HasSubstr("a.yaml:3:16: cluster.gpu: no GPU is called 'a100'"));
  EXPECT_THAT(problems[0], HasSubstr("h100_sxm_80g"));
}

TEST(WrongScenario, KeyGivenTwice) {
  EXPECT_THAT(ScenarioFile(kGood + "name: again\n").problems(),
              ElementsAre("a.yaml:12:1: name: is given twice in one mapping (remove one of the "
                          "two)"));
}

TEST(WrongScenario, NoYaml) {
  EXPECT_THAT(problems_of("cluster: {gpu:", "cluster: [gpu:"), SizeIs(1));
}

TEST(WrongScenario, EmptyFile) {
  EXPECT_THAT(ScenarioFile("").problems(),
              ElementsAre("a.yaml: must be a mapping with model, cluster and training or serving"));
}

TEST(WrongScenario, TrainingAndServingInOne) {
  const std::string serving =
      "serving: {requests: {poisson: {rate_per_s: 1, count: 2}, prompt_tokens: 8, "
      "output_tokens: 2}}\n";
  EXPECT_THAT(ScenarioFile(kGood + serving).problems(),
              Contains(HasSubstr("training: belongs to training; this scenario serves (leave out "
                                 "either it or serving)")));
}

TEST(WrongScenario, ServingTellsEveryProblemOfItsTraffic) {
  const std::string head =
      "model: llama3_70b\ncluster: {gpu: h100_sxm_80g, gpus_per_node: 8, nodes: 1, intra_node: "
      "nvlink4}\n";
  EXPECT_THAT(
      ScenarioFile(head +
                   "serving: {requests: {poisson: {rate_per_s: 1, count: 2}, closed_loop: {users: "
                   "1, count: 1}}}\n")
          .problems(),
      ElementsAre(HasSubstr("names one of poisson, gamma")));
  EXPECT_THAT(
      ScenarioFile(head + "parallelism: {context: 2}\n"
                          "serving: {requests: {poisson: {rate_per_s: 1, count: 2}, time_scale: 2, "
                          "prompt_tokens: {lognormal: {mean: 10, p99: 1000}}}}\n")
          .problems(),
      UnorderedElementsAre(HasSubstr("parallelism.context: is not part of serving"),
                           HasSubstr("time_scale: goes with a trace"),
                           HasSubstr("no lognormal distribution has this mean and p99"),
                           HasSubstr("output_tokens: is missing")));
}

TEST(WrongScenario, ServingKeysThatThePolicyIgnores) {
  const auto problems = [](const std::string& batching) {
    return ScenarioFile(
               "model: llama3_70b\ncluster: {gpu: h100_sxm_80g, gpus_per_node: 8, nodes: 1, "
               "intra_node: nvlink4}\nparallelism: {tensor: 8}\nserving: {requests: {poisson: "
               "{rate_per_s: 1, count: 2}, prompt_tokens: 8, output_tokens: 2}, batching: {" +
               batching + "}}\n")
        .problems();
  };
  const std::string all =
      "max_num_batched_tokens: 64, chunked_prefill: true, long_prefill_token_threshold: 8, "
      "max_decodes_per_microbatch: 4";
  EXPECT_THAT(problems(all), testing::IsEmpty());
  EXPECT_THAT(problems("policy: orca, " + all), SizeIs(3));
  EXPECT_THAT(problems("policy: static, " + all), SizeIs(4));
  EXPECT_THAT(problems("chunked_prefill: false, long_prefill_token_threshold: 8"),
              ElementsAre(HasSubstr("serving.batching.long_prefill_token_threshold: splits")));
}

TEST(WrongScenario, MixedGpusAreRefusedNotIgnored) {
  EXPECT_THAT(problems_of("nodes: 8", "groups: [{gpu: h100_sxm_80g}]"),
              ElementsAre("a.yaml:3:38: cluster.groups: mixed GPUs are not simulated by this "
                          "version; describe one kind"));
}

TEST(WrongScenario, ScheduleOptionOfAnotherSchedule) {
  const auto problems = problems_of("1f1b", "{name: gpipe, microbatch_group_size: 4}");
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_THAT(problems[0],
              HasSubstr("a.yaml:5:48: schedule.microbatch_group_size: gpipe has no such option"));
  EXPECT_THAT(problems[0], HasSubstr("interleaved_1f1b"));
}

TEST(WrongScenario, ScheduleWithNeitherNameNorCsv) {
  EXPECT_THAT(problems_of("1f1b", "{max_live_activations: 4}"),
              ElementsAre("a.yaml:5:11: schedule: names a schedule or a csv, one of the two"));
}

TEST(WrongScenario, RecomputeLayersWithoutFull) {
  EXPECT_THAT(problems_of("selective", "{granularity: selective, layers_per_stage: 2}"),
              ElementsAre("a.yaml:11:57: training.recompute.layers_per_stage: goes with "
                          "granularity: full"));
}

TEST(WrongScenario, AttentionSaidTwiceDifferently) {
  EXPECT_THAT(ScenarioFile(kGood + "  attention: flash\n  attention_backend: local\n").problems(),
              ElementsAre("a.yaml:13:22: training.attention_backend: contradicts "
                          "training.attention (leave one of the two out)"));
}

TEST(WrongScenario, OverrideOfAMisspeltPath) {
  EXPECT_THAT(ScenarioFile(kGood).problems({{"paralelism.pipeline", "4"}}),
              ElementsAre("--set paralelism.pipeline=4: paralelism: unknown key (did you mean "
                          "'parallelism'?)"));
}

TEST(WrongScenario, OverrideWithAWrongValue) {
  EXPECT_THAT(ScenarioFile(kGood).problems({{"training.precision", "fp7"}}),
              ElementsAre("--set training.precision=fp7: training.precision: no precision is "
                          "called 'fp7' (did you mean 'fp8'?)"));
}

TEST(WrongScenario, FileThatIsNotThere) {
  const ScenarioFile file(kGood);
  try {
    read_scenario(file.folder() + "/b.yaml", {}, project_folders());
    FAIL() << "nothing was thrown";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("b.yaml: no such file (did you mean '"));
  }
}

TEST(WrongScenario, VersionOfAnotherFormat) {
  EXPECT_THAT(ScenarioFile("schema: plumbline.scenario/9\n" + kGood).problems(),
              ElementsAre("a.yaml:1:9: schema: no schema is called 'plumbline.scenario/9' (did you "
                          "mean 'plumbline.scenario/1'?)"));
}

}  // namespace
}  // namespace plumbline
