// The block "serving" of `plumbline.result/1`: the contract's keys first, in its order.
#include <utility>

#include "sim/report/json_frame.h"
#include "sim/report/json_writer.h"
#include "sim/report/serving.h"

namespace plumbline {
namespace {

using Layout = JsonWriter::Layout;

void write_percentiles(JsonWriter& json, std::string_view key, const Percentiles& p) {
  json.key(key).begin_object(Layout::kOneLine);
  json.member("p50", p.p50).member("p90", p.p90).member("p99", p.p99).member("mean", p.mean);
  json.end_object();
}

void write_causes(JsonWriter& json, std::string_view key,
                  const std::array<double, kIdleCauses>& causes) {
  json.key(key).begin_object(Layout::kOneLine);
  for (std::size_t c = 0; c < kIdleCauses; ++c) json.member(kIdleCauseNames[c], causes[c]);
  json.end_object();
}

void write_swap(JsonWriter& json, const SwapResult& swap) {
  json.key("swap").begin_object(Layout::kOneLine);
  json.member("out", swap.out).member("in", swap.in).member("recomputed", swap.recomputed);
  json.member("bytes_out", swap.bytes_out).member("bytes_in", swap.bytes_in);
  json.member("time_s", swap.time_s);
  json.member("host_capacity_tokens", swap.host_capacity_tokens);
  json.member("host_peak_tokens", swap.host_peak_tokens).end_object();
}

void write_cache(JsonWriter& json, const ServingResult& s) {
  const double block = s.kv.block_tokens;
  json.key("kv_cache").begin_object();
  json.member("capacity_tokens", static_cast<double>(s.kv.blocks) * block);
  json.member("peak_tokens", static_cast<double>(s.peak_blocks) * block);
  json.member("bytes_per_token_per_gpu", s.kv.bytes_per_token_per_gpu);
  json.member("preemptions", s.preemptions);
  json.member("num_gpu_blocks", s.kv.blocks);
  json.member("block_tokens", s.kv.block_tokens);
  json.member("prefix_hit_tokens", s.prefix_hit_tokens);
  json.member("limited_by", std::string_view(s.kv.limited_by));
  if (s.swap) write_swap(json, *s.swap);
  json.key("over_time").begin_array();
  for (const CachePoint& point : s.cache_over_time) {
    json.begin_object(Layout::kOneLine);
    json.member("time_s", point.time_s).member("tokens", point.blocks * block);
    json.member("running", point.running).member("waiting", point.waiting).end_object();
  }
  json.end_array().end_object();
}

void write_optional(JsonWriter& json, std::string_view key, const std::optional<double>& value) {
  if (value) json.member(key, *value);
}

void write_cost(JsonWriter& json, const ServingResult& s) {
  json.key("per_million_output_tokens").begin_object(Layout::kOneLine);
  json.member("gpu_seconds", s.gpu_seconds_per_million_output_tokens);
  write_optional(json, "usd", s.usd_per_million_output_tokens);
  write_optional(json, "gpu_kwh_at_power_limit", s.kwh_per_million_output_tokens_at_power_limit);
  json.end_object();
}

void write_stages(JsonWriter& json, const ServingResult& s) {
  json.key("stages").begin_array();
  for (const StageResult& stage : s.stages) {
    json.begin_object();
    json.member("replica", stage.replica).member("stage", stage.stage);
    json.member("steps", stage.steps).member("busy_s", stage.busy_s);
    json.member("idle_s", stage.idle_s);
    write_causes(json, "idle_by_cause_s", stage.idle_by_cause_s);
    json.end_object();
  }
  json.end_array();
  json.key("memory_bytes_per_gpu").begin_array();
  for (const ServingStageMemory& memory : s.stage_memory) {
    json.begin_object(Layout::kOneLine);
    json.member("weights", memory.weights).member("activations", memory.activations);
    json.member("cuda_graphs", memory.cuda_graphs).member("framework", memory.framework);
    json.member("kv_cache", memory.kv_cache).member("limit", memory.limit).end_object();
  }
  json.end_array();
}

void write_serving(JsonWriter& json, const ServingResult& s) {
  json.key("serving").begin_object();
  json.member("requests", s.requests);
  write_percentiles(json, "ttft_s", s.ttft_s);
  write_percentiles(json, "tpot_s", s.tpot_s);
  write_percentiles(json, "e2e_s", s.e2e_s);
  json.member("output_tokens_per_s", s.output_tokens_per_s);
  json.member("goodput_requests_per_s", s.goodput_requests_per_s);
  write_cache(json, s);
  json.member("bubble_fraction", s.bubble_fraction);
  write_causes(json, "bubble_by_cause", s.bubble_by_cause);
  json.key("busy_s").begin_object(Layout::kOneLine);
  for (std::size_t p = 0; p < kStepParts; ++p) json.member(kStepPartNames[p], s.busy_parts_s[p]);
  json.end_object();
  json.member("slo_attainment", s.slo_attainment);
  json.member("duration_s", s.duration_s);
  json.member("requests_per_s", s.requests_per_s);
  json.member("prompt_tokens_per_s", s.prompt_tokens_per_s);
  json.member("output_tokens_per_s_per_gpu", s.output_tokens_per_s_per_gpu);
  json.member("gpus", s.gpus).member("replicas", s.replicas);
  json.member("steps", s.steps).member("tokens_computed", s.step_tokens);
  write_cost(json, s);
  if (s.transfers > 0) {
    json.key("cache_transfers").begin_object(Layout::kOneLine);
    json.member("count", s.transfers).member("mean_s", s.transfer_s).end_object();
  }
  if (s.max_rate) {
    json.key("max_rate").begin_object(Layout::kOneLine);
    json.member("requests_per_s", s.max_rate->rate_per_s);
    json.member("next_requests_per_s", s.max_rate->next_per_s);
    json.member("tries", s.max_rate->tries).end_object();
  }
  if (!s.why_not.empty()) json.member("why_not", std::string_view(s.why_not));
  write_stages(json, s);
  json.end_object();
}

}  // namespace

std::string serving_json(const Result& result, const ServingResult& serving) {
  JsonWriter json;
  open_result(json, result);
  write_serving(json, serving);
  return close_result(std::move(json), result.engine);
}

}  // namespace plumbline
