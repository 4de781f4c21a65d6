// Predicted beside measured peaks: Zero Bubble's tables (A100), SimuMax's ranks (B200), torchtitan
// (H100).  The number of activations in flight is each schedule's closed form; sim/measure finds
// the same peaks by walking a timeline.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

#include "tests/unit/memory/memory_fixture.h"

namespace plumbline {
namespace {

using Row = std::vector<std::string>;

std::vector<Row> rows_of(const std::string& file) {
  std::ifstream in(std::string(PLUMBLINE_SOURCE_DIR) + "/tests/data/memory/" + file);
  std::vector<Row> rows;
  bool header = true;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#')) continue;
    if (!std::exchange(header, false)) {
      Row row;
      std::istringstream cells(line);
      for (std::string cell; std::getline(cells, cell, ',');) row.push_back(cell);
      rows.push_back(row);
    }
  }
  return rows;
}

struct Errors {
  std::vector<double> values;  ///< signed, per cent
  static double at(std::vector<double> v, double q) {
    std::sort(v.begin(), v.end());
    const double place = q * static_cast<double>(v.size() - 1);
    const auto low = static_cast<std::size_t>(place);
    const std::size_t high = std::min(low + 1, v.size() - 1);
    return v[low] + (place - static_cast<double>(low)) * (v[high] - v[low]);
  }
  double bias() const { return at(values, 0.5); }
  double absolute(double q) const {
    std::vector<double> v;
    for (const double e : values) v.push_back(std::abs(e));
    return at(v, q);
  }
  void record(const std::string& name) const {
    std::ostringstream text;
    text.precision(3);
    text << "n " << values.size() << " signed " << bias() << " median " << absolute(0.5) << " p90 "
         << absolute(0.9) << " max " << absolute(1.0);
    testing::Test::RecordProperty(name, text.str());
    if (std::getenv("PLUMBLINE_SHOW_ERRORS") != nullptr) {
      std::printf("%s: %s\n", name.c_str(), text.str().c_str());
    }
  }
};

double transient(const StageMemory& stage) {
  return std::max(stage.forward_transient.total().base(), stage.backward_transient.total().base());
}

// ---- Zero Bubble ---------------------------------------------------------------------------

struct ZeroBubbleRow {
  std::string model, schedule;
  int pipeline, chunks, micro_batch, microbatches;
  double peak_gib;
};

/// Full stage activations that rank `r` has alive at once.
double in_flight(const ZeroBubbleRow& row, int r) {
  const int p = row.pipeline, m = row.microbatches, v = row.chunks;
  if (row.schedule == "interleaved_1f1b") {
    return std::min(2 * (p - r - 1) + (v - 1) * p + 1, m * v) / static_cast<double>(v);
  }
  if (row.schedule == "zb_2p") return std::min(2 * p - 1 - r, m);
  if (row.schedule == "zb_v") return std::min(p, m);
  return std::min(p - r, m);
}

/// The authors' script runs fp16 without a fused softmax kernel or dropout (fp16 gradients, softmax
/// in fp32): examples/pretrain_zero_bubble.sh and Megatron-LM's --apply-query-key-layer-scaling.
TrainingOptions zero_bubble_training(int micro_batch) {
  TrainingOptions training = megatron_2022(micro_batch, 1024);
  training.software.dropout = false;
  training.software.softmax = SoftmaxFusion::kUnfused;
  return training;
}

double predicted_gib(const ZeroBubbleRow& row) {
  const ModelSpec model = named(row.model);
  ParallelPlan plan = plan_of(model, 1, row.pipeline, 1, row.chunks, true);
  const int p = row.pipeline;
  if (row.schedule == "zb_v") {
    plan.stage_rank.assign(1, {});
    for (int s = 0; s < 2 * p; ++s) plan.stage_rank[0].push_back(std::min(s, 2 * p - 1 - s));
  }
  const MemoryModel memory =
      memory_model(model, kAnyCluster, plan, zero_bubble_training(row.micro_batch), 1);
  double peak = 0;
  for (int r = 0; r < p; ++r) {
    double activations = 0, weight_grad = 0, extra = 0;
    for (std::size_t s = 0; s < plan.stages.size(); ++s) {
      const int home = plan.stage_rank.empty() ? static_cast<int>(s) % p : plan.stage_rank[0][s];
      if (home != r) continue;
      activations += memory.stages[s].activations.base();
      weight_grad = std::max(
          weight_grad, memory.stages[s].activations_after_input_grad.base() -
                           (plan.stages[s].head ? 2.0 * 1024 * row.micro_batch * 50304 : 0.0));
      extra = std::max(extra, memory.stages[s].logits.base() + transient(memory.stages[s]));
    }
    double rank = memory.rank_static[static_cast<std::size_t>(r)].total().base() +
                  activations * in_flight(row, r) + extra;
    if (row.schedule.starts_with("zb_")) rank += weight_grad;  // one micro-batch waits for W
    peak = std::max(peak, rank);
  }
  return peak / kGiB;
}

Errors zero_bubble_errors(const std::string& schedule) {
  Errors errors;
  for (const Row& cells : rows_of("zero_bubble.csv")) {
    const ZeroBubbleRow row{cells[1],
                            cells[2],
                            std::stoi(cells[3]),
                            std::stoi(cells[4]),
                            std::stoi(cells[5]),
                            std::stoi(cells[6]),
                            std::stod(cells[7])};
    if (row.schedule != schedule) continue;
    errors.values.push_back(100 * (predicted_gib(row) / row.peak_gib - 1));
  }
  return errors;
}

TEST(ZeroBubbleTables, PeaksOf1F1BAreWithinTwoPerCentAtTheMedian) {
  const Errors errors = zero_bubble_errors("1f1b");
  errors.record("1f1b");
  ASSERT_GE(errors.values.size(), 15u);
  EXPECT_LT(errors.absolute(0.5), 2.0);
  EXPECT_LT(errors.absolute(0.9), 6.0);
}

TEST(ZeroBubbleTables, PeaksOfInterleaved1F1BAreWithinFourPerCent) {
  const Errors errors = zero_bubble_errors("interleaved_1f1b");
  errors.record("interleaved_1f1b");
  ASSERT_EQ(errors.values.size(), 3u);
  EXPECT_LT(errors.absolute(1.0), 4.0);
}

TEST(ZeroBubbleTables, PeaksOfTheZeroBubbleSchedulesAreWithinFourPerCentAtTheMedian) {
  for (const char* schedule : {"zb_1p", "zb_2p"}) {
    const Errors errors = zero_bubble_errors(schedule);
    errors.record(schedule);
    ASSERT_GE(errors.values.size(), 7u);
    EXPECT_LT(errors.absolute(0.5), 4.0) << schedule;
    EXPECT_LT(errors.absolute(0.9), 8.0) << schedule;
  }
}

// Table 6 alone has this schedule; its 1F1B rows are 4 to 5 % lower than predicted, too.
TEST(ZeroBubbleTables, PeaksOfTheVScheduleAreWithinSevenPerCent) {
  const Errors errors = zero_bubble_errors("zb_v");
  errors.record("zb_v");
  ASSERT_EQ(errors.values.size(), 2u);
  EXPECT_LT(errors.absolute(1.0), 7.0);
}

// ---- SimuMax, 8 B200 -----------------------------------------------------------------------

double simumax_gib(const Row& cells) {
  ModelSpec model = named(cells[0]);
  model.layers = std::stoi(cells[1]);
  const int tensor = std::stoi(cells[2]), pipeline = std::stoi(cells[3]);
  const int context = std::stoi(cells[4]), expert = std::stoi(cells[5]);
  ParallelPlan plan = plan_of(model, tensor, pipeline, 8 / (tensor * pipeline * context));
  plan.context = context;
  plan.ulysses = context > 1;  // --cp-comm-type a2a
  plan.expert = expert;
  plan.expert_data = 8 / (pipeline * expert);
  const TrainingOptions training = transformer_engine(1, std::stoi(cells[6]));
  const MemoryModel memory = memory_model(model, hopper_or_later(), plan, training, 1);
  const auto rank = static_cast<std::size_t>(std::stoi(cells[7]));
  const StageMemory& stage = memory.stages[rank];
  const double alive = static_cast<double>(plan.stages.size() - rank);
  return (memory.rank_static[rank].total().base() +
          alive * (stage.activations.base() + stage.logits.base()) + transient(stage)) /
         kGiB;
}

Errors simumax_errors(const std::string& model) {
  Errors errors;
  for (const Row& cells : rows_of("simumax_b200.csv")) {
    if (cells[0] != model) continue;
    errors.values.push_back(100 * (simumax_gib(cells) / std::stod(cells[8]) - 1));
    if (std::getenv("PLUMBLINE_SHOW_ERRORS") != nullptr) {
      std::printf("tp%s pp%s cp%s ep%s s%s r%s %.2f %s\n", cells[2].c_str(), cells[3].c_str(),
                  cells[4].c_str(), cells[5].c_str(), cells[6].c_str(), cells[7].c_str(),
                  simumax_gib(cells), cells[8].c_str());
    }
  }
  return errors;
}

TEST(SimumaxB200, PeaksOfEveryRankOfADenseModelAreWithinOnePerCent) {
  const Errors errors = simumax_errors("llama3_70b");
  errors.record("llama3_70b");
  ASSERT_EQ(errors.values.size(), 9u);
  EXPECT_LT(errors.absolute(1.0), 1.0);
  EXPECT_LT(errors.absolute(0.5), 0.3);
}

TEST(SimumaxB200, PeaksOfAMixtureWithLatentAttentionAreWithinThreePerCent) {
  const Errors errors = simumax_errors("deepseek_v2");
  errors.record("deepseek_v2");
  ASSERT_EQ(errors.values.size(), 3u);
  EXPECT_LT(errors.absolute(1.0), 3.0);
}

// ---- torchtitan ----------------------------------------------------------------------------

// torchtitan prints max_memory_reserved, which holds what is allocated and the allocator's
// fragmentation; where both are printed (SimuMax) it is 1.03 to 1.09 times what is allocated.
TEST(Torchtitan, ReservesLittleMoreThanFullyShardedLlama8BAllocates) {
  const ModelSpec model = named("llama3_8b");
  Errors errors;
  for (const Row& cells : rows_of("torchtitan.csv")) {
    ParallelPlan plan = plan_of(model, 1, 1, std::stoi(cells[1]));
    plan.zero_stage = 3;
    TrainingOptions training = transformer_engine(std::stoi(cells[3]), 8192);
    training.recompute = Recompute::kSelective;
    training.software.saved_tensors = SavedTensors::kTorchFsdp;
    training.software.cross_entropy = CrossEntropy::kUnfused;
    training.software.gradient_accumulation_fusion = false;
    const MemoryModel memory = memory_model(model, hopper_or_later(), plan, training, 1);
    const StageMemory& stage = memory.stages[0];
    const double gib = ((memory.rank_static[0].total() + stage.activations + stage.logits).base() +
                        transient(stage)) /
                       kGiB;
    errors.values.push_back(100 * (gib / std::stod(cells[4]) - 1));
    const double reserved_over_allocated = std::stod(cells[4]) / gib;
    EXPECT_GT(reserved_over_allocated, 1.0);
    EXPECT_LT(reserved_over_allocated, 1.12);
  }
  errors.record("torchtitan");
  EXPECT_EQ(errors.values.size(), 6u);
}

}  // namespace
}  // namespace plumbline
