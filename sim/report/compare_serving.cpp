// Runs that serve, side by side.
//
// Throughputs and latencies have no parts that sum; the GPUs' time has.  Per million output tokens,
//
//   GPUs x duration = busy (by part) + idle (by cause) + outside the pipelines' spans,
//
// the last being what passes before a pipeline's first step and after its last, replicas that never
// ran included, so that differences of the terms sum to the difference of the whole.
#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <functional>

#include "sim/report/json_writer.h"
#include "sim/report/serving.h"
#include "sim/report/side_by_side.h"
#include "sim/report/text.h"

namespace plumbline {
namespace {

struct Term {
  std::string key;
  double gpu_s = 0;  ///< GPU-seconds per million output tokens
};

std::vector<Term> terms_of(const ServingResult& s) {
  std::vector<Term> terms;
  const double output = s.output_tokens_per_s * s.duration_s;
  const auto pipelines = static_cast<double>(s.stages.size());
  // A mean over stages, as GPU-seconds of all: every stage has as many GPUs.
  const double all =
      s.stage_memory.empty() || s.replicas == 0
          ? 0
          : static_cast<double>(s.gpus) / (static_cast<double>(s.stage_memory.size()) * s.replicas);
  const double scale = output > 0 ? all * pipelines / output * 1e6 : 0;
  double sum = 0;
  const auto add = [&](std::string key, double gpu_s) {
    sum += gpu_s;
    terms.push_back({std::move(key), gpu_s});
  };
  for (std::size_t p = 0; p < kStepParts; ++p) {
    add(kStepPartNames[p], scale * s.busy_parts_s[p]);
  }
  for (std::size_t c = 0; c < kIdleCauses; ++c) {
    double idle = 0;
    for (const StageResult& stage : s.stages) idle += stage.idle_by_cause_s[c];
    add(std::string("idle_") + kIdleCauseNames[c], pipelines > 0 ? scale * idle / pipelines : 0);
  }
  terms.push_back({"outside_spans", s.gpu_seconds_per_million_output_tokens - sum});
  return terms;
}

/// "idle: lack of work"
std::string label_of(std::string key) {
  if (key == "outside_spans") return "before and after";
  std::ranges::replace(key, '_', ' ');
  return key.starts_with("idle ") ? "idle: " + key.substr(5) : key;
}

template <typename Value>
std::vector<double> each(std::span<const NamedServing> runs, Value value) {
  std::vector<double> values;
  for (const NamedServing& run : runs) values.push_back(value(*run.serving));
  return values;
}

std::string headline(std::span<const NamedServing> runs, const std::vector<std::string>& names,
                     const TextStyle& style) {
  SideBySide table(names, style);
  const auto points = [](double a, double b) { return fmt::format("{:+.1f} pt", 100 * (a - b)); };
  const auto as_percent = [](double v) { return percent(v); };
  const auto two = [](double v) { return fmt::format("{:.2f}", v); };
  const auto row = [&](const char* name, auto value, auto text) {
    table.row(name, each(runs, value), text, relative_difference);
  };
  using S = const ServingResult&;
  row(
      "output tokens/s", [](S s) { return s.output_tokens_per_s; }, grouped);
  row(
      "  per GPU", [](S s) { return s.output_tokens_per_s_per_gpu; }, grouped);
  row(
      "TTFT p50", [](S s) { return s.ttft_s.p50; }, duration);
  row(
      "TTFT p90", [](S s) { return s.ttft_s.p90; }, duration);
  row(
      "TPOT p50", [](S s) { return s.tpot_s.p50; }, duration);
  row(
      "TPOT p90", [](S s) { return s.tpot_s.p90; }, duration);
  row(
      "E2E p90", [](S s) { return s.e2e_s.p90; }, duration);
  row(
      "goodput, requests/s", [](S s) { return s.goodput_requests_per_s; }, two);
  table.row("within SLO", each(runs, [](S s) { return s.slo_attainment; }), as_percent, points);
  table.row("bubble", each(runs, [](S s) { return s.bubble_fraction; }), as_percent, points);
  table.row(
      "fits", each(runs, [](S s) { return s.why_not.empty() ? 1.0 : 0.0; }),
      [](double v) { return v > 0 ? "yes" : "NO"; }, [](double, double) { return ""; });
  return table.text();
}

std::string cache_rows(std::span<const NamedServing> runs, const std::vector<std::string>& names,
                       const TextStyle& style) {
  using S = const ServingResult&;
  SideBySide table(names, style);
  const auto row = [&](const char* name, auto value) {
    table.row(name, each(runs, value), grouped, relative_difference);
  };
  const auto count = [&](const char* name, auto value) {
    table.numbers(name, each(runs, value), 0);
  };
  row("tokens of room", [](S s) { return static_cast<double>(s.kv.blocks) * s.kv.block_tokens; });
  row("at the peak", [](S s) { return static_cast<double>(s.peak_blocks) * s.kv.block_tokens; });
  row("bytes a token and GPU", [](S s) { return s.kv.bytes_per_token_per_gpu; });
  count("preemptions", [](S s) { return static_cast<double>(s.preemptions); });
  count("  swapped out", [](S s) { return s.swap ? static_cast<double>(s.swap->out) : 0.0; });
  count("prefix hit tokens", [](S s) { return static_cast<double>(s.prefix_hit_tokens); });
  return table.text();
}

/// Of the GPU with the most weights.
std::string memory_rows(std::span<const NamedServing> runs, const std::vector<std::string>& names,
                        const TextStyle& style) {
  const auto fullest = [](const ServingResult& s) {
    ServingStageMemory most;
    for (const ServingStageMemory& stage : s.stage_memory) {
      if (stage.weights > most.weights) most = stage;
    }
    return most;
  };
  SideBySide table(names, style);
  const auto row = [&](const char* name, double ServingStageMemory::*part) {
    table.numbers(
        name, each(runs, [&](const ServingResult& s) { return fullest(s).*part / 1073741824.0; }),
        2);
  };
  row("weights", &ServingStageMemory::weights);
  row("activations", &ServingStageMemory::activations);
  row("CUDA graphs", &ServingStageMemory::cuda_graphs);
  row("framework", &ServingStageMemory::framework);
  row("KV cache", &ServingStageMemory::kv_cache);
  row("limit", &ServingStageMemory::limit);
  return table.text();
}

std::string verdict(const NamedServing& run, const NamedServing& base) {
  for (const NamedServing* each : {&run, &base}) {
    if (!each->serving->why_not.empty()) {
      return fmt::format("{} does not fit: {}.", each->name, each->serving->why_not);
    }
  }
  const double a = base.serving->gpu_seconds_per_million_output_tokens;
  const double b = run.serving->gpu_seconds_per_million_output_tokens;
  if (!(a > 0) || !(b > 0)) return "";
  if (std::abs(b / a - 1) < 5e-4) {
    return fmt::format("{}: a million output tokens keep the GPUs as long as {}'s.", run.name,
                       base.name);
  }
  std::vector<Term> terms = terms_of(*run.serving);
  const std::vector<Term> before = terms_of(*base.serving);
  for (std::size_t i = 0; i < terms.size(); ++i) terms[i].gpu_s -= before[i].gpu_s;
  std::ranges::stable_sort(terms, std::greater<>(),
                           [](const Term& term) { return std::abs(term.gpu_s); });
  std::string why;
  for (std::size_t i = 0; i < 3 && std::abs(terms[i].gpu_s) >= 0.02 * std::abs(b - a); ++i) {
    why += fmt::format("{}{} {:+.0f}", why.empty() ? ": " : ", ", label_of(terms[i].key),
                       terms[i].gpu_s);
  }
  return fmt::format("{}: a million output tokens keep the GPUs {} {} than {}'s{}{}.", run.name,
                     percent(std::abs(b / a - 1)), b < a ? "shorter" : "longer", base.name, why,
                     why.empty() ? "" : " GPU-seconds");
}

void write_percentiles(JsonWriter& json, const char* key, const Percentiles& p,
                       const Percentiles& less) {
  json.key(key).begin_object(JsonWriter::Layout::kOneLine);
  json.member("p50", p.p50 - less.p50).member("p90", p.p90 - less.p90);
  json.member("p99", p.p99 - less.p99).member("mean", p.mean - less.mean).end_object();
}

/// What is told of a run, less the same of another.
void write_figures(JsonWriter& json, const ServingResult& s, const ServingResult& less) {
  json.member("output_tokens_per_s", s.output_tokens_per_s - less.output_tokens_per_s);
  json.member("output_tokens_per_s_per_gpu",
              s.output_tokens_per_s_per_gpu - less.output_tokens_per_s_per_gpu);
  write_percentiles(json, "ttft_s", s.ttft_s, less.ttft_s);
  write_percentiles(json, "tpot_s", s.tpot_s, less.tpot_s);
  write_percentiles(json, "e2e_s", s.e2e_s, less.e2e_s);
  json.member("goodput_requests_per_s", s.goodput_requests_per_s - less.goodput_requests_per_s);
  json.member("slo_attainment", s.slo_attainment - less.slo_attainment);
  json.member("bubble_fraction", s.bubble_fraction - less.bubble_fraction);
  json.key("bubble_by_cause").begin_object();
  for (std::size_t c = 0; c < kIdleCauses; ++c) {
    json.member(kIdleCauseNames[c], s.bubble_by_cause[c] - less.bubble_by_cause[c]);
  }
  json.end_object();
  json.member("gpu_seconds_per_million_output_tokens",
              s.gpu_seconds_per_million_output_tokens - less.gpu_seconds_per_million_output_tokens);
  const std::vector<Term> terms = terms_of(s), others = terms_of(less);
  json.key("gpu_seconds_by_part").begin_object();
  for (std::size_t i = 0; i < terms.size(); ++i) {
    json.member(terms[i].key, terms[i].gpu_s - others[i].gpu_s);
  }
  json.end_object();
  const auto tokens = [](const ServingResult& of, std::int64_t blocks) {
    return static_cast<double>(blocks) * of.kv.block_tokens;
  };
  json.key("kv_cache").begin_object();
  json.member("capacity_tokens", tokens(s, s.kv.blocks) - tokens(less, less.kv.blocks));
  json.member("peak_tokens", tokens(s, s.peak_blocks) - tokens(less, less.peak_blocks));
  json.member("bytes_per_token_per_gpu",
              s.kv.bytes_per_token_per_gpu - less.kv.bytes_per_token_per_gpu);
  json.member("preemptions", s.preemptions - less.preemptions);
  json.member("prefix_hit_tokens", s.prefix_hit_tokens - less.prefix_hit_tokens);
  json.end_object();
}

}  // namespace

std::string compare_serving_table(std::span<const NamedServing> all, const TextStyle& asked) {
  assert(!all.empty());
  TextStyle style = asked;
  style.width = std::max(60, style.width);
  std::vector<std::string> names;
  for (const NamedServing& run : all) names.push_back(run.name);
  const std::vector<std::string> called = short_names(names);
  std::vector<NamedServing> runs(all.begin(), all.end());
  for (std::size_t i = 0; i < runs.size(); ++i) runs[i].name = called[i];

  std::string out = legend_of(names, called, style.width);
  out += headline(runs, called, style);
  out += heading("GPU-seconds per million output tokens", style);
  SideBySide parts(called, style);
  std::vector<std::vector<Term>> terms;
  for (const NamedServing& run : runs) terms.push_back(terms_of(*run.serving));
  for (std::size_t i = 0; i < terms[0].size(); ++i) {
    std::vector<double> values;
    for (const auto& list : terms) values.push_back(list[i].gpu_s);
    parts.numbers(label_of(terms[0][i].key), values, 0);
  }
  parts.numbers(
      "in all",
      each(runs, [](const ServingResult& s) { return s.gpu_seconds_per_million_output_tokens; }),
      0);
  out += parts.text();
  out += heading("KV cache of a replica", style) + cache_rows(runs, called, style);
  out += heading("Memory of the GPU with the most weights, GiB", style);
  out += memory_rows(runs, called, style) + "\n";
  for (std::size_t i = 1; i < runs.size(); ++i) {
    for (const std::string& line : wrap(verdict(runs[i], runs[0]), style.width - 2)) {
      out += "  " + line + "\n";
    }
  }
  return style.ascii ? plain_ascii(out) : out;
}

std::string compare_serving_json(std::span<const NamedServing> runs) {
  assert(!runs.empty());
  ServingResult nothing;
  nothing.slo_attainment = 0;
  JsonWriter json;
  json.begin_object().member("schema", "plumbline.comparison/1");
  json.key("runs").begin_array();
  for (const NamedServing& run : runs) {
    json.begin_object().member("name", std::string_view(run.name));
    json.member("fits", run.result->fits);
    json.key("serving").begin_object();
    write_figures(json, *run.serving, nothing);
    json.end_object();
    json.key("difference").begin_object();
    write_figures(json, *run.serving, *runs.front().serving);
    json.end_object().end_object();
  }
  json.end_array().end_object();
  return std::move(json).take();
}

}  // namespace plumbline
