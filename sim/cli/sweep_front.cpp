#include "sim/cli/sweep_front.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace plumbline {
namespace {

bool as_good(const SweepFigures& a, const SweepFigures& b) {
  const bool smaller = a.serves ? a.ttft_p90_s <= b.ttft_p90_s && a.tpot_p90_s <= b.tpot_p90_s
                                : a.peak_memory_bytes <= b.peak_memory_bytes;
  return a.tokens_per_s >= b.tokens_per_s && smaller && a.cost <= b.cost;
}

double finite(double value) { return std::isfinite(value) ? value : 0; }

}  // namespace

SweepFigures figures_of(const Result& result, std::size_t index, std::vector<std::string> values) {
  const TrainingResult& step = result.training;
  SweepFigures figures;
  figures.index = index;
  figures.values = std::move(values);
  figures.iteration_time_s = step.iteration_time_s;
  figures.tokens_per_s = step.tokens_per_s;
  figures.tokens_per_s_per_gpu = step.tokens_per_s_per_gpu;
  figures.mfu = step.mfu;
  figures.bubble_fraction = step.bubble_fraction;
  figures.peak_memory_bytes = step.peak_memory_bytes;
  figures.usable_memory_bytes = step.usable_memory_bytes;
  figures.priced = result.cost.usd_per_million_tokens.has_value();
  figures.cost =
      result.cost.usd_per_million_tokens.value_or(result.cost.gpu_hours_per_million_tokens);
  figures.fits = result.fits;
  return figures;
}

SweepFigures figures_of(const Result& result, const ServingResult& serving, std::size_t index,
                        std::vector<std::string> values) {
  SweepFigures figures;
  figures.index = index;
  figures.values = std::move(values);
  figures.serves = true;
  figures.tokens_per_s = serving.output_tokens_per_s;
  figures.tokens_per_s_per_gpu = serving.output_tokens_per_s_per_gpu;
  figures.bubble_fraction = finite(serving.bubble_fraction);
  figures.ttft_p90_s = finite(serving.ttft_s.p90);
  figures.tpot_p90_s = finite(serving.tpot_s.p90);
  figures.slo_attainment = serving.slo_attainment;
  if (serving.kv.blocks > 0) {
    figures.cache_use =
        static_cast<double>(serving.peak_blocks) / static_cast<double>(serving.kv.blocks);
  }
  figures.searched = serving.max_rate.has_value();
  if (figures.searched) figures.max_rate_per_s = serving.max_rate->rate_per_s;
  figures.priced = serving.usd_per_million_output_tokens.has_value();
  figures.cost = serving.usd_per_million_output_tokens.value_or(
      serving.gpu_seconds_per_million_output_tokens / 3600);
  figures.fits = result.fits;
  return figures;
}

void ParetoFront::add(const SweepFigures& point) {
  if (!point.fits || (point.searched && point.max_rate_per_s <= 0)) return;
  const auto beats = [&](const SweepFigures& other) {
    return as_good(other, point) && !as_good(point, other);
  };
  if (std::ranges::any_of(points_, beats)) return;
  std::erase_if(points_, [&](const SweepFigures& other) {
    return as_good(point, other) && !as_good(other, point);
  });
  points_.push_back(point);
}

std::vector<SweepFigures> ParetoFront::points() const {
  std::vector<SweepFigures> sorted = points_;
  std::ranges::sort(sorted, {}, &SweepFigures::index);
  return sorted;
}

bool ParetoFront::has(std::size_t index) const {
  return std::ranges::find(points_, index, &SweepFigures::index) != points_.end();
}

}  // namespace plumbline
