#include "sim/cli/measured_rows.h"

#include <algorithm>

#include "models/flops.h"

namespace plumbline {
namespace {

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

/// Model FLOPs of one step, whole job, as the measurement counts them.
double counted_flops(const Scenario& scenario) {
  FlopConvention convention;
  if (scenario.measured->flops == "causal_attention") {
    convention.attention = AttentionCount::kCausal;
  }
  const TrainingOptions& training = scenario.training;
  return model_flops(scenario.model, training.sequence_length, training.global_batch_size,
                     convention)
      .base();
}

}  // namespace

std::optional<double> measured_iteration_time(const Scenario& scenario, const Result& result) {
  const Measured& measured = *scenario.measured;
  const auto samples = static_cast<double>(scenario.training.global_batch_size);
  const double tokens = samples * static_cast<double>(scenario.training.sequence_length);
  const double gpus = scenario.cluster.gpus();
  if (measured.iteration_time_s) return measured.iteration_time_s;
  if (measured.tokens_per_s) return tokens / *measured.tokens_per_s;
  if (measured.tokens_per_s_per_gpu) return tokens / (gpus * *measured.tokens_per_s_per_gpu);
  if (measured.samples_per_s) return samples / *measured.samples_per_s;
  if (measured.model_tflops_per_gpu) {
    return counted_flops(scenario) / (gpus * *measured.model_tflops_per_gpu * 1e12);
  }
  // The peak that the result's MFU divides by.
  const double peak = result.training.model_tflops_per_gpu / result.training.mfu * 1e12;
  if (measured.mfu) return counted_flops(scenario) / (gpus * *measured.mfu * peak);
  return std::nullopt;
}

std::vector<ValidationRow> measured_rows(const Scenario& scenario, const Result& result) {
  const Measured& measured = *scenario.measured;
  std::vector<ValidationRow> rows;
  const auto add = [&](const char* metric, std::optional<double> observed, double predicted) {
    // A relative error needs something to be relative to.
    if (!observed || *observed <= 0) return;
    ValidationRow row;
    row.file = scenario.file;
    row.source = measured.source;
    row.gate = measured.gate;
    row.metric = metric;
    row.measured = *observed;
    row.predicted = predicted;
    rows.push_back(std::move(row));
  };
  const TrainingResult& step = result.training;
  add("iteration_time_s", measured_iteration_time(scenario, result), step.iteration_time_s);
  if (!rows.empty()) rows.back().interval = step.iteration_time_interval_s;
  add("bubble_fraction", measured.bubble_fraction, step.bubble_fraction);
  const auto memory = [&](const char* metric, const std::optional<double>& peak,
                          const std::vector<double>& by_rank) {
    add(metric, peak, step.peak_memory_bytes / kGiB);
    for (std::size_t rank = 0; rank < std::min(by_rank.size(), step.ranks.size()); ++rank) {
      add(metric, by_rank[rank], step.ranks[rank].peak.total().base() / kGiB);
    }
  };
  memory("peak_memory_gib", measured.peak_memory_gib, measured.peak_memory_gib_by_rank);
  memory("peak_reserved_gib", measured.peak_reserved_gib, measured.peak_reserved_gib_by_rank);
  return rows;
}

}  // namespace plumbline
