#include "sim/cli/measured_rows.h"

#include <gtest/gtest.h>

#include "models/flops.h"

namespace plumbline {
namespace {

/// GPT-3 175B on 64 GPUs, 64 sequences of 2048 tokens: figures that can be worked out by hand.
Scenario scenario() {
  Scenario s;
  s.model.layers = 96;
  s.model.hidden = 12288;
  s.model.heads = s.model.kv_heads = 96;
  s.model.head_dim = 128;
  s.model.ffn = 49152;
  s.model.vocab = 51200;
  s.model.activation = Activation::kGelu;
  s.cluster.gpus_per_node = 8;
  s.cluster.nodes = 8;
  s.training.sequence_length = 2048;
  s.training.global_batch_size = 64;
  s.measured = Measured{};
  s.measured->source = "a paper";
  return s;
}

Result result() {
  Result r;
  r.training.iteration_time_s = 20;
  r.training.mfu = 0.5;
  r.training.model_tflops_per_gpu = 156;  // of a peak of 312
  r.training.peak_memory_bytes = 40.0 * 1024 * 1024 * 1024;
  return r;
}

TEST(MeasuredIterationTime, TurnsEveryRateIntoSecondsPerStep) {
  Scenario s = scenario();
  const auto time = [&s](auto field, double value) {
    s.measured = Measured{};
    (*s.measured).*field = value;
    return measured_iteration_time(s, result()).value();
  };
  EXPECT_DOUBLE_EQ(time(&Measured::iteration_time_s, 15.5), 15.5);
  EXPECT_DOUBLE_EQ(time(&Measured::tokens_per_s, 131072), 1.0);  // 64 * 2048 tokens
  EXPECT_DOUBLE_EQ(time(&Measured::tokens_per_s_per_gpu, 2048), 1.0);
  EXPECT_DOUBLE_EQ(time(&Measured::samples_per_s, 32), 2.0);
  // Narayanan et al. (arXiv:2104.04473), eq. 3 without its recomputation:
  // 72 B s l h^2 (1 + s/6h + V/12lh).
  const double b = 64, q = 2048, l = 96, h = 12288, v = 51200;
  const double flops = 72 * b * q * l * h * h * (1 + q / (6 * h) + v / (12 * l * h));
  EXPECT_NEAR(time(&Measured::model_tflops_per_gpu, 140), flops / (64 * 140e12), 1e-9);
  EXPECT_NEAR(time(&Measured::mfu, 0.25), flops / (64 * 0.25 * 312e12), 1e-9);
}

TEST(MeasuredIterationTime, CountsHalfTheAttentionWhereTheMeasurementDid) {
  Scenario s = scenario();
  s.measured->model_tflops_per_gpu = 140;
  const double full = measured_iteration_time(s, result()).value();
  s.measured->flops = "causal_attention";
  const double causal = measured_iteration_time(s, result()).value();
  // Attention's share of 1 + s/6h + V/12lh is s/6h; its causal half takes half of that away.
  const double q = 2048, l = 96, h = 12288, v = 51200;
  const double whole = 1 + q / (6 * h) + v / (12 * l * h);
  EXPECT_NEAR(causal / full, (whole - q / (12 * h)) / whole, 1e-9);
}

TEST(MeasuredRows, HoldARowPerMetric) {
  Scenario s = scenario();
  s.measured->iteration_time_s = 16;
  s.measured->peak_memory_gib = 50;
  s.measured->gate = false;
  const auto rows = measured_rows(s, result());

  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].metric, "iteration_time_s");
  EXPECT_DOUBLE_EQ(rows[0].error(), 0.25);
  EXPECT_EQ(rows[1].metric, "peak_memory_gib");
  EXPECT_DOUBLE_EQ(rows[1].predicted, 40);
  EXPECT_FALSE(rows[1].gate);
  EXPECT_EQ(rows[1].source, "a paper");
}

TEST(MeasuredRows, AListOfMemoryGivesARowPerRank) {
  Scenario s = scenario();
  s.measured->peak_memory_gib_by_rank = {50, 30};
  Result r = result();
  r.training.ranks.resize(2);
  r.training.ranks[0].peak.weights = Bytes(40.0 * 1024 * 1024 * 1024);
  r.training.ranks[1].peak.weights = Bytes(33.0 * 1024 * 1024 * 1024);
  const auto rows = measured_rows(s, r);

  ASSERT_EQ(rows.size(), 2u);
  EXPECT_DOUBLE_EQ(rows[0].error(), -0.2);
  EXPECT_NEAR(rows[1].error(), 0.1, 1e-12);
}

}  // namespace
}  // namespace plumbline
