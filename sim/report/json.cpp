// The document `plumbline.result/1`.
//
// Keys stand in the contract's order; what the contract does not name (critical path,
// sensitivities, peak operation, usable memory, ...) follows the keys it does.
#include <optional>
#include <string>
#include <utility>

#include "sim/report/json_frame.h"
#include "sim/report/json_writer.h"
#include "sim/report/parts.h"
#include "sim/report/report.h"

namespace plumbline {
namespace {

using Layout = JsonWriter::Layout;

template <typename Parts>
void write_parts(JsonWriter& json, std::string_view key, const Parts& parts) {
  json.key(key).begin_object();
  for (const NamedPart& part : parts) json.member(part.key, part.value);
  json.end_object();
}

/// Half-open, as `"layers": [0, 12]`.
void write_layers(JsonWriter& json, const StageLayers& layers) {
  json.key("layers").begin_array(Layout::kOneLine);
  json.value(layers.first_layer).value(layers.end_layer).end_array();
}

void write_stages(JsonWriter& json, const RankResult& rank) {
  if (!rank.stage_layers.empty()) write_layers(json, rank.stage_layers.front());
  json.key("stages").begin_array();
  for (std::size_t chunk = 0; chunk < rank.stage_layers.size(); ++chunk) {
    const StageLayers& layers = rank.stage_layers[chunk];
    json.begin_object(Layout::kOneLine);
    if (chunk < rank.stage_ids.size()) json.member("stage", rank.stage_ids[chunk]);
    write_layers(json, layers);
    if (layers.embedding) json.member("embedding", true);
    if (layers.head) json.member("head", true);
    json.end_object();
  }
  json.end_array();
}

void write_rank(JsonWriter& json, const RankResult& rank) {
  json.begin_object();
  json.member("pipeline_rank", rank.pipeline_rank);
  write_stages(json, rank);
  json.member("busy_s", rank.busy_s).member("idle_s", rank.idle_s);
  write_parts(json, "idle_by_cause_s", parts_of(rank.idle_by_cause));
  json.member("peak_memory_bytes", rank.peak.total().base());
  write_parts(json, "memory_bytes", parts_of(rank.peak));
  json.member("span_s", rank.span_s);
  json.member("peak_time_s", rank.peak_time_s);
  json.member("peak_operation", std::string_view(rank.peak_operation));
  json.member("peak_live_activations", rank.peak_live_activations);
  if (rank.weight_versions) json.member("weight_versions", *rank.weight_versions);
  if (rank.weight_staleness) json.member("weight_staleness", *rank.weight_staleness);
  json.end_object();
}

void write_critical_path(JsonWriter& json, const std::vector<CriticalStep>& path) {
  json.key("critical_path").begin_array();
  for (const CriticalStep& step : path) {
    json.begin_object(Layout::kOneLine);
    json.member("what", std::string_view(step.what));
    json.member("seconds", step.seconds).member("tasks", step.tasks).end_object();
  }
  json.end_array();
}

void write_sensitivities(JsonWriter& json, const std::vector<Sensitivity>& sensitivities) {
  json.key("sensitivities").begin_array();
  for (const Sensitivity& s : sensitivities) {
    json.begin_object(Layout::kOneLine);
    json.member("what", std::string_view(s.what));
    json.member("iteration_time_s", s.iteration_time_s);
    json.member("saved_fraction", s.saved_fraction).end_object();
  }
  json.end_array();
}

void write_training(JsonWriter& json, const TrainingResult& t) {
  json.key("training").begin_object();
  json.member("iteration_time_s", t.iteration_time_s);
  json.key("iteration_time_interval_s");
  if (t.iteration_time_interval_s) {
    json.begin_array(Layout::kOneLine);
    for (const double end : *t.iteration_time_interval_s) json.value(end);
    json.end_array();
  } else {
    json.null();
  }
  json.member("samples_per_s", t.samples_per_s);
  json.member("tokens_per_s", t.tokens_per_s);
  json.member("tokens_per_s_per_gpu", t.tokens_per_s_per_gpu);
  json.member("model_tflops_per_gpu", t.model_tflops_per_gpu);
  json.member("hardware_tflops_per_gpu", t.hardware_tflops_per_gpu);
  json.member("mfu", t.mfu).member("hfu", t.hfu);
  json.member("bubble_fraction", t.bubble_fraction);
  json.member("bubble_overhead", t.bubble_overhead);
  json.member("span_idle_fraction", t.span_idle_fraction);
  json.member("lower_bound_s", t.lower_bound_s);
  write_parts(json, "breakdown_s", parts_of(t.breakdown));
  json.member("peak_memory_bytes", t.peak_memory_bytes);
  json.key("ranks").begin_array();
  for (const RankResult& rank : t.ranks) write_rank(json, rank);
  json.end_array();
  json.member("usable_memory_bytes", t.usable_memory_bytes);
  json.member("compute_phase_s", t.compute_phase_s);
  json.member("optimality_gap",
              t.lower_bound_s > 0 ? t.iteration_time_s / t.lower_bound_s - 1 : 0.0);
  write_critical_path(json, t.critical_path);
  write_sensitivities(json, t.sensitivities);
  json.end_object();
}

void write_cost(JsonWriter& json, const CostResult& cost) {
  const auto member = [&json](std::string_view key, const std::optional<double>& value) {
    json.key(key);
    if (value) {
      json.value(*value);
    } else {
      json.null();
    }
  };
  json.key("cost").begin_object();
  json.member("gpu_hours_per_million_tokens", cost.gpu_hours_per_million_tokens);
  member("usd_per_iteration", cost.usd_per_iteration);
  member("usd_per_million_tokens", cost.usd_per_million_tokens);
  json.end_object();
}

}  // namespace

std::string to_json(const Result& result) {
  JsonWriter json;
  open_result(json, result);
  write_training(json, result.training);
  write_cost(json, result.cost);
  return close_result(std::move(json), result.engine);
}

}  // namespace plumbline
