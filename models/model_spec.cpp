#include "models/model_spec.h"

namespace plumbline {

bool ModelSpec::is_moe_layer(std::int64_t index) const {
  if (!moe || index < moe->first_dense_layers) return false;
  return (index - moe->first_dense_layers) % moe->every == 0;
}

std::int64_t ModelSpec::moe_layers() const {
  if (!moe || layers <= moe->first_dense_layers) return 0;
  return 1 + (layers - 1 - moe->first_dense_layers) / moe->every;
}

bool ModelSpec::is_windowed_layer(std::int64_t index) const {
  if (!sliding_window) return false;
  return full_attention_every == 0 || (index + 1) % full_attention_every != 0;
}

}  // namespace plumbline
