// Per stage: gradients of its dense weights are reduced over data x context ranks, those of its
// experts over the expert-data ranks; ZeRO >= 1 scatters them and gathers the new weights.
//
// What stays exposed (Megatron-Core's DistributedDataParallel): with overlap the volume hides
// behind the last micro-batch's backward except for the bucket that is ready last; the bucket of
// the embedding (V*h/t weights) is always the last one of stage 0.

#include "sim/cost/data_parallel.h"

#include <algorithm>

namespace plumbline {
namespace {

// Megatron-Core: bucket_size = max(40e6, 1e6 * data-parallel size) parameters.
double bucket_parameters(const ParallelPlan& plan) {
  return std::max(40e6, 1e6 * plan.data * plan.context);
}

struct StageParameters {
  double dense = 0, experts = 0, embedding = 0, head = 0;
  double replicated() const { return dense + embedding + head; }
  double total() const { return replicated() + experts; }
};

StageParameters stage_parameters(const ModelSpec& model, const StageLayers& stage,
                                 const LayerPricer& pricer) {
  StageParameters p;
  double dense[2] = {-1, -1}, experts[2] = {0, 0};
  for (int index = stage.first_layer; index < stage.end_layer; ++index) {
    const std::size_t kind = model.is_moe_layer(index) ? 1 : 0;
    if (dense[kind] < 0) {
      const LayerWork work = layer_work(model, index, pricer.sharding(), pricer.choices());
      dense[kind] = work.parameters + 2.0 * static_cast<double>(model.hidden);
      experts[kind] = work.expert_parameters;
    }
    p.dense += dense[kind];
    p.experts += experts[kind];
  }
  const double table = padded_vocab(model, pricer.sharding().tensor) / pricer.sharding().tensor *
                       static_cast<double>(model.hidden);
  if (stage.embedding) p.embedding = table;
  // Tied weights on a stage that also holds the embedding are one table.
  if (stage.head && !(model.tied_embeddings && stage.embedding)) p.head = table;
  return p;
}

struct Group {
  GroupSpan span;
  double nics = 0;
};

Seconds collective(const KernelTimes& kernels, Collective op, double bytes, const Group& group) {
  if (group.span.ranks <= 1 || bytes <= 0) return Seconds(0);
  CollectiveQuery query;
  query.op = op;
  query.bytes = Bytes(bytes);
  query.ranks = group.span.ranks;
  query.ranks_per_node = group.span.ranks_per_node;
  query.nics = group.nics;
  return kernels.collective(query).sustained;
}

double bytes_of(Precision precision) { return precision == Precision::kFp32 ? 4.0 : 2.0; }

}  // namespace

void price_data_parallel(const ModelSpec& model, const Cluster& cluster, const ParallelPlan& plan,
                         const TrainingOptions& training, const KernelTimes& kernels,
                         const LayerPricer& pricer, TrainingCosts& costs) {
  const SoftwareFacts& facts = training.software;
  const bool sharded_optimizer = plan.zero_stage >= 1;
  const bool sharded_weights = plan.zero_stage >= 3;
  costs.data_overlap = facts.data_overlap;
  costs.gather_overlap = facts.param_gather_overlap;

  // Every group of a node runs at once, so a group has the NICs of its own members.
  const double nics_per_gpu = static_cast<double>(cluster.nics_per_node) / cluster.gpus_per_node;
  const auto group_of = [&](const GroupSpan& span) {
    return Group{span, std::max(nics_per_gpu * span.ranks_per_node, nics_per_gpu)};
  };
  const Group dense_group = group_of(plan.data_context_group);
  const Group expert_group = group_of(plan.expert_data_group);

  const Collective reduce_op =
      sharded_optimizer ? Collective::kReduceScatter : Collective::kAllReduce;
  const double reduce_bytes = bytes_of(facts.gradient_reduce_dtype);
  const bool fp8_weights = pricer.choices().fp8 && facts.fp8_param_gather;
  const double gather_bytes = training.precision == Precision::kFp32 ? 4.0
                              : fp8_weights                          ? 1.0
                                                                     : 2.0;
  const double bucket = bucket_parameters(plan);

  std::vector<double> rank_parameters(static_cast<std::size_t>(plan.pipeline), 0.0);
  std::vector<double> rank_sharded(static_cast<std::size_t>(plan.pipeline), 0.0);
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const StageParameters p = stage_parameters(model, plan.stages[s], pricer);
    DataParallelCost cost;
    // ZeRO-3 scattered its gradients inside the operations.
    if (!sharded_weights) {
      cost.reduce = collective(kernels, reduce_op, reduce_bytes * p.replicated(), dense_group) +
                    collective(kernels, reduce_op, reduce_bytes * p.experts, expert_group);
      const double last =
          plan.stages[s].embedding ? std::max(p.embedding, 1.0) : std::min(bucket, p.replicated());
      cost.last_bucket =
          facts.data_overlap
              ? min(cost.reduce, collective(kernels, reduce_op, reduce_bytes * last, dense_group))
              : cost.reduce;
      if (sharded_optimizer) {
        cost.gather =
            collective(kernels, Collective::kAllGather, gather_bytes * p.replicated(),
                       dense_group) +
            collective(kernels, Collective::kAllGather, gather_bytes * p.experts, expert_group);
        // The next step's first forward starts bucket by bucket; stage s has s forwards more time.
        const Seconds hidden = static_cast<double>(s + 1) * costs.stages[s].forward.total();
        const Seconds first =
            s == 0 ? collective(kernels, Collective::kAllGather,
                                gather_bytes * std::min(bucket, p.replicated()), dense_group)
                   : Seconds(0);
        cost.first_bucket = facts.param_gather_overlap
                                ? min(cost.gather, max(first, cost.gather - hidden))
                                : cost.gather;
      }
    }
    if (model.tied_embeddings && plan.pipeline > 1 &&
        (plan.stages[s].embedding != plan.stages[s].head)) {
      // First and last stage add up the gradients of their two copies, after everything else.
      Group pair{{2, plan.hop_inside_node.back() ? 2 : 1}, nics_per_gpu};
      const Seconds tie = collective(kernels, Collective::kAllReduce,
                                     bytes_of(facts.gradient_dtype) * (p.embedding + p.head), pair);
      cost.reduce += tie;
      cost.last_bucket += tie;
    }
    costs.data.push_back(cost);
    const std::size_t rank = s % static_cast<std::size_t>(plan.pipeline);
    rank_parameters[rank] += p.total();
    rank_sharded[rank] += sharded_optimizer ? p.replicated() / std::max(1, dense_group.span.ranks) +
                                                  p.experts / std::max(1, expert_group.span.ranks)
                                            : p.total();
  }
  for (std::size_t r = 0; r < rank_parameters.size(); ++r) {
    // The step over the local shard, then the main gradients are cleared.
    const double held = sharded_weights ? rank_sharded[r] : rank_parameters[r];
    const double bytes =
        facts.optimizer_bytes_per_param * rank_sharded[r] + bytes_of(facts.gradient_dtype) * held;
    costs.optimizer.push_back(kernels.elementwise(Bytes(bytes), 1).sustained);
  }
}

}  // namespace plumbline
