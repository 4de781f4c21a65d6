#include "sim/serving/step.h"

#include <algorithm>
#include <numeric>

namespace plumbline {

void StepWork::clear() {
  chunks.clear();
  chunk_tokens = decodes = emitting = 0;
  decode_context_sum = decode_context_min = decode_context_max = 0;
  swap_out_tokens = swap_in_tokens = 0;
}

void StepWork::add_chunk(std::int64_t new_tokens, std::int64_t context_tokens) {
  chunks.push_back({new_tokens, context_tokens});
  chunk_tokens += new_tokens;
}

void StepWork::add_decode(std::int64_t context_tokens) {
  decode_context_min = decodes == 0 ? context_tokens : std::min(decode_context_min, context_tokens);
  decode_context_max = std::max(decode_context_max, context_tokens);
  decode_context_sum += context_tokens;
  ++decodes;
}

double StepTimes::total() const { return std::accumulate(seconds.begin(), seconds.end(), 0.0); }

StepTimes& StepTimes::operator+=(const StepTimes& more) {
  for (std::size_t part = 0; part < kStepParts; ++part) {
    seconds[part] += more.seconds[part];
    outside[part] += more.outside[part];
  }
  return *this;
}

void StepPrices::stage_times(const StepWork& work, std::span<Seconds> times,
                             std::span<StepTimes> parts) const {
  for (std::size_t stage = 0; stage < times.size(); ++stage) {
    times[stage] = stage_time(static_cast<int>(stage), work);
    parts[stage].of(StepPart::kLayers) += times[stage].base();
  }
}

Seconds StepPrices::swap_time(int, const StepWork&) const { return Seconds(0); }

Seconds StepPrices::lock_step_time(int stage, std::span<const StepWork* const> ranks,
                                   StepTimes* parts) const {
  Seconds slowest;
  for (const StepWork* work : ranks) {
    if (!work->empty()) slowest = max(slowest, stage_time(stage, *work));
  }
  if (parts != nullptr) parts->of(StepPart::kLayers) += slowest.base();
  return slowest;
}

}  // namespace plumbline
