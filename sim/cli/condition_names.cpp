// What a condition of a sweep can name.
#include <array>

#include "sim/cli/sweep_where.h"

namespace plumbline {
namespace {

double whole(std::int64_t value) { return static_cast<double>(value); }

/// What the GPUs leave where the scenario does not say; a fraction where they do not divide.
double data_of(const Scenario& s) {
  const ParallelOptions& p = s.parallelism;
  if (p.data) return *p.data;
  return whole(s.cluster.gpus()) / (whole(p.tensor) * p.pipeline * p.context);
}

using Of = ConditionName::Of;
using Value = ConditionValue;

constexpr ConditionName number(std::string_view name, std::string_view path,
                               Value (*value)(const Scenario&), Of of = Of::kAny) {
  return {name, path, of, false, value};
}
constexpr ConditionName text(std::string_view name, std::string_view path,
                             Value (*value)(const Scenario&), Of of = Of::kAny) {
  return {name, path, of, true, value};
}

// clang-format off
constexpr std::array kNames{
    number("tensor", "parallelism.tensor",
           [](const Scenario& s) -> Value { return whole(s.parallelism.tensor); }),
    number("pipeline", "parallelism.pipeline",
           [](const Scenario& s) -> Value { return whole(s.parallelism.pipeline); }),
    number("virtual_stages", "parallelism.virtual_stages",
           [](const Scenario& s) -> Value { return whole(s.parallelism.virtual_stages); },
           Of::kTraining),
    number("data", "parallelism.data", [](const Scenario& s) -> Value { return data_of(s); }),
    number("context", "parallelism.context",
           [](const Scenario& s) -> Value { return whole(s.parallelism.context); }, Of::kTraining),
    number("expert", "parallelism.expert",
           [](const Scenario& s) -> Value { return whole(s.parallelism.expert); }),
    number("zero_stage", "parallelism.zero_stage",
           [](const Scenario& s) -> Value { return whole(s.parallelism.zero_stage); },
           Of::kTraining),
    number("gpus", "", [](const Scenario& s) -> Value { return whole(s.cluster.gpus()); }),
    number("nodes", "cluster.nodes",
           [](const Scenario& s) -> Value { return whole(s.cluster.nodes); }),
    number("gpus_per_node", "cluster.gpus_per_node",
           [](const Scenario& s) -> Value { return whole(s.cluster.gpus_per_node); }),
    number("gpus_per_nvlink_domain", "cluster.gpus_per_nvlink_domain",
           [](const Scenario& s) -> Value { return whole(s.cluster.gpus_per_nvlink_domain); }),
    text("gpu", "cluster.gpu", [](const Scenario& s) -> Value { return s.cluster.device.name; }),
    number("sequence_length", "training.sequence_length",
           [](const Scenario& s) -> Value { return whole(s.training.sequence_length); },
           Of::kTraining),
    number("micro_batch_size", "training.micro_batch_size",
           [](const Scenario& s) -> Value { return whole(s.training.micro_batch_size); },
           Of::kTraining),
    number("global_batch_size", "training.global_batch_size",
           [](const Scenario& s) -> Value { return whole(s.training.global_batch_size); },
           Of::kTraining),
    number("microbatches", "",
           [](const Scenario& s) -> Value {
             return whole(s.training.global_batch_size) /
                    (whole(s.training.micro_batch_size) * data_of(s));
           },
           Of::kTraining),
    text("schedule", "schedule", [](const Scenario& s) -> Value { return s.schedule.name; },
         Of::kTraining),
    text("model", "model", [](const Scenario& s) -> Value { return s.model.name; }),
    number("layers", "model.layers", [](const Scenario& s) -> Value { return whole(s.model.layers); }),
    number("hidden", "model.hidden", [](const Scenario& s) -> Value { return whole(s.model.hidden); }),
    number("heads", "model.heads", [](const Scenario& s) -> Value { return whole(s.model.heads); }),
    number("kv_heads", "model.kv_heads",
           [](const Scenario& s) -> Value { return whole(s.model.kv_heads); }),
    number("max_num_seqs", "serving.batching.max_num_seqs",
           [](const Scenario& s) -> Value { return whole(s.serving->batching.max_num_seqs); },
           Of::kServing),
    number("max_num_batched_tokens", "serving.batching.max_num_batched_tokens",
           [](const Scenario& s) -> Value {
             return whole(s.serving->batching.max_num_batched_tokens);
           },
           Of::kServing),
    number("rate_per_s", "",
           [](const Scenario& s) -> Value { return s.serving->requests.rate_per_s; },
           Of::kServing),
    number("users", "serving.requests.closed_loop.users",
           [](const Scenario& s) -> Value { return whole(s.serving->requests.users); },
           Of::kServing),
};
// clang-format on

}  // namespace

std::span<const ConditionName> condition_names() { return kNames; }

}  // namespace plumbline
