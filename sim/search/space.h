// The plans that a search tries: lists of values, and every legal combination of them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/search/candidate.h"
#include "sim/search/layer_prices.h"
#include "sim/search/schedule_traits.h"

namespace plumbline {

/// Values of each dimension.  An empty list of `pipeline`, `virtual_stages` or `context` means all
/// that make sense for the others (see `default_space`).
struct SearchSpace {
  std::vector<int> gpus;
  std::vector<int> tensor, pipeline, context, expert, expert_tensor, virtual_stages;
  std::vector<int> zero_stage;
  std::vector<std::int64_t> micro_batch_size, global_batch_size;
  std::vector<RecomputeChoice> recompute;
  std::vector<std::string> schedules;
  bool uniform_layers = true, balanced_layers = true;
  /// ZeRO-3 together with pipeline stages, which neither DeepSpeed nor Megatron-FSDP runs.
  bool zero3_with_pipeline = false;
};

/// What is tried unless limits say otherwise:
///   tensor         powers of two up to the GPUs of an NVLink domain
///   pipeline       every divisor of what is left of the GPUs, up to one layer a stage
///   virtual stages every number that divides the layers evenly, and 2 and 4
///   context        powers of two that leave 4,096 tokens of a sequence to each rank
///   expert         powers of two that divide the experts; whole experts (expert_tensor 1)
///   ZeRO           1, and 3 without pipeline stages
///   micro-batch    powers of two up to 16
///   recomputation  none, selective, full
///   schedules      all of the catalogue that flush, but zb_auto, which searches for itself
///   layers         uniform where they divide, and balanced
/// and in each list what the scenario states.
SearchSpace default_space(const Scenario& scenario);

/// A candidate with the shortest time that any order of its operations takes.
struct BoundedCandidate {
  Candidate candidate;
  Seconds time_bound;
  const ScheduleTraits* traits = nullptr;  ///< of its schedule; lives as long as the table
};

struct Enumeration {
  std::vector<BoundedCandidate> legal;  ///< in the order of the lists
  std::int64_t combinations = 0;        ///< whose groups fill the GPUs and whose batch divides
  /// Of those, how many are no plan, by the setting that forbids them.
  std::map<std::string, std::int64_t> impossible;
};

/// Every legal combination, each with its time bound.
/// @throws InputError when there is no GPU count that the cluster can have
Enumeration enumerate(const Scenario& base, const SearchSpace& space, PriceBook& prices,
                      TraitsTable& traits);

}  // namespace plumbline
