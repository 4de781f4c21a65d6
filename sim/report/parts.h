// The parts of a result under the names of its JSON, so that every report lists the same parts
// in the same order.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "sim/measure/result.h"

namespace plumbline {

struct NamedPart {
  std::string_view key;    ///< "tensor_comm"
  std::string_view label;  ///< "tensor comm"
  double value = 0;
};

/// Seconds of the breakdown, in the contract's order.
std::array<NamedPart, 10> parts_of(const Breakdown& breakdown);
/// Seconds of idleness by cause.
/// Copies from the host are a part only where activations are offloaded, or with `every_cause`.
std::vector<NamedPart> parts_of(const IdleCauses& causes, bool every_cause = false);
/// Bytes by cause.
std::array<NamedPart, 8> parts_of(const MemoryBreakdown& memory);

/// Mean over the ranks.  In a flushing schedule forward_comm, backward_comm and slow_link sum to
/// the breakdown's pipeline_comm, the others to its bubble.
IdleCauses mean_idle_causes(const TrainingResult& training);

/// The rank whose peak is largest, or nullptr when there are no ranks.
const RankResult* fullest_rank(const TrainingResult& training);
/// The rank that is busy longest, or nullptr when there are no ranks.
const RankResult* busiest_rank(const TrainingResult& training);

/// GPUs of the job: the ratio of the two token rates; 0 when there is no rate.
int gpus_of(const TrainingResult& training);

}  // namespace plumbline
