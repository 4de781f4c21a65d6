// Group sizes, stage split and placement, with every rule checked before anything is priced.
//
// Example: 64 GPUs, tensor 8, pipeline 8: data = 64 / (8 * 8 * 1) = 1; pipeline rank r owns GPUs
// 8r .. 8r+7, so a tensor group fills a node and every pipeline hop crosses the network.

#include "sim/plan/parallel_plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "sim/plan/layer_split.h"

namespace plumbline {
namespace {

using Problems = std::vector<Diagnostic>;

constexpr std::int64_t kMostRanks = 1 << 24;  ///< so that no product of sizes overflows

void add(Problems& out, std::string path, std::string problem, std::string hint = {}) {
  out.push_back({{}, std::move(path), std::move(problem), std::move(hint)});
}

std::string product(int tensor, int pipeline, int context, int data) {
  return std::to_string(tensor) + " x " + std::to_string(pipeline) + " x " +
         std::to_string(context) + " x " + std::to_string(data) + " = " +
         std::to_string(static_cast<long long>(tensor) * pipeline * context * data);
}

std::int64_t largest_divisor_up_to(std::int64_t value, std::int64_t limit) {
  for (std::int64_t d = std::min(value, limit); d > 1; --d) {
    if (value % d == 0) return d;
  }
  return 1;
}

// How far apart in GPU numbers two neighbours of a group are, for every dimension of the order.
struct Strides {
  int tensor = 1, context = 1, data = 1, pipeline = 1;
};

Strides strides_of(const ParallelPlan& plan, const std::vector<std::string>& order) {
  Strides strides;
  int next = 1;
  for (const std::string& dimension : order) {
    if (dimension == "tensor") {
      strides.tensor = next;
      next *= plan.tensor;
    } else if (dimension == "context") {
      strides.context = next;
      next *= plan.context;
    } else if (dimension == "data") {
      strides.data = next;
      next *= plan.data;
    } else if (dimension == "pipeline") {
      strides.pipeline = next;
      next *= plan.pipeline;
    }
  }
  return strides;
}

// Members of a group per NVLink domain; `members` are GPU numbers of one group.  The domain that
// holds fewest decides, since a collective runs at the pace of its slowest part.
GroupSpan span_of(const std::vector<int>& members, int domain) {
  GroupSpan span;
  span.ranks = static_cast<int>(members.size());
  std::set<int> domains;
  for (const int gpu : members) domains.insert(gpu / domain);
  span.ranks_per_node = std::max(1, span.ranks / static_cast<int>(domains.size()));
  return span;
}

std::vector<int> strided(int count, int stride) {
  std::vector<int> members(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) members[static_cast<std::size_t>(i)] = i * stride;
  return members;
}

std::vector<int> grid(int inner, int inner_stride, int outer, int outer_stride) {
  std::vector<int> members;
  for (int o = 0; o < outer; ++o) {
    for (int i = 0; i < inner; ++i) members.push_back(o * outer_stride + i * inner_stride);
  }
  return members;
}

void place(ParallelPlan& plan, const Cluster& cluster, const std::vector<std::string>& order) {
  const int domain = cluster.gpus_per_nvlink_domain;
  const Strides at = strides_of(plan, order);
  plan.tensor_group = span_of(strided(plan.tensor, at.tensor), domain);
  plan.context_group = span_of(strided(plan.context, at.context), domain);
  plan.data_group = span_of(strided(plan.data, at.data), domain);
  plan.data_context_group = span_of(grid(plan.context, at.context, plan.data, at.data), domain);
  // Expert ranks fill the GPUs of a stage in the order expert-tensor, expert, data (Megatron-Core's
  // RankGenerator for the expert layers); make_plan refuses orders that scatter a stage.
  plan.nics_per_gpu = static_cast<double>(cluster.nics_per_node) / cluster.gpus_per_node;
  plan.expert_tensor_group = span_of(strided(plan.expert_tensor, 1), domain);
  plan.expert_group = span_of(strided(plan.expert, plan.expert_tensor), domain);
  plan.expert_data_group =
      span_of(strided(plan.expert_data, plan.expert_tensor * plan.expert), domain);
  plan.hop_inside_node.clear();
  for (int rank = 0; rank < plan.pipeline; ++rank) {
    const int next = (rank + 1) % plan.pipeline;
    bool inside = true;
    // Every GPU of the stage sends at once; one that leaves the domain makes the hop slow.
    for (const int first : grid(plan.tensor, at.tensor, plan.context, at.context)) {
      const int from = first + rank * at.pipeline, to = first + next * at.pipeline;
      inside = inside && from / domain == to / domain;
    }
    plan.hop_inside_node.push_back(inside);
  }
}

void check_order(const std::vector<std::string>& order, Problems& out) {
  std::set<std::string> seen;
  for (const std::string& dimension : order) {
    static const std::set<std::string> known{"tensor", "context", "expert", "data", "pipeline"};
    if (!known.contains(dimension)) {
      add(out, "parallelism.order", "'" + dimension + "' is not a dimension",
          "tensor, context, expert, data and pipeline are");
    } else if (!seen.insert(dimension).second) {
      add(out, "parallelism.order", "'" + dimension + "' stands twice");
    }
  }
  for (const char* must : {"tensor", "context", "data", "pipeline"}) {
    if (!seen.contains(must)) {
      add(out, "parallelism.order", std::string("'") + must + "' is missing");
    }
  }
}

void check_sizes(const ParallelOptions& p, Problems& out) {
  const auto positive = [&](int value, const char* key) {
    if (value < 1) {
      add(out, std::string("parallelism.") + key, std::to_string(value) + " is not at least 1");
    }
  };
  positive(p.tensor, "tensor");
  positive(p.pipeline, "pipeline");
  positive(p.virtual_stages, "virtual_stages");
  positive(p.context, "context");
  positive(p.expert, "expert");
  positive(p.expert_tensor.value_or(1), "expert_tensor");
  positive(p.data.value_or(1), "data");
  if (p.zero_stage < 0 || p.zero_stage > 3) {
    add(out, "parallelism.zero_stage", std::to_string(p.zero_stage) + " is not 0, 1, 2 or 3");
  }
  if (p.context_communication != "p2p" && p.context_communication != "a2a") {
    add(out, "parallelism.context_communication", "'" + p.context_communication + "' is unknown",
        "p2p (ring) or a2a (Ulysses)");
  }
}

// What would run, but not as it is priced here.
void check_attention(const ModelSpec& model, const ParallelPlan& plan,
                     const TrainingOptions& training, Problems& out) {
  if (plan.context <= 1 || plan.ulysses) return;
  if (training.attention == AttentionKernel::kUnfused) {
    add(out, "training.attention", "unfused scores cannot go around a ring of context ranks",
        "flash, or parallelism.context_communication: a2a");
  }
  const bool windowed = model.sliding_window && model.full_attention_every != 1 &&
                        *model.sliding_window < training.sequence_length;
  if (windowed) {
    add(out, "parallelism.context",
        "a ring of context ranks is not modelled for sliding windows (" + model.name + " sees " +
            std::to_string(*model.sliding_window) + " tokens)",
        "parallelism.context_communication: a2a, as Transformer Engine asks for");
  }
}

void check_model(const ModelSpec& model, const ParallelPlan& plan, const TrainingOptions& training,
                 Problems& out) {
  const auto divides = [&](std::int64_t value, int by, const char* what, const char* key) {
    if (value % by != 0) {
      add(out, std::string("parallelism.") + key,
          std::to_string(by) + " does not divide the model's " + std::to_string(value) + " " + what,
          "try " + std::to_string(largest_divisor_up_to(value, by)));
    }
  };
  divides(model.heads, plan.tensor, "attention heads", "tensor");
  if (!model.mla && model.kv_heads % plan.tensor != 0 && plan.tensor % model.kv_heads != 0) {
    add(out, "parallelism.tensor",
        std::to_string(plan.tensor) + " neither divides nor is a multiple of the model's " +
            std::to_string(model.kv_heads) + " key-value heads");
  }
  if (model.ffn > 0) divides(model.ffn, plan.tensor, "feed-forward columns", "tensor");
  if (plan.sequence_parallel) {
    divides(training.sequence_length / std::max(1, plan.context), plan.tensor,
            "tokens of a sequence shard", "tensor");
  }
  if (plan.context > 1 && training.sequence_length % (2 * plan.context) != 0) {
    add(out, "parallelism.context",
        "training.sequence_length (" + std::to_string(training.sequence_length) +
            ") is not a multiple of twice context (" + std::to_string(2 * plan.context) + ")",
        "the zig-zag ring gives every rank two equal pieces");
  }
  if (plan.ulysses) divides(model.heads / plan.tensor, plan.context, "heads of a rank", "context");
  if (plan.expert > 1 && !model.moe) {
    add(out, "parallelism.expert", "the model has no experts", "leave it out or 1");
  }
  if (model.moe) {
    divides(model.moe->experts, plan.expert, "experts", "expert");
    divides(model.moe->expert_ffn, plan.expert_tensor, "columns of an expert", "expert_tensor");
  }
}

void check_batch(const ParallelPlan& plan, const TrainingOptions& training, Problems& out) {
  const std::int64_t step = training.micro_batch_size * plan.data;
  if (step > 0 && training.global_batch_size % step != 0) {
    const std::int64_t lower = training.global_batch_size / step * step;
    add(out, "training.global_batch_size",
        std::to_string(training.global_batch_size) +
            " is not a multiple of micro_batch_size x data (" +
            std::to_string(training.micro_batch_size) + " x " + std::to_string(plan.data) + ")",
        "try " + std::to_string(lower > 0 ? lower : step));
  }
}

}  // namespace

int default_expert_tensor(int tensor, int expert, int stage_gpus) {
  return stage_gpus % (tensor * expert) == 0 ? tensor : 1;
}

ParallelPlan make_plan(const ModelSpec& model, const Cluster& cluster,
                       const ParallelOptions& parallelism, const LayerSplitOptions& split,
                       const TrainingOptions& training, const LayerWeights& weights) {
  Problems problems;
  check_sizes(parallelism, problems);
  check_order(parallelism.order, problems);
  if (!problems.empty()) throw InputError(std::move(problems));

  ParallelPlan plan;
  plan.tensor = parallelism.tensor;
  plan.pipeline = parallelism.pipeline;
  plan.virtual_stages = parallelism.virtual_stages;
  plan.context = parallelism.context;
  plan.expert = parallelism.expert;
  plan.sequence_parallel = parallelism.sequence_parallel;
  plan.zero_stage = parallelism.zero_stage;
  plan.ulysses = parallelism.context_communication == "a2a";

  const int gpus = cluster.gpus();
  const std::int64_t ranks = std::int64_t{plan.tensor} * plan.pipeline * plan.context;
  const std::int64_t cut = std::int64_t{plan.expert} * parallelism.expert_tensor.value_or(1);
  if (std::max(ranks, cut) > kMostRanks) {
    add(problems, ranks > kMostRanks ? "parallelism" : "parallelism.expert",
        std::string(ranks > kMostRanks ? "tensor x pipeline x context" : "expert x expert_tensor") +
            " is " + std::to_string(std::max(ranks, cut)) + ", the cluster has " +
            std::to_string(gpus) + " GPUs",
        "change the sizes or cluster.nodes");
    throw InputError(std::move(problems));
  }
  const int replica = static_cast<int>(ranks);
  if (parallelism.data) {
    plan.data = *parallelism.data;
    if (replica * plan.data != gpus) {
      add(problems, "parallelism",
          "tensor x pipeline x context x data is " +
              product(plan.tensor, plan.pipeline, plan.context, plan.data) + ", the cluster has " +
              std::to_string(gpus) + " GPUs",
          gpus % replica == 0 ? "data: " + std::to_string(gpus / replica) + " would fill it"
                              : "change the sizes or cluster.nodes");
    }
  } else if (gpus % replica != 0) {
    add(problems, "parallelism",
        "tensor x pipeline x context is " + std::to_string(replica) + ", which does not divide " +
            std::to_string(gpus) + " GPUs",
        "change the sizes or cluster.nodes");
  } else {
    plan.data = gpus / replica;
  }

  const int stage_gpus = plan.tensor * plan.context * plan.data;
  if (parallelism.expert_tensor) {
    plan.expert_tensor = *parallelism.expert_tensor;
  } else if (model.moe) {
    plan.expert_tensor = default_expert_tensor(plan.tensor, plan.expert, stage_gpus);
  }
  const int expert_ranks = plan.expert * plan.expert_tensor;
  if (model.moe && stage_gpus % expert_ranks != 0) {
    add(problems, "parallelism.expert",
        "expert x expert_tensor (" + std::to_string(expert_ranks) + ") does not divide the " +
            std::to_string(stage_gpus) + " GPUs of a pipeline stage",
        "try " + std::to_string(largest_divisor_up_to(stage_gpus, expert_ranks)));
  } else {
    plan.expert_data = stage_gpus / expert_ranks;
  }

  if (model.moe && expert_ranks > 1 && plan.pipeline > 1 && !parallelism.order.empty() &&
      parallelism.order.back() != "pipeline") {
    add(problems, "parallelism.order",
        "scatters the GPUs of a pipeline stage, over which experts are spread as one block",
        "put pipeline last");
  }
  check_model(model, plan, training, problems);
  check_attention(model, plan, training, problems);
  if (cluster.power_limit_w && cluster.device.power_limit_w > 0 &&
      *cluster.power_limit_w > cluster.device.power_limit_w) {
    add(problems, "cluster.power_limit_w",
        "is above the " + std::to_string(std::lround(cluster.device.power_limit_w)) + " W of a " +
            cluster.device.name,
        "a limit only lowers the clock");
  }
  check_batch(plan, training, problems);
  if (plan.data > 0 && training.micro_batch_size > 0) {
    plan.microbatches = static_cast<int>(std::max<std::int64_t>(
        1, training.global_batch_size / (training.micro_batch_size * plan.data)));
  }
  plan.stages = split_layers(model, plan.pipeline, plan.virtual_stages, split, weights, problems);
  if (!problems.empty()) throw InputError(std::move(problems));
  place(plan, cluster, parallelism.order);
  std::vector<int> loop;
  for (int stage = 0; stage < static_cast<int>(plan.stages.size()); ++stage) {
    loop.push_back(stage % plan.pipeline);
  }
  plan.stage_rank = {loop};
  return plan;
}

bool hop_inside_node(const ParallelPlan& plan, int a, int b) {
  if (a == b) return true;
  // hop_inside_node[r] is the hop between r and r + 1 (mod P), in either direction.
  if ((a + 1) % plan.pipeline == b) return plan.hop_inside_node[static_cast<std::size_t>(a)];
  if ((b + 1) % plan.pipeline == a) return plan.hop_inside_node[static_cast<std::size_t>(b)];
  // Ranks that are not neighbours: inside only where every hop between them is.
  for (int r = std::min(a, b); r < std::max(a, b); ++r) {
    if (!plan.hop_inside_node[static_cast<std::size_t>(r)]) return false;
  }
  return true;
}

}  // namespace plumbline
