// Layer by layer as vLLM runs it: residual add and norm in one kernel, q, k and v (MLA: both
// compressions) in one product, gate and up in one product, two all-reduces a layer.
//
// 4-bit weights on GPUs without 4-bit units run as 16-bit products that read fewer bytes (Marlin):
// the 16-bit form with the bytes of the packed weights.

#include "sim/serving/token_work.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/parameters.h"
#include "sim/cluster/device.h"
#include "sim/core/diagnostic.h"
#include "sim/kernels/forms.h"
#include "sim/plan/parallel_plan.h"
#include "sim/plan/serving_options.h"
#include "sim/serving/price_basis.h"
#include "sim/serving/weights.h"

namespace plumbline {
namespace {

WorkTime of(const KernelPrice& price) {
  const double seconds = price.sustained.base();
  return {seconds, price.extrapolated ? seconds : 0};
}

}  // namespace

TokenWork::TokenWork(const ServedModel& served, const LayerTable* table)
    : served_(served),
      software_(serving_software(served.options.software)),
      table_(table),
      cut_(expert_cut(served.plan)),
      packed_clock_(power_limit_clock(served)) {
  const PriceBasis basis = price_basis(served);
  wide_ = basis.wide;
  linear_ = basis.linear;
  weight_only_ = basis.weight_only;
  if (weight_only_) {
    const WeightBytes bytes = weight_bytes(served.options.precision, served.model);
    linear_bytes_ = bytes.linear;
    expert_bytes_ = bytes.experts;
  }
  if (table_ && linear_ != "bf16") table_ = nullptr;  // the tables are of 16-bit weights
  if (weight_only_) table_ = nullptr;
}

WorkTime TokenWork::traffic(double bytes, double kernels) const {
  return of(served_.kernels.elementwise(Bytes(bytes), kernels));
}

// A curve of the measured table; nothing where it has none of that name.
WorkTime TokenWork::measured(std::string_view name, double size) const {
  const SizeCurve* curve = table_->layer(name);
  if (curve == nullptr) return {};
  const double seconds = curve->at(size);
  return {seconds, size > curve->largest() ? seconds : 0};
}

WorkTime TokenWork::product(bool low_precision, double bytes_per_weight, double rows,
                            double outputs, double inputs, double batch) const {
  if (rows <= 0) return {};
  if (low_precision && weight_only_ && bytes_per_weight < 2) {
    const DeviceSpec& device = served_.cluster.device;
    const auto fit = device.gemm.find(wide_);
    if (fit == device.gemm.end()) {
      throw InputError({diagnose("serving.precision",
                                 device.name + " has no measured products that packed weights "
                                               "could be priced by",
                                 "bf16 or fp8")});
    }
    GemmWork work = gemm_work(wide_, rows, outputs, inputs, batch);
    work.bytes -= Bytes((2 - bytes_per_weight) * outputs * inputs * batch);
    const auto clock = device.sustained.find(wide_);
    const double seconds =
        gemm_form(fit->second, work,
                  packed_clock_ * (clock == device.sustained.end() ? 1.0 : clock->second.value))
            .base();
    return {seconds, seconds};  // no product of packed weights was measured
  }
  GemmQuery query;
  query.dtype = low_precision ? std::string_view(linear_) : std::string_view(wide_);
  query.m = rows;
  query.n = outputs;
  query.k = inputs;
  query.batch = batch;
  return of(served_.kernels.gemm(query));
}

WorkTime TokenWork::linear(double rows, double outputs, double inputs) const {
  return product(true, linear_bytes_, rows, outputs, inputs, 1);
}

WorkTime TokenWork::collective(Collective op, double bytes, const GroupSpan& group) const {
  if (group.ranks <= 1 || bytes <= 0) return {};
  CollectiveQuery query;
  query.op = op;
  query.bytes = Bytes(bytes);
  query.ranks = group.ranks;
  query.ranks_per_node = group.ranks_per_node;
  // Every group of a node runs at once, so a group has the NICs of its own members.
  const Cluster& cluster = served_.cluster;
  query.nics = std::min(1.0, static_cast<double>(cluster.nics_per_node) / cluster.gpus_per_node) *
               query.ranks_per_node;
  return of(served_.kernels.collective(query));
}

WorkTime TokenWork::reduce(double tokens) const {
  const Collective op =
      software_.custom_all_reduce ? Collective::kEngineAllReduce : Collective::kAllReduce;
  return collective(op, 2 * tokens * static_cast<double>(served_.model.hidden),
                    served_.plan.tensor_group);
}

WorkTime TokenWork::attention_products(double tokens) const {
  const ModelSpec& m = served_.model;
  const double h = static_cast<double>(m.hidden), tensor = served_.plan.tensor,
               heads = static_cast<double>(m.heads) / tensor;
  if (!m.mla) {
    const double d = static_cast<double>(m.head_dim),
                 kv = std::max(1.0, static_cast<double>(m.kv_heads) / tensor);
    WorkTime time = linear(tokens, (heads + 2 * kv) * d, h) + linear(tokens, h, heads * d);
    // Rope and the write into the cache.
    time += traffic(4 * tokens * (heads + 2 * kv) * d, 2);
    if (m.qk_norm) time += traffic(4 * tokens * (heads + kv) * d);
    return time;
  }
  const double nope = static_cast<double>(m.mla->qk_nope_head_dim),
               rope = static_cast<double>(m.mla->qk_rope_head_dim),
               value = static_cast<double>(m.mla->v_head_dim),
               queries = static_cast<double>(m.mla->q_lora_rank),
               latent = static_cast<double>(m.mla->kv_lora_rank);
  WorkTime time = linear(tokens, queries + latent + rope, h);
  time += linear(tokens, heads * (nope + rope), queries > 0 ? queries : h);
  // Absorbed: the key up-projection is applied to the query, the value's to the output, per head.
  time += product(false, 2, tokens, latent, nope, heads);
  time += product(false, 2, tokens, value, latent, heads);
  time += linear(tokens, h, heads * value);
  return time + traffic(4 * tokens * (heads * (nope + rope) + latent + rope), 4);
}

WorkTime TokenWork::layer(std::int64_t index, double tokens) const {
  const ModelSpec& m = served_.model;
  const bool mixture = m.is_moe_layer(index);
  if (table_) {
    const auto at = [&](std::string_view name) { return measured(name, tokens); };
    WorkTime time =
        2 * at("layernorm") + at("qkv_proj") + at("qk_norm") + at("rotary_emb") + at("o_proj");
    if (!mixture) time += at("gate_up_proj") + at("act_fn") + at("down_proj");
    return time;
  }
  const double h = static_cast<double>(m.hidden), tensor = served_.plan.tensor;
  WorkTime time = attention_products(tokens);
  time += static_cast<double>(m.norms_per_layer) * traffic(8 * tokens * h);
  const double width = static_cast<double>(mixture ? m.moe->shared_ffn : m.ffn) / tensor;
  if (width > 0) {
    const double branches = m.gated() ? 2 : 1;
    time += linear(tokens, branches * width, h) + linear(tokens, h, width);
    time += traffic(2 * (branches + 1) * tokens * width);
  }
  return time;
}

WorkTime TokenWork::grouped(double tokens, double local) const {
  const MoeSpec& moe = *served_.model.moe;
  const double h = static_cast<double>(served_.model.hidden),
               all = static_cast<double>(moe.experts), k = static_cast<double>(moe.top_k);
  const double active = local * (1 - std::pow(1 - k / all, tokens));
  const double pairs = tokens * k * local / all;
  if (table_ && table_->has_experts() && cut_ == 1) {
    return {table_->experts(pairs / k, active), 0};
  }
  const double width = static_cast<double>(moe.expert_ffn) / cut_;
  const double branches = served_.model.gated() ? 2 : 1;
  const double rows = pairs / std::max(active, 1e-9);
  WorkTime time = product(true, expert_bytes_, rows, branches * width, h, active);
  time += product(true, expert_bytes_, rows, h, width, active);
  // Sorting pairs by expert, the activation, the weighted sum.
  time += traffic(20 * pairs, 2) + traffic(2 * (branches + 1) * pairs * width);
  return time + traffic(2 * (k + 1) * tokens * h);
}

// A measured table times the whole block, its router included.
WorkTime TokenWork::router(double tokens) const {
  if (table_ && table_->has_experts()) return {};
  const double all = static_cast<double>(served_.model.moe->experts);
  return product(false, 2, tokens, all, static_cast<double>(served_.model.hidden), 1) +
         traffic(10 * tokens * all);
}

WorkTime TokenWork::experts(double tokens) const {
  const double all = static_cast<double>(served_.model.moe->experts);
  return router(tokens) + grouped(tokens, all / served_.plan.expert);
}

WorkTime TokenWork::shared_experts(double together, int replicas) const {
  const double all = static_cast<double>(served_.model.moe->experts);
  return router(together / replicas) + grouped(together, all / served_.plan.expert);
}

WorkTime TokenWork::shared_communication(double together) const {
  const double h = static_cast<double>(served_.model.hidden),
               all = static_cast<double>(served_.model.moe->experts);
  const GroupSpan& group = served_.plan.data_group;
  return collective(Collective::kAllGather, 2 * together * h, group) +
         collective(Collective::kAllGather, 2 * together * all, group) +
         collective(Collective::kReduceScatter, 2 * together * h, group);
}

WorkTime TokenWork::embedding(double tokens) const {
  if (table_) return measured("embedding", tokens);
  return traffic(4 * tokens * static_cast<double>(served_.model.hidden));
}

WorkTime TokenWork::final_norm(double tokens) const {
  if (table_) return measured("final_layernorm", tokens);
  return traffic(8 * tokens * static_cast<double>(served_.model.hidden));
}

WorkTime TokenWork::head_communication(double sequences) const {
  const int tensor = served_.plan.tensor;
  const double rows = static_cast<double>(padded_vocab(served_.model.vocab, tensor, 64));
  return collective(Collective::kAllGather, 2 * sequences * rows, served_.plan.tensor_group);
}

WorkTime TokenWork::head(double sequences) const {
  if (table_) return measured("lm_head", sequences) + measured("sampler", sequences);
  const ModelSpec& m = served_.model;
  const int tensor = served_.plan.tensor;
  const double rows = static_cast<double>(padded_vocab(m.vocab, tensor, 64)) / tensor;
  // Sampling reads the logits, writes them in 32 bits, and passes over those twice more.
  return product(false, 2, sequences, rows, static_cast<double>(m.hidden), 1) +
         traffic(sequences * static_cast<double>(m.vocab) * (2 + 4 + 4 + 4), 4);
}

}  // namespace plumbline
