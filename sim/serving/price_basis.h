// What the prices of a served model rest on: the units its products run on, whether measured
// tables of its layers apply, and how large a step can be.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/kernels/layer_table.h"
#include "sim/serving/step_prices.h"

namespace plumbline {

/// How a model's products are priced; `notes` are sentences for the result's assumptions, one for
/// everything that stands in for something else.
struct PriceBasis {
  std::string wide = "bf16";    ///< kernels of what stays in 16 bits: fp16 without units for bf16
  std::string linear = "bf16";  ///< kernels of linear layers ("bf16", "fp8_cutlass", ...)
  bool weight_only = false;     ///< 16-bit products that read weights of fewer bits (Marlin)
  std::vector<std::string> notes;
};

/// @throws InputError (path "serving.precision") when the device has no units for the precision;
///         at --what-if when kernels are scaled that the model's prices do not rest on
PriceBasis price_basis(const ServedModel& served);

/// The device's measured table of this model's layers, where it holds for this run: none under a
/// power limit other than that of the measurement.
/// @throws InputError when a sample file is missing or does not match its SHA-256
std::optional<LayerTable> measured_layers(const ServedModel& served);

/// Whether that table's attention holds as well: it read a 16-bit cache.
bool measured_attention_holds(const ServedModel& served);

/// Clock of 16-bit products under the scenario's power limit, relative to the device's own limit.
double power_limit_clock(const ServedModel& served);

/// Tokens of a step at most, for which prices are tabulated: the budget where the policy has one,
/// else all seats with their longest prompts, and not more than 2^18, beyond which the last slope
/// holds.
std::int64_t largest_step(const ServedModel& served);

/// New tokens of one prompt in a step at most.
std::int64_t longest_chunk(const ServedModel& served);

}  // namespace plumbline
