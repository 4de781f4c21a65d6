// A layer's time is the sum of its kernels plus what its collectives leave exposed.

#include "sim/cost/layer_cost.h"

#include <algorithm>
#include <string_view>

namespace plumbline {
namespace {

/// fp16 and bf16 share their tensor-core rate on every GPU profiled; the samples are bf16.
std::string_view dtype_of_linear(Precision precision) {
  return to_string(precision == Precision::kFp16 ? Precision::kBf16 : precision);
}

bool eight_bits_or_less(Precision precision) {
  return precision == Precision::kFp8 || precision == Precision::kMxfp8 ||
         precision == Precision::kNvfp4;
}

KernelChoices kernel_choices(const TrainingOptions& training) {
  const SoftwareFacts& facts = training.software;
  KernelChoices choices;
  choices.flash_attention = training.attention == AttentionKernel::kFlash;
  choices.softmax_kernel = facts.softmax == SoftmaxFusion::kMegatronKernel;
  choices.fused_elementwise = facts.fused_elementwise;
  choices.dropout = facts.dropout;
  choices.transformer_engine = facts.saved_tensors != SavedTensors::kMegatron2022;
  choices.fp8 = eight_bits_or_less(training.precision);
  choices.fp8_amax_pass =
      training.precision == Precision::kFp8 && facts.fp8_recipe == Fp8Recipe::kCurrent;
  // Passes over the logits, 16-bit logits and fp32 arithmetic: Triton kernel 6 + 4; jit-fused
  // 14 + 14; eager (cast, max, subtract, exp, sum, gather, divide) 30 + 22.
  switch (facts.cross_entropy) {
    case CrossEntropy::kTransformerEngine:
      choices.cross_entropy_forward_bytes_per_logit = 6;
      choices.cross_entropy_backward_bytes_per_logit = 4;
      break;
    case CrossEntropy::kJitFused:
      choices.cross_entropy_forward_bytes_per_logit = 14;
      choices.cross_entropy_backward_bytes_per_logit = 14;
      break;
    case CrossEntropy::kUnfused:
      choices.cross_entropy_forward_bytes_per_logit = 30;
      choices.cross_entropy_backward_bytes_per_logit = 22;
      break;
  }
  choices.moe_imbalance = facts.moe_imbalance;
  choices.moe_capacity_factor = facts.moe_capacity_factor;
  return choices;
}

// Whether recomputing Megatron-Core's module `name` repeats this piece of the forward.  `moe_layer`
// decides whose activation it is.
bool module_repeats(std::string_view name, const Work& work, bool moe_layer) {
  const Site s = work.site;
  if (name == "core_attn") {
    return s == Site::kAttention || s == Site::kAttentionRing || s == Site::kScores ||
           s == Site::kContext || work.what == "softmax" || work.what == "attention dropout";
  }
  if (name == "mlp") {
    return s == Site::kFc1 || s == Site::kFc2 || (!moe_layer && work.what == "activation");
  }
  if (name == "layernorm") return work.what == "norms";
  if (name == "mla_up_proj") return s == Site::kQueryUp || s == Site::kKvUp || work.what == "rope";
  if (name == "moe_act") return moe_layer && work.what == "activation";
  if (name == "moe") {
    return s == Site::kRouter || s == Site::kExpertFc1 || s == Site::kExpertFc2 ||
           work.what == "permute" || (moe_layer && work.what == "activation");
  }
  if (name == "shared_experts") return s == Site::kSharedFc1 || s == Site::kSharedFc2;
  return false;
}

}  // namespace

LayerPricer::LayerPricer(const ModelSpec& model, const ParallelPlan& plan,
                         const TrainingOptions& training, const KernelTimes& kernels)
    : model_(model), plan_(plan), training_(training), kernels_(kernels) {
  sharding_.micro_batch = static_cast<double>(training.micro_batch_size);
  sharding_.sequence = static_cast<double>(training.sequence_length);
  sharding_.tensor = plan.tensor;
  sharding_.context = plan.context;
  sharding_.expert = plan.expert;
  sharding_.expert_tensor = plan.expert_tensor;
  sharding_.sequence_parallel = plan.sequence_parallel && plan.tensor > 1;
  sharding_.ulysses = plan.ulysses;
  choices_ = kernel_choices(training);
  linear_dtype_ = dtype_of_linear(training.precision);
  attention_dtype_ = training.precision == Precision::kFp32 ? "fp32" : "bf16";
  element_scale_ = training.precision == Precision::kFp32 ? 2.0 : 1.0;
}

Seconds LayerPricer::price(const Work& work, bool backward, bool weight_gradient,
                           Seconds& extrapolated) {
  KernelPrice price;
  switch (work.kind) {
    case WorkKind::kGemm: {
      GemmQuery query;
      query.dtype = work.low_precision ? std::string_view(linear_dtype_) : attention_dtype_;
      query.m = work.m;
      query.n = work.n;
      query.k = work.k;
      query.batch = work.batch;
      const bool linear = work.site != Site::kScores && work.site != Site::kContext;
      query.layout = !linear || !backward ? GemmLayout::kTn
                     : weight_gradient    ? GemmLayout::kNt
                                          : GemmLayout::kNn;
      query.accumulate_fp32 = weight_gradient && training_.software.gradient_accumulation_fusion &&
                              training_.software.gradient_dtype == Precision::kFp32;
      price = kernels_.gemm(query);
      break;
    }
    case WorkKind::kAttention: {
      AttentionQuery query;
      query.dtype = attention_dtype_;
      query.batch = work.sequences;
      query.heads = work.heads;
      query.kv_heads = work.kv_heads;
      query.head_dim = work.head_dim;
      query.v_head_dim = work.v_head_dim;
      query.query_tokens = work.query_tokens;
      query.kv_tokens = work.kv_tokens;
      query.causal = work.causal;
      query.backward = backward;
      price = kernels_.attention(query);
      break;
    }
    case WorkKind::kElementwise:
      price = kernels_.elementwise(Bytes(work.bytes * element_scale_), work.kernels);
      break;
  }
  KernelMix* mix = work.kind == WorkKind::kGemm        ? &products_
                   : work.kind == WorkKind::kAttention ? &attention_
                                                       : nullptr;
  if (mix) *mix += KernelMix::of(price.sustained);
  if (price.extrapolated) {
    extrapolated += price.sustained;
    const std::string_view name =
        work.kind == WorkKind::kElementwise ? work.what : name_of(work.site);
    outside_.insert(std::string(name) + (backward ? " (backward)" : " (forward)"));
  }
  return price.sustained;
}

Seconds LayerPricer::sum(const std::vector<Work>& works, bool backward, bool weight_gradient,
                         Seconds& extrapolated) {
  Seconds total;
  for (const Work& work : works) total += price(work, backward, weight_gradient, extrapolated);
  return total;
}

void LayerPricer::arithmetic(const LayerWork& work, Seconds accumulation, LayerCost& cost) {
  const auto priced = [&](OpCost& op, const std::vector<Work>& works, bool backward,
                          bool weight_gradient) {
    products_ = attention_ = {};
    op.compute = sum(works, backward, weight_gradient, cost.extrapolated);
    op.products = Seconds(products_.seconds);
    op.attention = Seconds(attention_.seconds);
    cost.products += products_;
    cost.attention += attention_;
  };
  priced(cost.forward, work.forward, false, false);
  priced(cost.input_grad, work.input_grad, true, false);
  priced(cost.weight_grad, work.weight_grad, true, true);
  cost.weight_grad.compute += accumulation;
  cost.backward.compute = cost.input_grad.compute + cost.weight_grad.compute;
  cost.backward.products = cost.input_grad.products + cost.weight_grad.products;
  cost.backward.attention = cost.input_grad.attention + cost.weight_grad.attention;
}

Seconds LayerPricer::gemm_at(const Work& work, double rows_share, GemmLayout layout) {
  GemmQuery query;
  query.dtype = work.low_precision ? std::string_view(linear_dtype_) : attention_dtype_;
  query.m = work.m * rows_share;
  query.n = work.n;
  query.k = work.k;
  query.layout = layout;
  return kernels_.gemm(query).sustained;
}

CollectiveQuery LayerPricer::tensor_query(Collective op, double bytes) const {
  CollectiveQuery query;
  query.op = op;
  query.bytes = Bytes(bytes * element_scale_);
  query.ranks = plan_.tensor_group.ranks;
  query.ranks_per_node = plan_.tensor_group.ranks_per_node;
  return query;
}

Seconds LayerPricer::collective(const CollectiveQuery& query, Seconds& extrapolated) {
  if (query.ranks <= 1 || query.bytes.base() <= 0) return Seconds(0);
  // Every group of a node talks at once, so a group has the NICs of its own members.
  CollectiveQuery shared = query;
  shared.nics = plan_.nics_per_gpu * std::max(1, query.ranks_per_node);
  const KernelPrice price = kernels_.collective(shared);
  if (price.extrapolated) extrapolated += price.sustained;
  return price.sustained;
}

void LayerPricer::host_floor(LayerCost& cost) const {
  const SoftwareFacts& facts = training_.software;
  cost.forward.host += max(Seconds(0), facts.host_forward_per_layer - cost.forward.total());
  cost.backward.host += max(Seconds(0), facts.host_backward_per_layer - cost.backward.total());
  // A split backward launches its kernels in two halves.
  const Seconds half = facts.host_backward_per_layer / 2;
  cost.input_grad.host += max(Seconds(0), half - cost.input_grad.total());
  cost.weight_grad.host += max(Seconds(0), half - cost.weight_grad.total());
}

Seconds LayerPricer::recomputed_work(const LayerWork& work, bool whole_layer, bool moe_layer,
                                     Seconds& extrapolated) {
  if (whole_layer) return sum(work.forward, false, false, extrapolated);
  Seconds total;
  if (training_.recompute == Recompute::kSelective) {
    // Megatron-Core's core_attn: the checkpoint repeats the kernel, fused or not.
    total += sum(work.attention_core, false, false, extrapolated);
  } else if (training_.recompute == Recompute::kModules) {
    for (const Work& piece : work.forward) {
      const bool repeats = std::ranges::any_of(
          training_.recompute_modules,
          [&](const std::string& module) { return module_repeats(module, piece, moe_layer); });
      if (repeats) total += price(piece, false, false, extrapolated);
    }
  }
  return total;
}

LayerCost LayerPricer::layer(std::int64_t index, bool recomputed) {
  const LayerWork work = layer_work(model_, index, sharding_, choices_);
  LayerCost cost;
  Seconds& outside = cost.extrapolated;
  Seconds accumulation;
  if (!training_.software.gradient_accumulation_fusion) {
    // main_grad += grad as a kernel of its own: read both, write one; fp32: 2 + 4 + 4 bytes.
    const double bytes = training_.software.gradient_dtype == Precision::kFp32 ? 10.0 : 6.0;
    accumulation =
        kernels_.elementwise(Bytes(bytes * (work.parameters + work.expert_parameters)), 4)
            .sustained;
  }
  arithmetic(work, accumulation, cost);

  tensor_comm(work, cost, outside);
  context_comm(work, cost, outside);
  expert_comm(work, cost, outside);
  products_ = attention_ = {};
  const bool moe_layer = model_.is_moe_layer(index);
  const Seconds again = recomputed_work(work, recomputed, moe_layer, outside);
  for (OpCost* op : {&cost.backward, &cost.input_grad}) {
    op->recompute += again;
    op->products += Seconds(products_.seconds);
    op->attention += Seconds(attention_.seconds);
  }
  if (recomputed) {
    // The repeated forward repeats its collectives.
    for (OpCost* op : {&cost.backward, &cost.input_grad}) {
      op->tensor_comm += cost.forward.tensor_comm;
      op->context_comm += cost.forward.context_comm;
      op->expert_comm += cost.forward.expert_comm;
    }
  }
  const auto& modules = training_.recompute_modules;
  const bool dispatches_again = training_.recompute == Recompute::kModules &&
                                std::ranges::find(modules, "moe") != modules.end();
  if (!recomputed && dispatches_again) {
    for (OpCost* op : {&cost.backward, &cost.input_grad}) {
      op->expert_comm += cost.forward.expert_comm;
    }
  }
  sharded_parameters(work, cost, outside);
  host_floor(cost);
  return cost;
}

LayerCost LayerPricer::embedding() {
  const LayerWork work = embedding_work(model_, sharding_, choices_);
  LayerCost cost;
  Seconds& outside = cost.extrapolated;
  arithmetic(work, Seconds(), cost);
  if (plan_.tensor > 1) {
    // Vocabulary-parallel lookup: partial rows are summed; its gradient is gathered under
    // sequence parallelism and already whole without it.
    const bool scatter = sharding_.sequence_parallel;
    cost.forward.tensor_comm +=
        collective(tensor_query(scatter ? Collective::kReduceScatter : Collective::kAllReduce,
                                work.messages.tensor_bytes),
                   outside);
    if (scatter) {
      const Seconds gather =
          collective(tensor_query(Collective::kAllGather, work.messages.tensor_bytes), outside);
      cost.backward.tensor_comm += gather;
      cost.input_grad.tensor_comm += gather;
    }
  }
  sharded_parameters(work, cost, outside);
  return cost;
}

LayerCost LayerPricer::head() {
  const LayerWork work = head_work(model_, sharding_, choices_);
  LayerCost cost;
  Seconds& outside = cost.extrapolated;
  arithmetic(work, Seconds(), cost);
  if (plan_.tensor > 1) {
    const double bytes = work.messages.tensor_bytes;
    if (sharding_.sequence_parallel) {
      const Seconds ag = collective(tensor_query(Collective::kAllGather, bytes), outside);
      const Seconds rs = collective(tensor_query(Collective::kReduceScatter, bytes), outside);
      cost.forward.tensor_comm += ag;
      cost.backward.tensor_comm += rs;
      cost.input_grad.tensor_comm += rs;
    } else {
      const Seconds ar = collective(tensor_query(Collective::kAllReduce, bytes), outside);
      cost.backward.tensor_comm += ar;
      cost.input_grad.tensor_comm += ar;
    }
  }
  sharded_parameters(work, cost, outside);
  return cost;
}

}  // namespace plumbline
