#include "sim/serving/step.h"

#include <algorithm>

namespace plumbline {

void StepWork::clear() {
  chunks.clear();
  chunk_tokens = decodes = emitting = 0;
  decode_context_sum = decode_context_min = decode_context_max = 0;
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

Seconds StepPrices::lock_step_time(int stage, std::span<const StepWork* const> ranks) const {
  Seconds slowest;
  for (const StepWork* work : ranks) {
    if (!work->empty()) slowest = max(slowest, stage_time(stage, *work));
  }
  return slowest;
}

}  // namespace plumbline
