#include "sim/cli/sweep_front.h"

#include <algorithm>
#include <utility>

namespace plumbline {
namespace {

bool as_good(const SweepFigures& a, const SweepFigures& b) {
  return a.tokens_per_s >= b.tokens_per_s && a.peak_memory_bytes <= b.peak_memory_bytes &&
         a.cost <= b.cost;
}

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

void ParetoFront::add(const SweepFigures& point) {
  if (!point.fits) return;
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
