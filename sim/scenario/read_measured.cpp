#include <string>
#include <utility>

#include "sim/scenario/read_parts.h"
#include "sim/scenario/words.h"

namespace plumbline {
namespace {

/// One number, or a list with one per pipeline rank.
void read_memory(const KeyReader& keys, std::string_view path, std::optional<double>& one,
                 std::vector<double>& by_rank) {
  if (keys.node(path).is_list()) {
    by_rank = keys.number_list(path);
  } else {
    one = keys.number(path);
  }
}

/// One number, which is `statistic`, or a mapping with a number per statistic.
MeasuredLatency read_latency(const KeyReader& keys, const std::string& path,
                             std::string_view statistic) {
  MeasuredLatency latency;
  const bool one = !keys.node(path).is_map();
  for (const auto& [name, to] : {std::pair{"mean", &latency.mean}, std::pair{"p50", &latency.p50},
                                 std::pair{"p90", &latency.p90}, std::pair{"p99", &latency.p99}}) {
    if (!one) {
      *to = keys.number(path + "." + name);
    } else if (name == statistic) {
      *to = keys.number(path);
    }
  }
  return latency;
}

/// What one kind of run says of itself is refused where the other was asked for.
void check_kind(const KeyReader& keys) {
  constexpr const char* kTraining[] = {"samples_per_s",   "model_tflops_per_gpu", "mfu",
                                       "peak_memory_gib", "peak_reserved_gib",    "flops"};
  constexpr const char* kServing[] = {"ttft_s",    "tpot_s",   "e2e_s",
                                      "statistic", "requests", "cases"};
  const bool serves = keys.stated("serving");
  const auto refuse = [&](const char* key, const char* why) {
    const std::string path = std::string("measured.") + key;
    if (keys.stated(path)) keys.node(path).problem(why);
  };
  if (serves) {
    for (const char* key : kTraining) refuse(key, "belongs to a training scenario");
    const bool apart = keys.stated("measured.cases");
    for (const char* key : {"ttft_s", "tpot_s", "e2e_s", "requests", "iteration_time_s",
                            "tokens_per_s", "tokens_per_s_per_gpu", "bubble_fraction"}) {
      if (apart) refuse(key, "is the table's to say where measured.cases is there");
    }
    if (apart && keys.stated("serving.stage_times_ms")) {
      refuse("cases", "is priced: stage_times_ms goes with a run");
    }
    for (const char* key :
         {"batching.policy", "batching.chunked_prefill", "batching.long_prefill_token_threshold",
          "batching.max_decodes_per_microbatch", "stage_handover", "router", "disaggregated",
          "data_parallel_lock_step", "slo"}) {
      const std::string path = std::string("serving.") + key;
      if (apart && keys.stated(path)) {
        keys.node(path).problem("belongs to a run: measured.cases is a table of steady states",
                                "leave it out");
      }
    }
    for (const char* key : {"measured.ttft_s", "measured.tpot_s", "measured.e2e_s"}) {
      if (keys.node(key).is_map()) refuse("statistic", "names what a single number is");
    }
  } else {
    for (const char* key : kServing) refuse(key, "belongs to a serving scenario");
  }
}

}  // namespace

std::optional<Measured> read_measured(const KeyReader& keys) {
  if (!keys.node("measured").is_map()) return std::nullopt;
  check_kind(keys);
  Measured measured;
  measured.iteration_time_s = keys.number("measured.iteration_time_s");
  measured.tokens_per_s = keys.number("measured.tokens_per_s");
  measured.tokens_per_s_per_gpu = keys.number("measured.tokens_per_s_per_gpu");
  measured.samples_per_s = keys.number("measured.samples_per_s");
  measured.model_tflops_per_gpu = keys.number("measured.model_tflops_per_gpu");
  measured.mfu = keys.number("measured.mfu");
  measured.bubble_fraction = keys.number("measured.bubble_fraction");
  std::string_view statistic = "mean";
  if (const auto index = keys.word("measured.statistic")) statistic = words::kStatistic[*index];
  measured.ttft_s = read_latency(keys, "measured.ttft_s", statistic);
  measured.tpot_s = read_latency(keys, "measured.tpot_s", statistic);
  measured.e2e_s = read_latency(keys, "measured.e2e_s", statistic);
  for (const auto& [path, to] : {std::pair{"measured.requests", &measured.requests},
                                 std::pair{"measured.cases", &measured.cases}}) {
    if (const auto file = keys.text(path)) *to = resolved_path(keys.node(path), *file);
  }
  read_memory(keys, "measured.peak_memory_gib", measured.peak_memory_gib,
              measured.peak_memory_gib_by_rank);
  read_memory(keys, "measured.peak_reserved_gib", measured.peak_reserved_gib,
              measured.peak_reserved_gib_by_rank);
  if (const auto index = keys.word("measured.flops")) measured.flops = words::kFlops[*index];
  keys.read("measured.gate", measured.gate);
  measured.source = keys.text("measured.source").value_or("");
  measured.notes = keys.text("measured.notes").value_or("");
  return measured;
}

}  // namespace plumbline
