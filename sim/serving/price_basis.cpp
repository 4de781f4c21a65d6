#include "sim/serving/price_basis.h"

#include <algorithm>
#include <cstdio>

#include "models/model_spec.h"
#include "sim/cluster/device.h"
#include "sim/core/diagnostic.h"
#include "sim/kernels/kernel_times.h"
#include "sim/plan/parallel_plan.h"
#include "sim/plan/serving_options.h"
#include "sim/serving/attention_prices.h"
#include "sim/serving/software.h"

namespace plumbline {
namespace {

[[noreturn]] void no_units(const DeviceSpec& device, const std::string& what) {
  std::string known;
  for (const auto& [name, unused] : device.peak_flops) known += (known.empty() ? "" : ", ") + name;
  throw InputError({diagnose("serving.precision", device.name + " has no units for " + what,
                             "it has " + known)});
}

ModelShape shape_of(const ModelSpec& m, int tensor) {
  ModelShape shape;
  shape.tensor = tensor;
  shape.hidden = static_cast<double>(m.hidden);
  shape.heads = static_cast<double>(m.heads);
  shape.kv_heads = static_cast<double>(m.kv_heads);
  shape.head_dim = static_cast<double>(m.head_dim);
  shape.ffn = static_cast<double>(m.ffn);
  shape.vocab = static_cast<double>(m.vocab);
  if (m.moe) {
    shape.experts = static_cast<double>(m.moe->experts);
    shape.expert_ffn = static_cast<double>(m.moe->expert_ffn);
    shape.top_k = static_cast<double>(m.moe->top_k);
  }
  return shape;
}

std::optional<LayerTable> table_of(const ServedModel& served) {
  return LayerTable::find(served.cluster.device, shape_of(served.model, served.plan.tensor));
}

bool other_power_limit(const Cluster& cluster) {
  return cluster.power_limit_w && *cluster.power_limit_w != cluster.device.power_limit_w;
}

bool without_budget(BatchingPolicy policy) {
  return policy == BatchingPolicy::kOrca || policy == BatchingPolicy::kStatic;
}

std::string watts(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g W", value);
  return text;
}

}  // namespace

PriceBasis price_basis(const ServedModel& served) {
  const DeviceSpec& device = served.cluster.device;
  const auto has = [&](const char* dtype) { return device.peak_flops.count(dtype) > 0; };
  PriceBasis basis;
  const auto packed = [&](const char* what) {
    basis.weight_only = true;
    basis.notes.push_back(device.name + ": " + what + " weights are unpacked for " + basis.wide +
                          " products (Marlin), which read fewer bytes and cost nothing else");
  };
  if (!has("bf16")) {
    if (!has("fp16") || served.options.precision == WeightPrecision::kBf16) {
      no_units(device, "bf16");
    }
    basis.wide = "fp16";
  }
  basis.linear = basis.wide;
  switch (served.options.precision) {
    case WeightPrecision::kBf16:
    case WeightPrecision::kFp16:
      break;
    case WeightPrecision::kFp8: {
      if (!has("fp8")) no_units(device, "fp8");
      const bool cutlass = serving_software(served.options.software).fp8_cutlass;
      basis.linear = cutlass && device.gemm.count("fp8_cutlass") ? "fp8_cutlass" : "fp8";
      break;
    }
    case WeightPrecision::kInt8:
      if (!has("int8")) no_units(device, "int8");
      basis.linear = "int8";
      if (device.gemm.count("int8") == 0 && has("fp8")) {
        basis.linear = "fp8";
        basis.notes.push_back(device.name +
                              ": int8 products are priced as fp8 products: none were measured");
      }
      break;
    case WeightPrecision::kNvfp4:
      if (has("nvfp4")) {
        basis.linear = "nvfp4";
      } else {
        packed("nvfp4");
      }
      break;
    case WeightPrecision::kInt4:
      packed("int4");
      break;
    case WeightPrecision::kMxfp4:
      packed("mxfp4");
      break;
  }
  if (basis.linear != basis.wide) {
    for (std::string& note : served.kernels.notes(basis.linear)) {
      basis.notes.push_back(std::move(note));
    }
  }
  // Times that do not come from the kernels' forms do not follow a faster unit of theirs.
  const HardwareScale& scale = served.kernels.scale();
  if ((scale.gemm != 1.0 || scale.memory != 1.0) &&
      (basis.weight_only || served.model.mla || measured_layers(served))) {
    throw InputError(
        {diagnose("--what-if",
                  "gemm and memory cannot be scaled where serving rests on measured layer "
                  "tables, packed weights or latent attention",
                  "gpu=NAME, cluster.power_limit_w, or the links")});
  }
  const bool limited = other_power_limit(served.cluster);
  const bool small_cache = served.options.kv_cache_precision == KvPrecision::kFp8;
  if ((limited || small_cache) && table_of(served)) {
    basis.notes.push_back(
        limited ? "the measured times of this model's layers are those at " +
                      watts(device.power_limit_w) + ": at " + watts(*served.cluster.power_limit_w) +
                      " its kernels are priced one by one"
                : "the measured attention of this model read a 16-bit cache: with one in fp8 its "
                  "kernels are priced one by one");
  }
  return basis;
}

std::optional<LayerTable> measured_layers(const ServedModel& served) {
  if (other_power_limit(served.cluster)) return std::nullopt;
  return table_of(served);
}

bool measured_attention_holds(const ServedModel& served) {
  return served.options.kv_cache_precision == KvPrecision::kBf16;
}

double power_limit_clock(const ServedModel& served) {
  const DeviceSpec& device = served.cluster.device;
  if (!other_power_limit(served.cluster)) return 1.0;
  const DeviceSpec limited = at_power_limit(device, *served.cluster.power_limit_w);
  for (const char* dtype : {"bf16", "fp16"}) {
    const auto own = device.sustained.find(dtype);
    if (own == device.sustained.end()) continue;
    return limited.sustained.at(dtype).value / own->second.value;
  }
  return 1.0;
}

std::int64_t largest_step(const ServedModel& served) {
  constexpr std::int64_t kMostTabulated = 1 << 18;
  const BatchingOptions& batching = served.options.batching;
  if (!without_budget(batching.policy)) {
    return std::max<std::int64_t>({batching.max_num_batched_tokens, batching.max_num_seqs, 2});
  }
  const double tokens = static_cast<double>(batching.max_num_seqs) * longest_context(served);
  return static_cast<std::int64_t>(std::min<double>(tokens, kMostTabulated));
}

std::int64_t longest_chunk(const ServedModel& served) {
  if (!without_budget(served.options.batching.policy)) {
    return served.options.batching.max_num_batched_tokens;
  }
  return static_cast<std::int64_t>(longest_context(served));
}

}  // namespace plumbline
