// What a layer's collectives leave exposed: tensor, context and expert parallelism, and ZeRO-3.
//
// The rules, with g the GEMM a collective hides behind (Transformer Engine, "userbuffers";
// Korthikanti et al. 2022 for the asynchronous backward):
//   ring exchange, all-gather into GEMM:  (t-1) * max(g(T/t), ag/t) + g(T/t) - g(T)
//   GEMM into reduce-scatter, 4 pieces:   max(rs - 3/4 g, rs/4)
//   bulk, independent GEMM:               max(0, comm - g)
//   asynchronous all-reduce under wgrad:  0.22 of it, the share of SMs NCCL takes (24 of 108)

#include <algorithm>
#include <vector>

#include "sim/cost/layer_cost.h"

namespace plumbline {
namespace {

// An overlapped collective takes SMs from the product beside it: NCCL opens 24 channels on an
// NVSwitch node of A100s, one thread block and so one of 108 SMs each.
constexpr double kOverlappedCollectiveShare = 24.0 / 108.0;

const Work* find(const std::vector<Work>& works, Site site) {
  const auto it = std::ranges::find_if(
      works, [&](const Work& w) { return w.kind == WorkKind::kGemm && w.site == site; });
  return it == works.end() ? nullptr : &*it;
}

// The column-parallel and row-parallel pairs of a layer: each pair gathers before its first GEMM
// and scatters after its second.
struct Pair {
  Site column, row;
};
std::vector<Pair> tensor_pairs(const LayerWork& work) {
  std::vector<Pair> pairs;
  if (find(work.forward, Site::kProjection)) {
    const bool mla = find(work.forward, Site::kQkv) == nullptr;
    pairs.push_back({mla ? Site::kQueryUp : Site::kQkv, Site::kProjection});
  }
  if (find(work.forward, Site::kFc1)) pairs.push_back({Site::kFc1, Site::kFc2});
  if (find(work.forward, Site::kSharedFc1)) pairs.push_back({Site::kSharedFc1, Site::kSharedFc2});
  return pairs;
}

}  // namespace

void LayerPricer::tensor_comm(const LayerWork& work, LayerCost& cost, Seconds& extrapolated) {
  const double bytes = work.messages.tensor_bytes;
  if (plan_.tensor <= 1 || bytes <= 0) return;
  const double t = plan_.tensor;
  const bool split_tokens = sharding_.sequence_parallel;
  const Seconds ar = collective(tensor_query(Collective::kAllReduce, bytes), extrapolated);
  // fp8 activations are gathered as fp8 (Transformer Engine casts before the all-gather).
  const double forward_gather = choices_.fp8 ? bytes / 2 : bytes;
  const Seconds ag = collective(tensor_query(Collective::kAllGather, bytes), extrapolated);
  const Seconds ag_forward =
      collective(tensor_query(Collective::kAllGather, forward_gather), extrapolated);
  const Seconds rs = collective(tensor_query(Collective::kReduceScatter, bytes), extrapolated);
  TensorOverlap overlap = training_.software.tensor_overlap;
  // Userbuffers need sequence parallelism; without it Megatron-Core still runs the backward's
  // all-reduce under the weight gradient (async_tensor_model_parallel_allreduce).
  if (overlap == TensorOverlap::kUserBuffers && !split_tokens)
    overlap = TensorOverlap::kAsyncBackward;

  Seconds forward, joint, input, weight;
  const auto ring_gather = [&](const Work& gemm, Seconds gather, GemmLayout layout) {
    const Seconds whole = gemm_at(gemm, 1.0, layout), piece = gemm_at(gemm, 1.0 / t, layout);
    return max(Seconds(0), piece + (t - 1) * max(piece, gather / t) - whole);
  };
  for (const Pair& pair : tensor_pairs(work)) {
    if (!split_tokens) {
      forward += ar;
      input += ar;
      joint += overlap == TensorOverlap::kNone ? ar : kOverlappedCollectiveShare * ar;
      continue;
    }
    const Work& column = *find(work.forward, pair.column);
    const Work& row = *find(work.forward, pair.row);
    const Work& column_dgrad = *find(work.input_grad, pair.column);
    const Work& row_dgrad = *find(work.input_grad, pair.row);
    const Work& column_wgrad = *find(work.weight_grad, pair.column);
    switch (overlap) {
      case TensorOverlap::kNone:
        forward += ag_forward + rs;
        // dy gathered before the row GEMM's gradient, x gathered again for the column's weight
        // gradient, dx scattered.
        input += ag + rs;
        weight += ag;
        joint += 2 * ag + rs;
        break;
      case TensorOverlap::kAsyncBackward:
        forward += ag_forward + rs;
        input += ag + rs;
        weight += ag;
        joint += ag + kOverlappedCollectiveShare * (ag + rs);
        break;
      case TensorOverlap::kUserBuffers: {
        const Seconds g = gemm_at(row, 1.0, GemmLayout::kTn);
        forward += ring_gather(column, ag_forward, GemmLayout::kTn) + max(rs - 0.75 * g, rs / 4);
        const Seconds dgrad = ring_gather(row_dgrad, ag, GemmLayout::kNn);
        const Seconds regather = max(Seconds(0), ag - gemm_at(column_dgrad, 1.0, GemmLayout::kNn));
        input += dgrad + regather + rs;
        joint +=
            dgrad + regather + max(Seconds(0), rs - gemm_at(column_wgrad, 1.0, GemmLayout::kNt));
        break;
      }
    }
  }
  cost.forward.tensor_comm += forward;
  cost.backward.tensor_comm += joint;
  cost.input_grad.tensor_comm += input;
  cost.weight_grad.tensor_comm += weight;
}

void LayerPricer::context_comm(const LayerWork& work, LayerCost& cost, Seconds& extrapolated) {
  if (plan_.context <= 1) return;
  CollectiveQuery query;
  query.ranks = plan_.context_group.ranks;
  query.ranks_per_node = plan_.context_group.ranks_per_node;
  Seconds forward, backward;
  if (plan_.ulysses) {
    query.op = Collective::kAllToAll;
    query.bytes = Bytes(work.messages.context_bytes * element_scale_);
    forward = work.messages.context_transfers * collective(query, extrapolated);
    backward = forward;
  } else {
    // Each ring step passes the KV block on while the block at hand is used; only what is longer
    // than a step's attention stays exposed.  The backward passes KV and its gradient.
    const bool inside = plan_.context_group.ranks_per_node >= plan_.context_group.ranks;
    const double steps = work.messages.context_transfers;
    const Bytes block(work.messages.context_bytes * element_scale_ /
                      (inside ? 1.0 : std::min(1.0, plan_.nics_per_gpu)));
    const Seconds pass = kernels_.send_recv(block, inside).sustained;
    const Seconds pass_back = kernels_.send_recv(2.0 * block, inside).sustained;
    Seconds ring_forward, ring_backward, ignored;
    for (const Work& w : work.attention_core) {
      if (w.site != Site::kAttentionRing) continue;
      ring_forward += price(w, false, false, ignored);
      ring_backward += price(w, true, false, ignored);
    }
    forward = steps * max(Seconds(0), pass - ring_forward / steps);
    backward = steps * max(Seconds(0), pass_back - ring_backward / steps);
  }
  cost.forward.context_comm += forward;
  cost.backward.context_comm += backward;
  cost.input_grad.context_comm += backward;
}

void LayerPricer::expert_comm(const LayerWork& work, LayerCost& cost, Seconds& extrapolated) {
  if (work.messages.expert_bytes <= 0) return;
  Seconds once;
  if (plan_.expert > 1) {
    CollectiveQuery query;
    query.op = Collective::kAllToAll;
    query.bytes = Bytes(work.messages.expert_bytes * element_scale_);
    query.ranks = plan_.expert_group.ranks;
    query.ranks_per_node = plan_.expert_group.ranks_per_node;
    once += 2.0 * collective(query, extrapolated);  // dispatch and combine
  }
  if (plan_.expert_tensor > 1) {
    CollectiveQuery query = tensor_query(Collective::kAllGather, work.messages.expert_tensor_bytes);
    query.ranks = plan_.expert_tensor_group.ranks;
    query.ranks_per_node = plan_.expert_tensor_group.ranks_per_node;
    once += collective(query, extrapolated);
    query.op = Collective::kReduceScatter;
    once += collective(query, extrapolated);
  }
  cost.forward.expert_comm += once;
  cost.backward.expert_comm += once;
  cost.input_grad.expert_comm += once;
}

// ZeRO-3: a layer's parameters are gathered while the layer before it computes, in forward and
// again in backward, and its gradients scattered while the next computes.
void LayerPricer::sharded_parameters(const LayerWork& work, LayerCost& cost,
                                     Seconds& extrapolated) {
  if (plan_.zero_stage < 3) return;
  const bool fp8_gather = choices_.fp8 && training_.software.fp8_param_gather;
  const double weight = training_.precision == Precision::kFp32 ? 4.0 : fp8_gather ? 1.0 : 2.0;
  const double gradient = training_.software.gradient_reduce_dtype == Precision::kFp32 ? 4.0 : 2.0;
  // Experts are shared by fewer ranks than the rest.
  const auto both = [&](Collective op, double bytes) {
    CollectiveQuery query;
    query.op = op;
    query.bytes = Bytes(work.parameters * bytes);
    query.ranks = plan_.data_context_group.ranks;
    query.ranks_per_node = plan_.data_context_group.ranks_per_node;
    Seconds time = collective(query, extrapolated);
    query.bytes = Bytes(work.expert_parameters * bytes);
    query.ranks = plan_.expert_data_group.ranks;
    query.ranks_per_node = plan_.expert_data_group.ranks_per_node;
    return time + collective(query, extrapolated);
  };
  const Seconds gather = both(Collective::kAllGather, weight);
  const Seconds scatter = both(Collective::kReduceScatter, gradient);
  cost.forward.data_comm += max(Seconds(0), gather - cost.forward.total());
  const Seconds back = max(Seconds(0), gather + scatter - cost.backward.total());
  cost.backward.data_comm += back;
  cost.input_grad.data_comm += back;
}

}  // namespace plumbline
